"""What a request may carry of a contact: its id, and the identifiers that find it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagecache.api.fields import MOST_URL_CHARS, Flag, Schema, Text, Texts
from imagecache.errors import InvalidRequestError
from imagecache.model.access import Role
from imagecache.model.contact import IdentifierKind

# They stand in paths, which HTTP APIs decode; claims of identifiers begin with `id#`.
_ID = r"[A-Za-z0-9._:@+-]{1,128}"
_MOST_EACH = 50
_MOST_CHARS = 254

SENT_KINDS = (IdentifierKind.INSTAGRAM, IdentifierKind.WHATSAPP, IdentifierKind.PHONE, IdentifierKind.EMAIL)
"""Those that people write; links made by hand are a field of their own."""


@dataclass(frozen=True, slots=True)
class ContactId:
    """Chosen by whoever makes the contact."""

    name: str = "contactId"
    default: None = None
    required: bool = True
    role: Role = Role.NONE
    about: str = "chosen by whoever makes the contact"

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(_ID, value):
            raise InvalidRequestError(f"{self.name} must be 1 to 128 letters, digits or . _ : @ + -")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_ID}$"}


@dataclass(frozen=True, slots=True)
class IdentifierTexts:
    """Lists of texts by the kind of identifier; what they amount to is not looked at here."""

    name: str = "identifiers"
    default: Mapping[IdentifierKind, list[str]] = field(default_factory=dict)
    required: bool = False
    role: Role = Role.NONE
    about: str = "what finds the contact's people; phone numbers in any notation"

    def read(self, value: Any) -> dict[IdentifierKind, list[str]]:
        if not isinstance(value, dict) or value.keys() - set(SENT_KINDS):
            raise InvalidRequestError(f"{self.name} may hold lists of {', '.join(SENT_KINDS)}")
        return {IdentifierKind(kind): _texts(kind).read(texts) for kind, texts in value.items()}

    def schema(self) -> Schema:
        lists = {kind.value: _texts(kind).schema() for kind in SENT_KINDS}
        return {"type": "object", "properties": lists, "additionalProperties": False}


def _texts(kind: str) -> Texts:
    return Texts(kind, _MOST_EACH, _MOST_CHARS)


CONTACT_PATH = (ContactId(),)
CONTACT_BODY = (
    Text("fullName", 500),
    Text("imageUrl", MOST_URL_CHARS, about="of any scheme that images are fetched from"),
    IdentifierTexts(),
    Texts("participantIds", _MOST_EACH, 1024, about="links by hand, which win over every identifier"),
    Flag("withoutSync", about="start no sync: whoever puts many starts one after the last"),
)
