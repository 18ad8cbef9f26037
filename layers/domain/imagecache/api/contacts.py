"""The routes below `/api/contacts`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from imagecache.api import contact_shapes as shapes
from imagecache.api import cursor as cursors
from imagecache.api.chats import title_of
from imagecache.api.contact_fields import CONTACT_BODY, CONTACT_PATH
from imagecache.api.fields import CURSOR
from imagecache.api.http import Route, Routes
from imagecache.api.image import image_json
from imagecache.api.moments import iso8601
from imagecache.api.operation_shapes import Accepted
from imagecache.errors import InvalidRequestError
from imagecache.model.access import Role
from imagecache.model.contact import Contact, Identifier, IdentifierKind
from imagecache.rules.identifiers import RULES, WRITTEN_KINDS, identifier
from imagecache.rules.image_choice import ShownFor, ShownImage
from imagecache.usecases.contacts.keep_contacts import ContactBook, ShownContact

StartSync = Callable[[], Accepted]
"""Starts a sync in the background, which links the members of all chats again."""

_PATH = "/api/contacts/{contactId}"
_LISTING = "contacts"
# DynamoDB's limit for a partition key; a cursor may name the row of an identifier.
_MOST_KEY_BYTES = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRoutes:
    """Reads and changes contacts. Contacts hold names and numbers, so all of it takes the admin token."""

    book: ContactBook
    start_sync: StartSync
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/contacts": Route(
                summary="List contacts and their clashes; a page may be empty and still have a cursor",
                role=Role.ADMIN,
                query=(CURSOR,),
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

    def page(self, *, cursor: str | None) -> shapes.Contacts:
        """Answers `GET /api/contacts`. Raises InvalidRequestError."""
        after = cursors.read(_LISTING, cursor, _row_key)
        contacts, following = self.book.page(after=after)
        return {
            "contacts": [_contact_json(contact, self.base_url) for contact in contacts],
            "nextCursor": cursors.write(_LISTING, following),
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
        """Answers `PUT /api/contacts/{contactId}`. Raises InvalidRequestError, ConflictError."""
        texts = {**identifiers, IdentifierKind.PARTICIPANT: participant_ids}
        shown = self.book.put(
            contact_id,
            full_name=full_name,
            source_url=image_url,
            identifiers=[*_identifiers(texts, self.book.region)],
        )
        job_id = None if without_sync else self.start_sync()["jobId"]
        return {"contact": _contact_json(shown, self.base_url), "jobId": job_id}

    def remove(self, *, contact_id: str) -> shapes.ContactRemoved:
        """Answers `DELETE /api/contacts/{contactId}`. Raises NotFoundError, ConflictError."""
        self.book.remove(contact_id)
        return {"contactId": contact_id, "jobId": self.start_sync()["jobId"]}


def _row_key(position: object) -> str | None:
    return position if cursors.is_key(position, max_bytes=_MOST_KEY_BYTES) else None


def _identifiers(texts: Mapping[IdentifierKind, Sequence[str]], region: str) -> Iterator[Identifier]:
    """Yields the identifiers in normal form. Raises InvalidRequestError for a text that is not valid."""
    for kind, written in texts.items():
        for text in written:
            normal = identifier(kind, text, region=region)
            if normal is None:
                rule = RULES[kind]
                raise InvalidRequestError(f"{text[:60]!r} is not a valid {rule.noun}: {rule.hint}")
            yield normal


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
