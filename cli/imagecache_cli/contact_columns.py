"""The meaning of columns and properties in files of contacts, and the values that one contact has there."""

import re
from dataclasses import dataclass, field

KINDS = ("instagram", "whatsapp", "phone", "email")
"""The kinds of identifiers, by the API's names. Each is also the name of a column."""

COLUMNS = ("contactId", "fullName", "imageUrl", *KINDS, "participantIds")
"""The names of columns in the README. `column` understands the names that other programs use, too."""

# The names that people and other programs give to columns, in lower-case letters only.
_EXACT = {
    "contactid": "contactId",
    "id": "contactId",
    **dict.fromkeys(("fullname", "name", "displayname", "fileas"), "fullName"),
    **dict.fromkeys(("firstname", "givenname", "forename"), "givenName"),
    **dict.fromkeys(("middlename", "additionalname"), "middleName"),
    **dict.fromkeys(("lastname", "familyname", "surname"), "familyName"),
    "nickname": "nickname",
    **dict.fromkeys(("organization", "organizationname", "company", "companyname"), "organization"),
    "participantid": "participantIds",
    "participantids": "participantIds",
}
# People separate several values in a cell by | or by line ends, and Google by three colons.
_SEPARATOR = re.compile(r"\||\s:::\s|\r\n?|\n")
_WHERE = r"(?:home|work|business|personal|private|primary|secondary|main|other|office)?"
# Google ends the names of columns with "Value", and Outlook with "Address". Numbers of other people and of
# machines, such as "Company Main Phone", "Assistant's Phone" and "Home Fax", match no pattern.
_PATTERNS = (
    ("email", re.compile(rf"{_WHERE}e?mails?(?:add?resse?s?)?{_WHERE}(?:value)?")),
    (
        "phone",
        re.compile(
            rf"{_WHERE}(?:(?:mobile|cell|car|radio|iphone|tele|i)?phones?|mobile|cell|cellular|tele?|signal|imessage)"
            rf"{_WHERE}(?:mobile|cell)?(?:numbers?)?(?:mobile|cell)?{_WHERE}(?:value)?"
        ),
    ),
    ("whatsapp", re.compile(r"whatsapp(?:phone|numbers?|id)*(?:value)?")),
    ("instagram", re.compile(r"instagram(?:user|names?|handle|url|link|profile|account|id|page)*(?:value)?")),
    (
        "imageUrl",
        re.compile(r"(?:profile)?(?:image|photo|picture|avatar)(?:url|uri|link|address)?(?:value)?"),
    ),
)


@dataclass(slots=True)
class ContactEntry:
    """The values of one contact in a file, by meaning.

    `number` is the line or the position of the contact. `problem` is the reason why it cannot be read, or
    empty.
    """

    number: int
    fields: dict[str, list[str]] = field(default_factory=dict)
    problem: str = ""

    def add(self, name: str, value: str) -> None:
        """Adds a value, unless it is empty or the meaning `name` is."""
        if name and value.strip():
            self.fields.setdefault(name, []).append(value.strip())

    def add_cell(self, name: str, cell: str) -> None:
        """Adds each of the values in a cell. Only identifiers may be several."""
        is_list = name in KINDS or name == "participantIds"
        for value in _SEPARATOR.split(cell) if is_list else [cell]:
            self.add(name, value)

    def first(self, name: str) -> str | None:
        """Returns the first value, or None if there is none."""
        return next(iter(self.fields.get(name, [])), None)

    def full_name(self) -> str | None:
        """Returns the name, or else its parts, or else the nickname or the organization, if any."""
        parts = [self.first(part) for part in ("givenName", "middleName", "familyName")]
        joined = " ".join(part for part in parts if part)
        return self.first("fullName") or joined or self.first("nickname") or self.first("organization")


def column(name: str) -> str:
    """Returns the meaning of a column: one of COLUMNS or a part of a name, or "" if it is unknown."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    if letters in _EXACT:
        return _EXACT[letters]
    return next((meaning for meaning, pattern in _PATTERNS if pattern.fullmatch(letters)), "")
