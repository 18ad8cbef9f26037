"""Decides which contact a member of a chat is. No other module decides this.

The kinds of identifiers are tried in the order of RULES in rules/identifiers.py: a link made by hand comes
first. If two contacts have the same identifier, the one that had it first holds it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from imagecache.model.chat import Chat, Participant
from imagecache.model.contact import Contact
from imagecache.model.image import ImageSource
from imagecache.rules.identifiers import identifiers_of
from imagecache.stores.contacts import ContactsTable


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a chat, with `Chat.network_name`: some identifiers are valid in one network only."""

    participant: Participant
    network: str


def people_of(chat: Chat) -> list[Person]:
    """Returns the members of a chat."""
    return [Person(participant, chat.network_name) for participant in chat.participants]


@dataclass(frozen=True, slots=True)
class ContactIndex:
    """The contacts of some people. A person without an entry has no contact."""

    contacts: Mapping[Person, Contact]

    def linked(self, person: Person) -> Participant:
        """Returns the member with the id and the picture of their contact, both None without a contact."""
        contact = self.contacts.get(person)
        if contact is None:
            return replace(person.participant, contact_id=None, contact_image_key=None)
        return replace(person.participant, contact_id=contact.contact_id, contact_image_key=contact.image_key)

    def images(self, people: Iterable[Person]) -> Iterator[ImageSource]:
        """Yields the pictures of these people's contacts.

        A contact without a picture, or with a picture whose URL is rejected, is left out.
        """
        for contact in map(self.contacts.get, people):
            if contact and contact.image_source:
                yield contact.image_source


NO_CONTACTS = ContactIndex({})
"""The index for accounts without contacts: it has no entry, and saves the look-ups."""


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
        contacts: dict[Person, Contact] = {}
        for person, identifiers_of_person in identifiers.items():
            # The preferred kind of identifier comes first. A network's bot is never a contact.
            holder = next((holders[each] for each in identifiers_of_person if each in holders), None)
            if holder and not person.participant.is_network_bot:
                contacts[person] = holder
        return ContactIndex(contacts)
