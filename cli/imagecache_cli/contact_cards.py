"""Reads vCards of the versions 2.1, 3.0 and 4.0, as Apple, Google and Outlook write them.

Only what a contact has is read: the name, the photo, and the identifiers. A card that is damaged is reported,
and the others are read.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from imagecache_cli.contact_columns import ContactEntry
from imagecache_cli.contact_photos import PhotoError, photo_url

_PARAMETER = re.compile(r';([^=:;]+)(?:=((?:"[^"]*"|[^";:])*))?')
_NAME = re.compile(r"(?:[\w-]+\.)?([\w-]+)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED_SEMICOLON = re.compile(r"(?<!\\);")
_DATA_URL = re.compile(r"data:", re.IGNORECASE)
# Numbers of machines rather than of the person.
_NO_PHONE = {"fax", "pager", "modem", "bbs", "isdn"}
_MARKS_OF_FILES = " \t\ufeff\x1a"
_MESSENGERS = {"instagram": "instagram", "whatsapp": "whatsapp"}


@dataclass(frozen=True, slots=True)
class _Property:
    """One property of a card. `parameters` has values in lower case by names in lower case."""

    name: str
    parameters: Mapping[str, set[str]]
    value: str

    def is_a(self, *kinds: str) -> bool:
        """Returns True if the property has one of these types, such as `fax`."""
        return bool(self.parameters.get("type", set()) & set(kinds))


def read_cards(text: str) -> Iterator[ContactEntry]:
    """Yields the contacts, numbered by their position in the file from 1.

    Files that were joined have a byte order mark or Windows' end mark between the cards, which are left out.
    """
    number = 0
    depth = 0
    entry: ContactEntry | None = None
    previous = ""
    for line in _unfolded(text):
        marker = line.strip(_MARKS_OF_FILES).upper()
        if marker == "BEGIN:VCARD":
            # Version 2.1 may contain the card of an agent, which is another person.
            is_nested = entry is not None and previous.startswith("AGENT")
            if entry and not is_nested:
                yield _unfinished(entry)
            depth = depth + 1 if is_nested else 1
            if not is_nested:
                number += 1
                entry = ContactEntry(number)
        elif marker == "END:VCARD":
            depth = max(0, depth - 1)
            if depth == 0 and entry:
                yield entry
                entry = None
        elif entry and depth == 1:
            _add(entry, line)
        previous = marker
    if entry:
        yield _unfinished(entry)


def _unfinished(entry: ContactEntry) -> ContactEntry:
    entry.problem = (
        entry.problem or "the card has no END:VCARD, so a part of it may be missing: export it again"
    )
    return entry


def _unfolded(text: str) -> Iterator[str]:
    """Yields the lines without their folding.

    A line that begins with a space continues the one before. In version 2.1 a line in quoted-printable that
    ends with `=` is continued by the next one. Some programs fold between the bytes of a letter, so the
    continuation is joined before such letters are decoded.
    """
    line = ""
    for each in re.split(r"\r\n|\r|\n", text):
        # Quoted-printable comes first, because a space that follows its break belongs to the text.
        if line.endswith("=") and "QUOTED-PRINTABLE" in line.partition(":")[0].upper():
            line = line[:-1] + each
        elif each[:1] in {" ", "\t"} and line:
            line += each[1:]
        else:
            if line:
                yield line
            line = each
    if line:
        yield line


def _add(entry: ContactEntry, line: str) -> None:
    """Adds the values of one property to the contact, if the contact has use for it."""
    parsed = _parsed(line)
    if parsed is None:
        return
    if parsed.name == "photo":
        _add_photo(entry, parsed)
        return
    for name, value in _values(parsed):
        entry.add(name, value)


def _parsed(line: str) -> _Property | None:
    """Returns the property of a line, or None if the line has none."""
    match = _NAME.match(line)
    if not match:
        return None
    parameters: dict[str, set[str]] = {}
    position = match.end()
    while part := _PARAMETER.match(line, position):
        position = part.end()
        # Version 2.1 writes `;CELL` for `;TYPE=CELL`, and `;QUOTED-PRINTABLE` for an encoding.
        name, value = (part[1].lower(), part[2]) if part[2] is not None else ("type", part[1])
        parameters.setdefault(name, set()).update(
            each.strip().lower() for each in value.replace('"', "").split(",")
        )
    if line[position : position + 1] != ":":
        return None
    value = line[position + 1 :]
    if "quoted-printable" in parameters.get("encoding", set()) | parameters.get("type", set()):
        value = _from_quoted_printable(value, parameters.get("charset", set()))
    return _Property(match[1].lower(), parameters, value.strip())


def _from_quoted_printable(value: str, charsets: set[str]) -> str:
    content = quopri.decodestring(value.encode(errors="replace"))
    for charset in (*charsets, "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("cp1252", errors="replace")


def _values(parsed: _Property) -> Iterator[tuple[str, str]]:
    """Yields the values of a property with their meanings."""
    value = _unescaped(parsed.value)
    if parsed.name == "fn":
        yield "fullName", value
    elif parsed.name == "n":
        parts = [_unescaped(part) for part in _UNESCAPED_SEMICOLON.split(parsed.value)]
        yield from zip(("familyName", "givenName", "middleName"), parts, strict=False)
    elif parsed.name == "nickname":
        yield "nickname", value
    elif parsed.name == "org":
        yield "organization", _unescaped(_UNESCAPED_SEMICOLON.split(parsed.value)[0])
    elif parsed.name == "email":
        yield "email", value
    elif parsed.name == "tel" and not (parsed.is_a(*_NO_PHONE) and not parsed.is_a("cell", "voice")):
        yield "whatsapp" if parsed.is_a("whatsapp") else "phone", value
    else:
        yield from _of_messenger(parsed, value)


def _of_messenger(parsed: _Property, value: str) -> Iterator[tuple[str, str]]:
    """Yields the user name or number of a social profile, or of a field that is named after its network."""
    if parsed.name in {"x-instagram", "x-whatsapp"}:
        yield parsed.name.removeprefix("x-"), value
    elif parsed.name in {"x-socialprofile", "socialprofile", "impp"}:
        services = {
            *parsed.parameters.get("type", ()),
            *parsed.parameters.get("service-type", ()),
            *parsed.parameters.get("x-service-type", ()),
        }
        user = next(iter(parsed.parameters.get("x-user", ())), "")
        for service in services & _MESSENGERS.keys():
            # Apple writes `x-apple:ada` for a name without a URL.
            yield _MESSENGERS[service], user or re.sub(r"^x-apple:", "", value)


def _unescaped(value: str) -> str:
    """Returns the text without backslashes. A line end in a name becomes a space."""
    return _ESCAPE.sub(lambda match: " " if match[1] in "nN" else match[1], value).strip()


def _add_photo(entry: ContactEntry, parsed: _Property) -> None:
    """Adds the URL of the photo, or a `data:` URL of an embedded one. A later photo is ignored."""
    value = _unescaped(parsed.value)
    encodings = parsed.parameters.get("encoding", set()) | parsed.parameters.get("type", set())
    try:
        if _DATA_URL.match(value):
            head, _, data = value.partition(",")
            is_encoded = head.lower().endswith("base64")
            entry.add("imageUrl", photo_url(_from_base64(data)) if is_encoded else value)
        elif encodings & {"b", "base64"}:
            entry.add("imageUrl", photo_url(_from_base64(value)))
        else:
            entry.add("imageUrl", value)
    except PhotoError as error:
        entry.problem = str(error)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s", "", text))
    except binascii.Error as error:
        raise PhotoError("the photo is damaged: export the card again, or remove its photo") from error
