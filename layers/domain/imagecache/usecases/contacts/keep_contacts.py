"""Contacts as their owner sees and changes them; who they are in the chats is sync's to decide."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imagecache.clock import Clock
from imagecache.errors import NotFoundError, RejectedSourceError
from imagecache.model.chat import Chat
from imagecache.model.contact import Contact, Identifier, KeptBy
from imagecache.model.image import ImageRef, ImageView
from imagecache.rules.image_choice import view_of
from imagecache.rules.source_urls import image_key, storable_url
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable, Position
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.state.contact_changes import ContactChanges

if TYPE_CHECKING:
    pass

_MOST_LINKED = 100


@dataclass(frozen=True, slots=True)
class ShownContact:
    """`clashes`: identifiers that an older claim of another contact holds."""

    contact: Contact
    view: ImageView | None
    clashes: list[tuple[Identifier, Contact]]


@dataclass(frozen=True, slots=True)
class LinkedContact:
    """With the members of chats that it stands for: (chat id, participant id), and the chat."""

    shown: ShownContact
    linked: list[tuple[Position, Chat | None]]
    more_linked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactBook:
    """Every change is counted before its first write and after its last, so that none is passed over."""

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    chat_reader: ChatReader
    participants_table: ParticipantsTable
    cached_images: CachedImages
    region: str
    clock: Clock

    def one(self, contact_id: str) -> LinkedContact:
        """Raises NotFoundError."""
        found = self.participants_table.linked_to(contact_id, limit=_MOST_LINKED + 1)
        [shown] = self.shown([self._known(contact_id)])
        chats = {chat.chat_id: chat for chat in self.chat_reader.several(chat_id for chat_id, _ in found)}
        linked = [(position, chats.get(position[0])) for position in found[:_MOST_LINKED]]
        return LinkedContact(shown, linked, more_linked=len(found) > _MOST_LINKED)

    def page(self, *, after: str | None) -> tuple[list[ShownContact], str | None]:
        """Some contacts in no order, and where to go on; a page may be empty and have a next one."""
        found, end = self.contacts_table.page(after=after)
        return self.shown(found), end

    def put(
        self,
        contact_id: str,
        *,
        full_name: str | None,
        source_url: str | None,
        identifiers: Iterable[Identifier],
    ) -> ShownContact:
        """Made or replaced, and from now on kept by hand. Raises ConflictError."""
        before = self.contacts_table.one(contact_id)
        contact = Contact(
            contact_id=contact_id,
            full_name=full_name,
            source_url=storable_url(source_url) if source_url else None,
            image=image_of(source_url),
            identifiers=tuple(sorted(set(identifiers))),
            kept_by=KeptBy.MANUAL,
        )
        self.contact_changes.count()
        contact = self.contacts_table.save(replace(contact, updated_at=self.clock()), before=before)
        self.contact_changes.count()
        [shown] = self.shown([contact])
        return shown

    def remove(self, contact_id: str) -> None:
        """Its picture is then nobody's, and the sweep's in the end. Raises NotFoundError, ConflictError."""
        contact = self._known(contact_id)
        self.contact_changes.count()
        self.contacts_table.delete(contact)
        self.contact_changes.count()

    def shown(self, contacts: list[Contact]) -> list[ShownContact]:
        """With their pictures and clashes: three look-ups for all of them."""
        holders = self.contacts_table.holders(one for contact in contacts for one in contact.identifiers)
        views = self.cached_images.views(contact.image_key for contact in contacts if contact.image_key)
        return [
            ShownContact(
                contact,
                view_of(contact.image, views) if contact.image else None,
                [
                    (one, holders[one])
                    for one in contact.identifiers
                    if one in holders and holders[one].contact_id != contact.contact_id
                ],
            )
            for contact in contacts
        ]

    def _known(self, contact_id: str) -> Contact:
        contact = self.contacts_table.one(contact_id)
        if contact is None:
            raise NotFoundError("no contact has this contactId")
        return contact


def image_of(source_url: str | None) -> ImageRef | None:
    """What a contact's picture amounts to."""
    if source_url is None:
        return None
    try:
        return ImageRef(image_key(source_url))
    except RejectedSourceError as error:
        return ImageRef(None, error.reason)
