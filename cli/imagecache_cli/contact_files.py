"""Reads a file of contacts in the forms that spreadsheets and address books write.

A CSV file has a line of column names and then a line for each contact. Cells are separated by `,` or `;`, and
a byte order mark is allowed. A JSON file is a list of objects with the same names. Unknown columns are
ignored. Several values in one cell are separated by `|`.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagecache_cli.api import Json
from imagecache_cli.errors import SettingsError

CHECKS = (
    "Checked: the contactIds, and the form of phone numbers and e-mail addresses. Only the import itself "
    "checks whether a number is possible in its country, whether a picture's URL may be fetched, and whether "
    "another contact has the same identifier."
)

KINDS = ("instagram", "whatsapp", "phone", "email")
"""The kinds of identifiers, by the API's names. Each is also the name of a column."""

_SEPARATOR = "|"
# The names that people and other programs give to columns, in lower case and without spaces and signs.
_COLUMNS = {
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
    **{kind: kind for kind in KINDS},
}
# The API's rule for a contactId. It is checked here, too, so that --dry-run finds the problem.
_CONTACT_ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
# No phone number has fewer digits. The import itself checks numbers against the rules of their country.
_FEWEST_DIGITS = 2


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact from a file or from the command line.

    `problem` is the reason why the contact cannot be sent, or empty if it can. `number` is the line in a CSV
    file, the position in a JSON list, or 0.
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
    """Returns every row, also rows with a problem. Raises SettingsError if the file cannot be read."""
    try:
        # Excel begins UTF-8 files with a byte order mark, which this encoding removes.
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{file.name} cannot be opened ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file.name} is not in UTF-8: save it as UTF-8 first") from error
    is_json = file.suffix.lower() == ".json"
    entries = _json_entries(text, file) if is_json else _csv_entries(text, file)
    first_numbers: dict[str, int] = {}
    rows = [_contact_row(fields, number, first_numbers) for number, fields in entries]
    if not rows:
        raise SettingsError(f"{file.name} contains no contacts: add at least one")
    return rows


def _csv_entries(text: str, file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the line number and the values by column of each contact. Raises SettingsError."""
    header = text.partition("\n")[0]
    # Spreadsheets write semicolons in countries where the comma separates decimals.
    delimiter = ";" if header.count(";") > header.count(",") else ","
    # The line ends are kept, because a quoted cell may contain some.
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        columns = [_column(name) for name in next(reader, [])]
        # A first line without any identifier is probably a contact: the file has no column names.
        if not set(columns) & {*KINDS, "participantIds"}:
            names = ", ".join(("contactId", "fullName", "imageUrl", *KINDS, "participantIds"))
            raise SettingsError(f"{file.name} must begin with a line of column names, some of {names}")
        for values in reader:
            if any(value.strip() for value in values):
                # Rows may be shorter than the header or longer, because many programs omit empty cells at
                # the end.
                fields = {name: value for name, value in zip(columns, values, strict=False) if name}
                yield reader.line_num, fields
    except csv.Error as error:
        raise SettingsError(f"{file.name} is not CSV after line {reader.line_num}: {error}") from error


def _json_entries(text: str, file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the position, from 1, and the values by column of each contact. Raises SettingsError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file.name} is not JSON ({error})") from error
    # The answer of `imagecache contacts list --json` is an object with the list.
    entries = document.get("contacts") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise SettingsError(f"{file.name} must contain a list of contacts")
    for number, entry in enumerate(entries, start=1):
        fields = entry if isinstance(entry, dict) else {}
        # A list of all contacts has Beeper's own, too. Stored by hand, they would no longer follow Beeper,
        # and win against the contacts of other sources.
        if fields.get("source") == "beeper":
            continue
        identifiers = fields.get("identifiers")
        # In the API's answers the identifiers are in a separate object.
        fields = {**fields, **(identifiers if isinstance(identifiers, dict) else {})}
        yield number, {_column(name): value for name, value in fields.items() if _column(name)}


def _column(name: str) -> str:
    """Returns the API's field name for the name of a column, or an empty text if it is unknown."""
    return _COLUMNS.get(re.sub(r"[^a-z]", "", name.lower()), "")


def _contact_row(fields: dict[str, Any], number: int, first_numbers: dict[str, int]) -> ContactRow:
    """Returns the contact in `fields`, with its first problem if it has one.

    `first_numbers` has the number of the first row with each contactId so far. This function adds the row.
    """
    identifiers = {kind: _texts(fields.get(kind)) for kind in KINDS}
    participant_ids = _texts(fields.get("participantIds"))
    contact_id = _text(fields.get("contactId")) or _generated_id(identifiers, participant_ids)
    first_number = first_numbers.setdefault(contact_id, number)
    problem = _id_problem(contact_id)
    if not problem and first_number != number:
        problem = f"row {first_number} has the same contactId"
    problem = problem or _identifier_problem(identifiers)
    return ContactRow(
        contact_id,
        _text(fields.get("fullName")),
        _text(fields.get("imageUrl")),
        identifiers,
        participant_ids,
        number,
        problem,
    )


def _generated_id(identifiers: Mapping[str, list[str]], participant_ids: list[str]) -> str:
    """Returns an id made from the first identifier, or an empty text without identifiers.

    Every import gives the contact the same id, so that it replaces the contact instead of adding another one.
    """
    values = [*(f"{kind} {texts[0]}" for kind, texts in identifiers.items() if texts), *participant_ids]
    return f"file:{hashlib.sha256(values[0].encode(errors='replace')).hexdigest()[:16]}" if values else ""


def _id_problem(contact_id: str) -> str:
    if not contact_id:
        return f"the row has no contactId and no identifier: give one of {', '.join(KINDS)} or participantIds"
    if not _CONTACT_ID.fullmatch(contact_id):
        return "the contactId must be 1 to 128 letters, digits or . _ : @ + -"
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
    for text in identifiers["email"]:
        if not _EMAIL.fullmatch(text):
            return f"{text[:60]!r} is not a valid e-mail address, for example ada@example.com"
    return ""


def _text(value: Any) -> str | None:
    """Returns a text or a whole number as a text without outer spaces.

    Returns None if nothing is left, or if the value has another type.
    """
    return str(value).strip() or None if isinstance(value, str | int) else None


def _texts(value: Any) -> list[str]:
    """Returns the texts in a list, or the parts of one text that are separated by `|`."""
    values = value if isinstance(value, list) else str(value or "").split(_SEPARATOR)
    return [text for text in map(_text, values) if text]
