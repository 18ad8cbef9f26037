"""The routes below `/api/contacts`, and the fields of a contact that a request may contain."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from imagecache.api import contact_shapes as shapes
from imagecache.api import cursor as cursors
from imagecache.api.fields import CURSOR, MOST_URL_CHARS, Choice, Field, Flag, Schema, Text, Texts
from imagecache.api.http import Route, Routes
from imagecache.api.values import image_json, iso8601
from imagecache.errors import InvalidRequestError
from imagecache.model.access import Role
from imagecache.model.chat import MOST_ID_BYTES
from imagecache.model.contact import Contact, IdentifierKind, KeptBy
from imagecache.model.job import SyncOrder
from imagecache.rules.identifiers import WRITTEN_KINDS
from imagecache.rules.image_choice import ShownFor, ShownImage
from imagecache.rules.names import title_of
from imagecache.usecases.contacts.keep_contacts import ContactBook, ShownContact
from imagecache.usecases.operating.jobs import JobStarter

_PATH = "/api/contacts/{contactId}"
# DynamoDB's limit for a partition key. It is longer than a contact id, because a cursor may be the key of an
# identifier's row.
_MOST_KEY_BYTES = 2048
# Characters that need no escape in a path. # is not allowed, because such an id could be the key of an
# identifier's row.
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
    """Lists of texts by kind of identifier. ContactBook checks that each text is valid for its kind."""

    default: Any = field(default_factory=dict, kw_only=True)

    def read(self, value: Any) -> dict[IdentifierKind, list[str]]:
        if not isinstance(value, dict) or value.keys() - set(WRITTEN_KINDS):
            raise InvalidRequestError(
                f"{self.name} must be an object whose fields are lists of texts."
                f" Its fields may be {', '.join(WRITTEN_KINDS)}"
            )
        return {IdentifierKind(kind): _texts(kind).read(texts) for kind, texts in value.items()}

    def schema(self) -> Schema:
        lists = {kind.value: _texts(kind).schema() for kind in WRITTEN_KINDS}
        return {"type": "object", "properties": lists, "additionalProperties": False}


def _texts(kind: str) -> Texts:
    return Texts(kind, _MOST_OF_A_KIND, _MOST_CHARS)


CONTACTS_QUERY = (
    CURSOR,
    Choice("source", KeptBy, about="only contacts of this origin; leave it out for all"),
)
CONTACT_PATH = (ContactId("contactId", required=True, about="chosen by the client that creates the contact"),)
CONTACT_BODY = (
    Text("fullName", 500),
    Text(
        "imageUrl", MOST_URL_CHARS, about="the URL of the picture, of any scheme that images are fetched from"
    ),
    IdentifierTexts(
        "identifiers", about="the identifiers of the person by kind; phone numbers in any notation"
    ),
    Texts(
        "participantIds",
        _MOST_OF_A_KIND,
        MOST_ID_BYTES,
        about="members who are this contact, whatever their identifiers say",
    ),
    Flag(
        "withoutSync", about="start no sync: for a client that puts many contacts and starts one at the end"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRoutes:
    """Reads and changes contacts. Every route needs the admin token, because contacts have phone numbers."""

    book: ContactBook
    job_starter: JobStarter
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/contacts": Route(
                summary="List contacts and their clashes; a page may be empty and still have a cursor",
                role=Role.ADMIN,
                query=CONTACTS_QUERY,
                gives=shapes.Contacts,
                answer=self.page,
            ),
            f"GET {_PATH}": Route(
                summary="Show a contact and the members of chats that it is linked to",
                role=Role.ADMIN,
                path=CONTACT_PATH,
                gives=shapes.ContactDetail,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.detail,
            ),
            f"PUT {_PATH}": Route(
                summary="Create or replace a contact; a sync then links the members of all chats again",
                role=Role.ADMIN,
                path=CONTACT_PATH,
                body=CONTACT_BODY,
                gives=shapes.ContactPut,
                errors=[HTTPStatus.CONFLICT],
                answer=self.put,
            ),
            f"DELETE {_PATH}": Route(
                summary="Delete a contact; a sync then removes its picture from the chats",
                role=Role.ADMIN,
                path=CONTACT_PATH,
                gives=shapes.ContactRemoved,
                errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
                answer=self.remove,
            ),
        }

    def page(self, *, cursor: str | None, source: KeptBy | None) -> shapes.Contacts:
        """Answers `GET /api/contacts`. Raises InvalidRequestError."""
        listing = f"contacts {source.value}" if source else "contacts"
        after = cursors.read(listing, cursor, _row_key)
        contacts, following = self.book.page(after=after, kept_by=source)
        return {
            "contacts": [_contact_json(contact, self.base_url) for contact in contacts],
            "nextCursor": cursors.write(listing, following),
        }

    def detail(self, *, contact_id: str) -> shapes.ContactDetail:
        """Answers `GET /api/contacts/{contactId}`. Raises NotFoundError."""
        contact = self.book.read(contact_id)
        return {
            "contact": _contact_json(contact.shown, self.base_url),
            "linked": [
                {
                    "chatId": link.chat_id,
                    "chatTitle": title_of(link.chat) if link.chat else None,
                    "participantId": link.participant_id,
                }
                for link in contact.links
            ],
            "moreLinked": contact.more_links,
        }

    def put(
        self,
        *,
        contact_id: str,
        full_name: str | None,
        image_url: str | None,
        identifiers: Mapping[IdentifierKind, Sequence[str]],
        participant_ids: Sequence[str],
        without_sync: bool,
    ) -> shapes.ContactPut:
        """Answers `PUT /api/contacts/{contactId}`. Raises InvalidRequestError and ConflictError."""
        shown = self.book.put(
            contact_id,
            full_name=full_name,
            source_url=image_url,
            identifier_texts={**identifiers, IdentifierKind.PARTICIPANT: participant_ids},
        )
        job_id = None if without_sync else self._start_sync()
        return {"contact": _contact_json(shown, self.base_url), "jobId": job_id}

    def remove(self, *, contact_id: str) -> shapes.ContactRemoved:
        """Answers `DELETE /api/contacts/{contactId}`. Raises NotFoundError and ConflictError."""
        self.book.remove(contact_id)
        return {"contactId": contact_id, "jobId": self._start_sync()}

    def _start_sync(self) -> str:
        """Starts the job that links the members of all chats to contacts again, and returns its id."""
        return self.job_starter.start(SyncOrder()).job_id


def _row_key(position: object) -> str | None:
    return position if cursors.is_key(position, max_bytes=_MOST_KEY_BYTES) else None


def _contact_json(shown: ShownContact, base_url: str) -> shapes.Contact:
    contact = shown.contact
    image = ShownImage(ShownFor.CONTACT, shown.view)
    identifiers = {kind.value: _values(contact, kind) for kind in WRITTEN_KINDS}
    return {
        "contactId": contact.contact_id,
        "fullName": contact.full_name,
        "imageUrl": contact.source_url,
        "identifiers": cast("shapes.Identifiers", identifiers),
        "participantIds": _values(contact, IdentifierKind.PARTICIPANT),
        "source": contact.kept_by,
        "updatedAt": iso8601(contact.updated_at),
        "image": image_json(image, contact.full_name, base_url),
        "clashes": [
            {
                "kind": clash.identifier.kind,
                "value": clash.identifier.value,
                "heldBy": clash.holder.contact_id,
                "heldByName": clash.holder.full_name,
            }
            for clash in shown.clashes
        ],
    }


def _values(contact: Contact, kind: IdentifierKind) -> list[str]:
    return [each.value for each in contact.identifiers if each.kind is kind]
