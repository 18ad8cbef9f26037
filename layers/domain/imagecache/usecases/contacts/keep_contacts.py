"""Reads and changes contacts at the owner's request. Only sync links them with members of chats."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imagecache.clock import Clock
from imagecache.errors import InvalidRequestError, NotFoundError
from imagecache.model.chat import Chat
from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy
from imagecache.model.image import ImageView
from imagecache.rules.identifiers import describe_invalid, identifier
from imagecache.rules.image_choice import view_of
from imagecache.rules.source_urls import storable_source
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.state.contact_changes import ContactChanges

_MOST_LINKS = 100


@dataclass(frozen=True, slots=True)
class Clash:
    """An identifier of a contact that another contact holds: it had it earlier, or has a lower rank."""

    identifier: Identifier
    holder: Contact


@dataclass(frozen=True, slots=True)
class ShownContact:
    """A contact with its clashes. `view` is None if the contact has no picture."""

    contact: Contact
    view: ImageView | None
    clashes: list[Clash]


@dataclass(frozen=True, slots=True)
class Link:
    """A member that sync has linked to a contact. `chat` is None if the chat has been deleted since."""

    chat_id: str
    participant_id: str
    chat: Chat | None


@dataclass(frozen=True, slots=True)
class LinkedContact:
    """A contact with its first links. `more_links` is True if it has further links."""

    shown: ShownContact
    links: list[Link]
    more_links: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactBook:
    """Reads and changes contacts. `region` is the country of phone numbers without a country code."""

    contacts_table: ContactsTable
    contact_changes: ContactChanges
    chats_table: ChatsTable
    participants_table: ParticipantsTable
    cached_images: CachedImages
    region: str
    clock: Clock

    def read(self, contact_id: str) -> LinkedContact:
        """Returns a contact with at most 100 members that the last sync has linked to it.

        Raises NotFoundError.
        """
        positions = self.participants_table.linked_to(contact_id, limit=_MOST_LINKS + 1)
        [shown] = self._show([self._contact(contact_id)])
        chats = {chat.chat_id: chat for chat in self.chats_table.several(chat_id for chat_id, _ in positions)}
        links = [
            Link(chat_id, participant_id, chats.get(chat_id))
            for chat_id, participant_id in positions[:_MOST_LINKS]
        ]
        return LinkedContact(shown, links, more_links=len(positions) > _MOST_LINKS)

    def page(
        self, *, after: str | None, kept_by: KeptBy | None = None
    ) -> tuple[list[ShownContact], str | None]:
        """Returns a page of contacts, and where the next page starts (None after the last page).

        With `kept_by`, only contacts of this origin are returned. The order is undefined. A page may be empty
        although more pages follow.
        """
        contacts, following = self.contacts_table.page(after=after)
        return self._show([contact for contact in contacts if kept_by in {None, contact.kept_by}]), following

    def put(
        self,
        contact_id: str,
        *,
        full_name: str | None,
        source_url: str | None,
        identifier_texts: Mapping[IdentifierKind, Sequence[str]],
    ) -> ShownContact:
        """Creates or replaces a contact. Imports no longer change it.

        Raises InvalidRequestError if an identifier is not valid or if the picture's URL is rejected, and
        ConflictError if another request changes the contact at the same time.
        """
        identifiers = set(_identifiers(identifier_texts, self.region))
        source = storable_source(source_url) if source_url else None
        if source and source.rejection:
            raise InvalidRequestError(f"imageUrl is a URL that is never fetched: {source.rejection}")
        contact = Contact(
            contact_id=contact_id,
            full_name=full_name,
            source_url=source.source_url if source else None,
            image=source.image if source else None,
            identifiers=tuple(sorted(identifiers)),
            kept_by=KeptBy.MANUAL,
            updated_at=self.clock(),
        )
        with self.contact_changes.counted():
            saved = self.contacts_table.put(contact)
        [shown] = self._show([saved])
        return shown

    def remove(self, contact_id: str) -> None:
        """Deletes a contact. The sweep deletes its picture later. Raises NotFoundError and ConflictError."""
        contact = self._contact(contact_id)
        with self.contact_changes.counted():
            self.contacts_table.delete(contact)

    def _show(self, contacts: list[Contact]) -> list[ShownContact]:
        """Returns these contacts with pictures and clashes. Looks up all holders and all images at once."""
        holders = self.contacts_table.holders(
            identifier for contact in contacts for identifier in contact.identifiers
        )
        views = self.cached_images.views(contact.image_key for contact in contacts if contact.image_key)
        return [
            ShownContact(
                contact,
                view_of(contact.image, views) if contact.image else None,
                [
                    Clash(identifier, holders[identifier])
                    for identifier in contact.identifiers
                    if identifier in holders and holders[identifier].contact_id != contact.contact_id
                ],
            )
            for contact in contacts
        ]

    def _contact(self, contact_id: str) -> Contact:
        contact = self.contacts_table.one(contact_id)
        if contact is None:
            raise NotFoundError("No contact has this contactId: the list of contacts has the ids of all")
        return contact


def _identifiers(texts: Mapping[IdentifierKind, Sequence[str]], region: str) -> Iterator[Identifier]:
    """Yields the identifiers in normal form. Raises InvalidRequestError if a text is not valid."""
    for kind, texts_of_kind in texts.items():
        for text in texts_of_kind:
            normal = identifier(kind, text, region=region)
            if normal is None:
                raise InvalidRequestError(describe_invalid(kind, text, region=region))
            yield normal
