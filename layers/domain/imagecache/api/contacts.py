"""Contacts → what the routes below `/api/contacts` answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from imagecache.api import contact_shapes as shapes
from imagecache.api import cursor as cursors
from imagecache.api.chats import title_of
from imagecache.api.contact_fields import SENT_KINDS
from imagecache.api.image import image_json
from imagecache.api.moments import iso8601
from imagecache.api.operation_shapes import Accepted
from imagecache.errors import InvalidRequestError
from imagecache.model.contact import Contact, Identifier, IdentifierKind
from imagecache.rules.identifiers import identifier
from imagecache.rules.image_choice import ShownFor, ShownImage
from imagecache.usecases.contacts.keep_contacts import ContactBook, ShownContact, image_of

StartSync = Callable[[], Accepted]


def contacts_page(*, cursor: str | None, book: ContactBook, base_url: str) -> shapes.Contacts:
    """`GET /api/contacts`. Raises InvalidRequestError."""
    after = cursors.read("contacts", cursor)
    if after is not None and not isinstance(after, str):
        raise InvalidRequestError("cursor is not one of ours: leave it out to start again")
    found, end = book.page(after=after)
    return {
        "contacts": [_contact(one, base_url) for one in found],
        "nextCursor": cursors.write("contacts", end),
    }


def contact_detail(*, contact_id: str, book: ContactBook, base_url: str) -> shapes.ContactDetail:
    """`GET /api/contacts/{contactId}`. Raises NotFoundError."""
    known = book.one(contact_id)
    return {
        "contact": _contact(known.shown, base_url),
        "linked": [
            {
                "chatId": chat_id,
                "chatTitle": title_of(chat) if chat else None,
                "participantId": participant_id,
            }
            for (chat_id, participant_id), chat in known.linked
        ],
        "moreLinked": known.more_linked,
    }


def contact_put(
    *,
    contact_id: str,
    full_name: str | None,
    image_url: str | None,
    identifiers: Mapping[IdentifierKind, Sequence[str]],
    participant_ids: Sequence[str],
    without_sync: bool,
    book: ContactBook,
    start_sync: StartSync,
    base_url: str,
) -> shapes.ContactPut:
    """`PUT /api/contacts/{contactId}`. Raises InvalidRequestError, ConflictError."""
    image = image_of(image_url)
    if image and image.rejected:
        raise InvalidRequestError(f"imageUrl is never fetched: {image.rejected.value}")
    known = {**identifiers, IdentifierKind.PARTICIPANT: participant_ids}
    shown = book.put(
        contact_id, full_name=full_name, source_url=image_url, identifiers=[*_understood(known, book.region)]
    )
    return {
        "contact": _contact(shown, base_url),
        "jobId": None if without_sync else start_sync()["jobId"],
    }


def contact_removed(*, contact_id: str, book: ContactBook, start_sync: StartSync) -> shapes.ContactRemoved:
    """`DELETE /api/contacts/{contactId}`. Raises NotFoundError, ConflictError."""
    book.remove(contact_id)
    return {"contactId": contact_id, "jobId": start_sync()["jobId"]}


def _understood(texts: Mapping[IdentifierKind, Sequence[str]], region: str) -> Iterator[Identifier]:
    for kind, values in texts.items():
        for text in values:
            found = identifier(kind, text, region=region)
            if found is None:
                raise InvalidRequestError(f"{kind.value} {text[:60]!r} is none: {_WANTED[kind]}")
            yield found


_NUMBER = "write it with its country, as +44 20 7946 0958"
_WANTED = {
    IdentifierKind.PARTICIPANT: "write the participantId as the API says it",
    IdentifierKind.INSTAGRAM: "write the user name",
    IdentifierKind.WHATSAPP: _NUMBER,
    IdentifierKind.PHONE: _NUMBER,
    IdentifierKind.EMAIL: "write the address, as ada@example.com",
}


def _contact(shown: ShownContact, base_url: str) -> shapes.Contact:
    contact = shown.contact
    return {
        "contactId": contact.contact_id,
        "fullName": contact.full_name,
        "imageUrl": contact.source_url,
        "identifiers": _identifiers(contact),
        "participantIds": _values(contact, IdentifierKind.PARTICIPANT),
        "source": contact.kept_by,
        "updatedAt": iso8601(contact.updated_at),
        "image": image_json(ShownImage(ShownFor.CONTACT, shown.view), contact.full_name, base_url),
        "clashes": [
            {
                "kind": one.kind,
                "value": one.value,
                "heldBy": holder.contact_id,
                "heldByName": holder.full_name,
            }
            for one, holder in shown.clashes
        ],
    }


def _identifiers(contact: Contact) -> shapes.Identifiers:
    instagram, whatsapp, phone, email = (_values(contact, kind) for kind in SENT_KINDS)
    return {"instagram": instagram, "whatsapp": whatsapp, "phone": phone, "email": email}


def _values(contact: Contact, kind: IdentifierKind) -> list[str]:
    return [one.value for one in contact.identifiers if one.kind is kind]
