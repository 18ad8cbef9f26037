"""People in chats → the contacts that they are: decided here and nowhere else.

By hand first, then the Instagram user name, the WhatsApp number, any number, the e-mail address. Of two
contacts that claim the same, the older claim counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from imagecache.model.chat import Participant
from imagecache.model.contact import Contact, Identifier
from imagecache.rules.identifiers import identifiers_of
from imagecache.stores.contacts.contacts import ContactsTable

Person = tuple[Participant, str]
"""A member of a chat, and the chat's network (or account, which names it)."""


@dataclass(frozen=True, slots=True)
class ContactIndex:
    """Who holds each identifier of some people."""

    holders: Mapping[Identifier, Contact]
    region: str

    def contact_of(self, person: Person) -> Contact | None:
        """The contact that this is. Nobody knows a network's bot."""
        participant, network = person
        if participant.is_network_bot or not self.holders:
            return None
        known = identifiers_of(participant, network=network, region=self.region)
        return next((self.holders[one] for one in known if one in self.holders), None)

    def linked(self, person: Person) -> Participant:
        """The member with that contact and its picture, or with none."""
        contact = self.contact_of(person)
        key = contact.image_key if contact else None
        return replace(person[0], contact_id=contact.contact_id if contact else None, contact_image_key=key)

    def images(self, people: Iterable[Person]) -> Iterator[tuple[str, str]]:
        """`(image key, source URL)` of their contacts' pictures."""
        for contact in map(self.contact_of, people):
            if contact and contact.image_key and contact.source_url:
                yield contact.image_key, contact.source_url


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactMatcher:
    """`region` is where phone numbers without a country are. Without `any_contacts` nothing is looked up."""

    contacts_table: ContactsTable
    region: str
    any_contacts: bool = True

    def links(self, people: Iterable[Person]) -> ContactIndex:
        """One look-up for all of them, and one for the contacts that it names."""
        if not self.any_contacts:
            return ContactIndex({}, self.region)
        wanted = {
            one
            for participant, network in people
            for one in identifiers_of(participant, network=network, region=self.region)
        }
        return ContactIndex(self.contacts_table.holders(wanted), self.region)
