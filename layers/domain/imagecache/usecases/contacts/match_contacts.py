"""Decides which contact a member of a chat is. No other module decides this.

A link made by hand comes first, then the Instagram user name, the WhatsApp number, any phone number and the
e-mail address. If two contacts have the same identifier, the one that had it first holds it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from imagecache.model.chat import Chat, Participant
from imagecache.model.contact import Contact, Identifier
from imagecache.model.image import ImageSource
from imagecache.rules.identifiers import identifiers_of
from imagecache.stores.contacts import ContactsTable


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a chat, and the `Chat.network_name`: some identifiers count in one network only."""

    participant: Participant
    network: str


def people_of(chat: Chat) -> list[Person]:
    """Returns the members of a chat."""
    return [Person(participant, chat.network_name) for participant in chat.participants]


@dataclass(frozen=True, slots=True)
class ContactIndex:
    """The contacts of some people. Whoever is not among them has no contact."""

    contacts: Mapping[Person, Contact]

    def linked(self, person: Person) -> Participant:
        """Returns the member with the id and the picture of their contact, or with neither."""
        contact = self.contacts.get(person)
        if contact is None:
            return replace(person.participant, contact_id=None, contact_image_key=None)
        return replace(person.participant, contact_id=contact.contact_id, contact_image_key=contact.image_key)

    def images(self, people: Iterable[Person]) -> Iterator[ImageSource]:
        """Yields the pictures of these people's contacts, as far as they can be fetched."""
        for contact in map(self.contacts.get, people):
            if contact and contact.image_source:
                yield contact.image_source


NO_CONTACTS = ContactIndex({})
"""The index to use while there are no contacts: it links nobody, and nothing has to be read for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMatcher:
    """Looks up contacts. `region` is the country of phone numbers without a country code."""

    contacts_table: ContactsTable
    region: str

    def index_of(self, people: Iterable[Person]) -> ContactIndex:
        """Looks up the contacts of all these people at once."""
        identifiers = {
            person: identifiers_of(person.participant, network=person.network, region=self.region)
            for person in people
        }
        holders = self.contacts_table.holders(set(chain.from_iterable(identifiers.values())))
        contacts = {person: _first_holder(identifiers[person], holders) for person in identifiers}
        return ContactIndex(
            {
                person: contact
                for person, contact in contacts.items()
                if contact and not person.participant.is_network_bot  # A network's bot is never a contact.
            }
        )


def _first_holder(identifiers: Iterable[Identifier], holders: Mapping[Identifier, Contact]) -> Contact | None:
    """Returns the holder of the first identifier that has one: the preferred kind comes first."""
    return next((holders[identifier] for identifier in identifiers if identifier in holders), None)
