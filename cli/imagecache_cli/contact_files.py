"""A file of contacts → its rows, whatever a spreadsheet or an address book has made of it.

CSV: a line of names, then a contact a line; `,` or `;`, with or without a byte order mark. JSON: a list of
objects with the same names. Columns that are not known are passed over, several values stand between `|`.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagecache_cli.api import Json
from imagecache_cli.errors import SettingsError

_KINDS = ("instagram", "whatsapp", "phone", "email")
_BETWEEN = "|"
# As people and exports write the names, without case, blanks and signs.
_NAMES = {
    "contactid": "contactId",
    "id": "contactId",
    "fullname": "fullName",
    "name": "fullName",
    "imageurl": "imageUrl",
    "image": "imageUrl",
    "photo": "imageUrl",
    "phones": "phone",
    "phonenumber": "phone",
    "emails": "email",
    "participantids": "participantIds",
    **{kind: kind for kind in _KINDS},
}
_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")


@dataclass(frozen=True, slots=True)
class Row:
    """A contact as it was written; `trouble` says why it cannot be put."""

    contact_id: str
    full_name: str | None
    image_url: str | None
    identifiers: Mapping[str, list[str]]
    participant_ids: list[str]
    number: int = 0
    trouble: str = field(default="")

    def body(self) -> Json:
        """As the API takes it."""
        sent: Json = {"identifiers": {kind: texts for kind, texts in self.identifiers.items() if texts}}
        optional = {"fullName": self.full_name, "imageUrl": self.image_url}
        sent |= {name: value for name, value in optional.items() if value}
        return {**sent, "participantIds": self.participant_ids} if self.participant_ids else sent


def read_rows(file: Path) -> list[Row]:
    """Every row, also those that cannot be put. Raises SettingsError when the file is of no use."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} cannot be read as UTF-8 ({type(error).__name__})") from error
    rows = [*(_of_json(text, file) if file.suffix.lower() == ".json" else _of_csv(text, file))]
    if not rows:
        raise SettingsError(f"{file.name} holds no contacts")
    first: dict[str, int] = {}
    return [_row(fields, number, first) for number, fields in rows]


def _of_csv(text: str, file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.partition("\n")[0]
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter=";" if header.count(";") > header.count(",") else ","
    )
    try:
        names = [_name(one) for one in next(reader, [])]
        _check(names, file)
        for values in reader:
            if any(value.strip() for value in values):
                yield (
                    reader.line_num,
                    {name: value for name, value in zip(names, values, strict=False) if name},
                )
    except csv.Error as error:
        raise SettingsError(f"{file.name} is no CSV after line {reader.line_num}: {error}") from error


def _of_json(text: str, file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file.name} is no JSON") from error
    entries = document.get("contacts") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise SettingsError(f"{file.name} must hold a list of contacts")
    for number, entry in enumerate(entries, start=1):
        known = entry if isinstance(entry, dict) else {}
        inner = known.get("identifiers")
        known = {**known, **(inner if isinstance(inner, dict) else {})}
        yield number, {_name(name): value for name, value in known.items() if _name(name)}


def _check(names: list[str], file: Path) -> None:
    if not set(names) & {*_KINDS, "participantIds"}:
        known = "contactId, fullName, imageUrl, instagram, whatsapp, phone, email, participantIds"
        raise SettingsError(f"{file.name} must begin with a line of names, some of {known}")


def _name(written: str) -> str:
    """Empty for a column that is not known."""
    return _NAMES.get(re.sub(r"[^a-z]", "", written.lower()), "")


def _row(fields: dict[str, Any], number: int, first: dict[str, int]) -> Row:
    identifiers = {kind: _several(fields.get(kind)) for kind in _KINDS}
    participants = _several(fields.get("participantIds"))
    name, image = _one(fields.get("fullName")), _one(fields.get("imageUrl"))
    contact_id = _one(fields.get("contactId")) or _made_id(identifiers, participants)
    trouble = ""
    if not contact_id:
        trouble = "nothing to find this contact by"
    elif not _ID.fullmatch(contact_id):
        trouble = "a contactId is made of letters, digits and . _ : @ + -"
    elif contact_id in first:
        trouble = f"the same contactId as row {first[contact_id]}"
    first.setdefault(contact_id, number)
    return Row(contact_id, name, image, identifiers, participants, number, trouble)


def _made_id(identifiers: Mapping[str, list[str]], participants: list[str]) -> str:
    """The same each time the file is imported: of the first thing that the contact is found by."""
    found_by = [*(f"{kind} {texts[0]}" for kind, texts in identifiers.items() if texts), *participants]
    return f"file:{hashlib.sha256(found_by[0].encode(errors='replace')).hexdigest()[:16]}" if found_by else ""


def _one(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int) else None


def _several(value: Any) -> list[str]:
    """Texts, in a list or between bars."""
    values = value if isinstance(value, list) else str(value or "").split(_BETWEEN)
    return [text for text in map(_one, values) if text]
