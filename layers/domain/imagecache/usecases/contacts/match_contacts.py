"""Decides which contact a member of a chat is. No other module decides this.

The kinds of identifiers are tried in the order of RULES in rules/identifiers.py: a link made by hand comes
first. If two contacts have the same identifier, the one that had it first holds it. A contact from Beeper is
used only if no identifier leads to another one, and only for a member who lacks a picture or a name. Beeper's
contact with the member's own participant id then comes before one of another name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from imagecache.model.chat import Chat, Participant
from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy
from imagecache.model.image import ImageSource
from imagecache.rules.identifiers import identifiers_of
from imagecache.rules.names import is_identifier
from imagecache.stores.contacts import ContactsTable


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a chat. `network` is the name of the chat's network (`Chat.network_name`).

    It is needed because some identifiers are valid in one network only.
    """

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
        """Returns the member with id, picture and name of their contact, all None without a contact.

        The name is None, too, if the member has a name of their own.
        """
        member = person.participant
        contact = self.contacts.get(person)
        if contact is None:
            return replace(member, contact_id=None, contact_image_key=None, contact_name=None)
        return replace(
            member,
            contact_id=contact.contact_id,
            contact_image_key=contact.image_key,
            contact_name=contact.full_name if _lacks_name(member) else None,
        )

    def is_linked_by_hand(self, person: Person) -> bool:
        """Returns True if a person has put the participant id, or an earlier one, into the contact."""
        contact = self.contacts.get(person)
        if contact is None or contact.kept_by is KeptBy.BEEPER:  # Beeper's contacts have all their ids
            return False
        ids = {person.participant.participant_id, *person.participant.earlier_ids}
        return any(
            identifier.kind is IdentifierKind.PARTICIPANT and identifier.value in ids
            for identifier in contact.identifiers
        )

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
            # The preferred kind of identifier comes first, and `min` returns the first of the lowest rank.
            matching = [holders[each] for each in identifiers_of_person if each in holders]
            contact = _preferred(matching, holders.get(_own_id(person)))
            if contact and _may_be(person.participant, contact):
                contacts[person] = contact
        return ContactIndex(contacts)


def _own_id(person: Person) -> Identifier:
    return Identifier(IdentifierKind.PARTICIPANT, person.participant.participant_id)


def _preferred(matching: list[Contact], own: Contact | None) -> Contact | None:
    """Chooses a member's contact from `matching`, the holders of the member's identifiers. None if empty.

    `own` is the contact with the member's own participant id, if there is one. A contact from Beeper that has
    another name than `own` is not chosen, even if only it has a picture, because the two may be different
    people with one phone number.
    """
    contact = min(matching, key=_rank, default=None)
    if contact and own and contact.kept_by is KeptBy.BEEPER and contact.has_other_name(own):
        return own
    return contact


def _rank(contact: Contact) -> int:
    return contact.rank


def _may_be(member: Participant, contact: Contact) -> bool:
    """Returns True if the member is linked to this contact, which has an identifier of theirs.

    A network's bot is never a contact. Nearly every member is a contact in Beeper, with the same name and
    picture. Links to these would cost a write for each member and show nothing new.
    """
    if member.is_network_bot:
        return False
    return contact.kept_by is not KeptBy.BEEPER or member.image_source is None or _lacks_name(member)


def _lacks_name(member: Participant) -> bool:
    return member.full_name is None or is_identifier(member.full_name)
