"""Decides which contact a member of a chat is. No other module decides this.

A link made by hand comes first, then the Instagram user name, the WhatsApp number, any phone number and the
e-mail address. If two contacts have the same identifier, the one that had it first holds it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from imagecache.model.chat import Participant
from imagecache.model.contact import Contact, Identifier
from imagecache.model.image import ImageSource
from imagecache.rules.identifiers import identifiers_of
from imagecache.stores.contacts import ContactsTable


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a chat, and the `Chat.network_name`: some identifiers count in one network only."""

    participant: Participant
    network: str


@dataclass(frozen=True, slots=True)
class ContactIndex:
    """The contacts of some people, by identifier. `region` completes phone numbers without a country code."""

    holders: Mapping[Identifier, Contact]
    region: str

    def contact_of(self, person: Person) -> Contact | None:
        """Returns the contact that this person is, or None. A network's bot is never a contact."""
        if person.participant.is_network_bot or not self.holders:
            return None
        for identifier in identifiers_of(person.participant, network=person.network, region=self.region):
            if identifier in self.holders:
                return self.holders[identifier]
        return None

    def linked(self, person: Person) -> Participant:
        """Returns the member with the id and the picture of their contact, or with neither."""
        contact = self.contact_of(person)
        if contact is None:
            return replace(person.participant, contact_id=None, contact_image_key=None)
        return replace(person.participant, contact_id=contact.contact_id, contact_image_key=contact.image_key)

    def images(self, people: Iterable[Person]) -> Iterator[ImageSource]:
        """Yields the pictures of these people's contacts, as far as they can be fetched."""
        for contact in map(self.contact_of, people):
            if contact and contact.image_source:
                yield contact.image_source


NO_CONTACTS = ContactIndex({}, region="")
"""The index to use while there are no contacts: it links nobody, and nothing has to be read for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMatcher:
    """Looks up contacts. `region` is the country of phone numbers without a country code."""

    contacts_table: ContactsTable
    region: str

    def index_of(self, people: Iterable[Person]) -> ContactIndex:
        """Looks up the contacts of all these people at once."""
        identifiers = {
            identifier
            for person in people
            for identifier in identifiers_of(person.participant, network=person.network, region=self.region)
        }
        return ContactIndex(self.contacts_table.holders(identifiers), self.region)
