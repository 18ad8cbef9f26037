"""The fields of a contact that a request may contain: its id, and the identifiers that match members."""

import re
from dataclasses import dataclass, field
from typing import Any

from imagecache.api.fields import MOST_URL_CHARS, Field, Flag, Schema, Text, Texts
from imagecache.errors import InvalidRequestError
from imagecache.model.contact import IdentifierKind
from imagecache.rules.identifiers import WRITTEN_KINDS

# Ids are part of a path, which HTTP APIs decode. An id with a # could be the key of an identifier's row.
_CONTACT_ID = r"[A-Za-z0-9._:@+-]{1,128}"
_MOST_OF_A_KIND = 50
# The longest that an e-mail address may be.
_MOST_CHARS = 254


@dataclass(frozen=True, slots=True)
class ContactId(Field):
    """The id of a contact, chosen by the client that creates it."""

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(_CONTACT_ID, value):
            raise InvalidRequestError(f"{self.name} must be 1 to 128 letters, digits or . _ : @ + -")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_CONTACT_ID}$"}


@dataclass(frozen=True, slots=True)
class IdentifierTexts(Field):
    """Lists of texts by the kind of identifier. It does not check that a text is valid for its kind."""

    default: Any = field(default_factory=dict, kw_only=True)

    def read(self, value: Any) -> dict[IdentifierKind, list[str]]:
        if not isinstance(value, dict) or value.keys() - set(WRITTEN_KINDS):
            raise InvalidRequestError(f"{self.name} may have lists of {', '.join(WRITTEN_KINDS)}")
        return {IdentifierKind(kind): _texts(kind).read(texts) for kind, texts in value.items()}

    def schema(self) -> Schema:
        lists = {kind.value: _texts(kind).schema() for kind in WRITTEN_KINDS}
        return {"type": "object", "properties": lists, "additionalProperties": False}


def _texts(kind: str) -> Texts:
    return Texts(kind, _MOST_OF_A_KIND, _MOST_CHARS)


CONTACT_PATH = (ContactId("contactId", required=True, about="chosen by the client that creates the contact"),)
CONTACT_BODY = (
    Text("fullName", 500),
    Text(
        "imageUrl", MOST_URL_CHARS, about="the URL of the picture, of any scheme that images are fetched from"
    ),
    IdentifierTexts("identifiers", about="what the person is found by; phone numbers in any notation"),
    Texts(
        "participantIds",
        _MOST_OF_A_KIND,
        1024,
        about="members who are this contact, whatever their identifiers say",
    ),
    Flag(
        "withoutSync", about="start no sync: for a client that puts many contacts and starts one at the end"
    ),
)
