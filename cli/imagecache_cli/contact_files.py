"""Reads a file of contacts in the forms that spreadsheets and address books write.

Three formats are read: CSV (contact_csv.py), vCard (contact_cards.py), and a JSON list of objects with the
names of the CSV columns. Several values in one cell are separated by `|`, or by ` ::: ` as Google does.
"""

import codecs
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagecache_cli.api import Json
from imagecache_cli.contact_cards import read_cards
from imagecache_cli.contact_columns import KINDS, ContactEntry, column
from imagecache_cli.contact_csv import read_csv
from imagecache_cli.errors import SettingsError

CHECKS = (
    "Checked: the contactIds, and the form of phone numbers and e-mail addresses. Only the import itself "
    "checks whether a number is possible in its country, whether a picture's URL may be fetched, and whether "
    "another contact has the same identifier."
)

# The API's rule for a contactId. It is checked here, too, so that --dry-run finds the problem.
_CONTACT_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
# The API's limit for the longest field, a picture's URL.
_MOST_CHARS = 65_536
# Enough for thousands of vCards with embedded photos. A device or a file of another kind may never end.
_MAX_BYTES = 256 << 20
# No phone number has fewer digits. The import itself checks numbers against the rules of their country.
_FEWEST_DIGITS = 2
# Spreadsheets write a number that they take for a fraction with a zero, a large one as a power of ten, and a
# text that looks like a number as a formula or after an apostrophe.
_FRACTION = re.compile(r"(\+?\d{5,})[.,]0{1,2}")
_POWER_OF_TEN = re.compile(r"\d(?:[.,](\d+))?[eE]\+?(\d{1,2})")
_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
# A file that was joined from others may begin with their marks.
_FIRST_CARD = re.compile(r"[\s\ufeff\x1a]*BEGIN:VCARD\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact from a file or from the command line.

    `problem` is the reason why the contact cannot be sent, or empty if it can. `number` is the line in a CSV
    file, the position in a JSON list or among vCards, or 0.
    """

    contact_id: str
    full_name: str | None
    image_url: str | None
    identifiers: Mapping[str, list[str]]
    participant_ids: list[str]
    number: int = 0
    problem: str = ""

    def body(self) -> Json:
        """Returns the contact as the body of a PUT request. Empty fields are left out."""
        body: Json = {"identifiers": {kind: values for kind, values in self.identifiers.items() if values}}
        if self.full_name:
            body["fullName"] = self.full_name
        if self.image_url:
            body["imageUrl"] = self.image_url
        if self.participant_ids:
            body["participantIds"] = self.participant_ids
        return body


def read_contact_rows(file: Path) -> list[ContactRow]:
    """Returns every row, also rows with a problem.

    Raises SettingsError if the file cannot be read, or is larger than any list of contacts with photos.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{file.name} cannot be opened ({error.strerror}): check the path") from error
    if len(content) > _MAX_BYTES:
        raise SettingsError(f"{file.name} is larger than {_MAX_BYTES >> 20} MB: divide it into smaller files")
    if content.startswith(b"PK\x03\x04"):
        raise SettingsError(f"{file.name} is a workbook or an archive: save the contacts as CSV first")
    first_numbers: dict[str, int] = {}
    rows = [_contact_row(entry, first_numbers) for entry in _entries(content, file)]
    if not rows:
        raise SettingsError(f"{file.name} contains no contacts: add at least one")
    return rows


def _entries(content: bytes, file: Path) -> Iterator[ContactEntry]:
    text = _decoded(content)
    if file.suffix.lower() in {".vcf", ".vcard"} or _FIRST_CARD.match(text):
        return read_cards(text)
    if file.suffix.lower() == ".json":
        return _json_entries(text, file)
    return read_csv(text, file.name)


def _decoded(content: bytes) -> str:
    """Returns the text of a file in UTF-8, UTF-16 or Windows-1252.

    Excel writes all three. Each byte that is not valid UTF-8 is read as Windows-1252, so that one damaged row
    does not change the letters of the others.
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, errors="windows-1252" if mark is codecs.BOM_UTF8 else "replace")
    # Without a mark, UTF-16 shows by its zeros: every second byte of Latin letters, commas and line ends.
    start = content[:200]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(zeros) > 1 and zeros.count(0) * 2 > len(zeros):
            return content.decode(encoding, errors="replace")
    return content.decode(errors="windows-1252")


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Handles bytes that are not valid UTF-8, as `codecs.register_error` describes it."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error("windows-1252", _as_windows_1252)


def _json_entries(text: str, file: Path) -> Iterator[ContactEntry]:
    """Yields the contacts, numbered by their position from 1. Raises SettingsError."""
    try:
        # A number stays as it was written, because a phone number may have lost its quotation marks.
        document = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file.name} is not JSON ({error})") from error
    # The answer of `imagecache contacts list --json` is an object with the list.
    items = document.get("contacts") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise SettingsError(f"{file.name} must contain a list of contacts")
    for number, item in enumerate(items, start=1):
        fields = item if isinstance(item, dict) else {}
        # A list of all contacts has Beeper's own, too. Stored by hand, they would no longer follow Beeper,
        # and win against the contacts of other sources.
        if fields.get("source") == "beeper":
            continue
        entry = ContactEntry(number)
        identifiers = fields.get("identifiers")
        # In the API's answers the identifiers are in a separate object.
        nested = identifiers if isinstance(identifiers, dict) else {}
        for name, value in [*fields.items(), *nested.items()]:
            if isinstance(value, str):
                entry.add_cell(column(name), value)
            for each in value if isinstance(value, list) else []:
                if isinstance(each, str):
                    entry.add(column(name), each)
        yield entry


def _contact_row(entry: ContactEntry, first_numbers: dict[str, int]) -> ContactRow:
    """Returns the contact in `entry`, with its first problem if it has one.

    `first_numbers` has the number of the first row with each contactId so far. This function adds the row.
    """
    identifiers = {kind: _values(entry, kind) for kind in KINDS}
    participant_ids = _values(entry, "participantIds")
    full_name = entry.full_name()
    contact_id = entry.first("contactId") or _generated_id(identifiers, participant_ids)
    problem = entry.problem or _id_problem(contact_id)
    if not problem:
        first_number = first_numbers.setdefault(contact_id, entry.number)
        if first_number != entry.number:
            problem = f"row {first_number} has the same contactId: give this row another, or combine them"
    return ContactRow(
        contact_id,
        full_name,
        entry.first("imageUrl"),
        identifiers,
        participant_ids,
        entry.number,
        problem or _length_problem(entry) or _identifier_problem(identifiers),
    )


def _values(entry: ContactEntry, name: str) -> list[str]:
    """Returns all values of all columns with this meaning, each once and in their order."""
    values = entry.fields.get(name, [])
    if name in {"phone", "whatsapp"}:
        values = [_without_spreadsheet_signs(value) for value in values]
    return list(dict.fromkeys(filter(None, values)))


def _without_spreadsheet_signs(text: str) -> str:
    if match := _FORMULA.fullmatch(text):
        text = match[1]
    text = text.removeprefix("'")
    match = _FRACTION.fullmatch(text)
    return match[1] if match else text


def _generated_id(identifiers: Mapping[str, list[str]], participant_ids: list[str]) -> str:
    """Returns an id made from the first identifier, or an empty text without identifiers.

    Every import gives the contact the same id, so that it replaces the contact instead of adding another one.
    """
    values = [*(f"{kind} {texts[0]}" for kind, texts in identifiers.items() if texts), *participant_ids]
    return f"file:{hashlib.sha256(values[0].encode(errors='replace')).hexdigest()[:16]}" if values else ""


def _id_problem(contact_id: str) -> str:
    if not contact_id:
        return f"the row has no contactId and no identifier: give one of {', '.join(KINDS)} or participantIds"
    # The last two would lead to another path.
    if not _CONTACT_ID.fullmatch(contact_id) or contact_id in {".", ".."}:
        return "the contactId must be 1 to 128 letters, digits or . _ : @ + -"
    return ""


def _length_problem(entry: ContactEntry) -> str:
    for name, cells in entry.fields.items():
        longest = max(map(len, cells))
        if longest > _MOST_CHARS:
            return f"{name} has {longest:,} characters, and at most {_MOST_CHARS:,} are accepted: shorten it"
    return ""


def _identifier_problem(identifiers: Mapping[str, list[str]]) -> str:
    """Returns the problem of the first identifier that is certainly not valid, or an empty text.

    Only the API decides which identifiers are valid. This check finds obvious mistakes before they are sent.
    """
    # Instagram names are not checked, because the API also accepts the addresses of their pages.
    for kind in ("whatsapp", "phone"):
        for text in identifiers[kind]:
            if sum(letter.isdigit() for letter in text) < _FEWEST_DIGITS:
                return f"{text[:60]!r} is not a valid phone number, for example +44 20 7946 0958"
            match = _POWER_OF_TEN.fullmatch(text)
            if match and len(match[1] or "") != int(match[2]):
                return (
                    f"{text!r} is not a valid phone number: a spreadsheet has rounded it, so its last digits"
                    " are lost; format the column as text first"
                )
    for text in identifiers["email"]:
        if "@" not in text:
            return f"{text[:60]!r} is not a valid e-mail address, for example ada@example.com"
    return ""
