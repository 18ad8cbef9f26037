"""Recognises a person across participant ids and chats, and orders the pictures that were known of them.

A participant id is not stable: WhatsApp has moved people from `@whatsapp_<phone>` to `@whatsapp_lid-<n>`.
Members are the same person if they have the same participant id or the same phone number, or else the same
user name in the same network. A number or name of several people in one chat identifies nobody. A number
finds no pictures while Beeper names one of them for a person of another name in the same network. Oneself and
bots are nobody's face and have no person ids.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from imagecache.model.chat import Chat, Participant
from imagecache.model.contact import Contact, IdentifierKind
from imagecache.model.image import ImageSource, image_source
from imagecache.model.person import KnownPerson, KnownPicture
from imagecache.rules.identifiers import identifier, identifiers_of
from imagecache.rules.image_choice import is_bot
from imagecache.rules.names import is_identifier

MOST_PICTURES = 10
"""The number of former pictures that are remembered of a person. Of more, the oldest are dropped."""

_ID, _PHONE, _NAME = "id", "phone", "name"
_PHONE_KINDS = (IdentifierKind.WHATSAPP, IdentifierKind.PHONE)
_NETWORK_OF_UNIONS = "beeper"
# A bridge's id of a person begins with the network.
_NETWORK_IN_ID = re.compile(r"@([a-z]+)_")
# A bridge's id of a person whom WhatsApp knows by phone number. An id with `lid-` has no number.
_WHATSAPP_ID = re.compile(r"@whatsapp_([1-9][0-9]{6,14}):")


class IdentifiedMember(Protocol):
    """The ids of a member: all that is needed to find the member's pictures in the records of people."""

    @property
    def participant_id(self) -> str:
        """The member's id in the network, which may be another one later."""

    @property
    def person_ids(self) -> tuple[str, ...]:
        """The ids of the person, see the function `person_ids`."""

    @property
    def full_name(self) -> str | None:
        """The member's name, or an identifier, or None."""


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture that Beeper names, or has named, for a member."""

    member: Participant
    image: ImageSource

    @property
    def place(self) -> tuple[str, str]:
        """The member's participant id and the image key, which identify this picture within a chat."""
        return self.member.participant_id, self.image.key


def person_ids(member: Participant, *, network: str, region: str, is_union: bool = False) -> tuple[str, ...]:
    """Returns the ids of the member as a person, made from participant id, phone number and user name.

    A missing number or name has no id. `network` is the name of the chat's network. `region` is the country
    of phone numbers without a country code. A union may have members of several networks, and the same user
    name may belong to other people in other networks. So in a union an id is made from a user name only if
    the participant id names the member's network. There are no ids for the owner and for bots.
    """
    if member.is_self or is_bot(member):
        return ()
    phone = _phone(member, network, region)
    name = (member.username or "").strip().lstrip("@").casefold()
    network_of_name = network.casefold()
    if is_union or network_of_name.startswith(_NETWORK_OF_UNIONS):
        match = _NETWORK_IN_ID.match(member.participant_id)
        network_of_name = match[1] if match else ""
    values = {
        _ID: member.participant_id,
        _PHONE: phone,
        _NAME: f"{network_of_name}\n{name}" if name and network_of_name else None,
    }
    return tuple(f"{kind}#{_hash(value)}" for kind, value in values.items() if value)


def ids_of_contact(contact: Contact, *, network: str, region: str) -> list[str]:
    """Returns the person ids that a contact from Beeper keeps when the network changes its participant id.

    `network` is the name of the network that the contact's account is on. `region` is the country of phone
    numbers without a country code.
    """
    values = {each.kind: each.value for each in contact.identifiers}
    member = Participant(
        participant_id=values.get(IdentifierKind.PARTICIPANT, ""),
        full_name=None,
        username=contact.username,
        phone_number=values.get(IdentifierKind.PHONE),
        email=None,
        is_self=False,
        is_network_bot=False,
        source_url=None,
        image=None,
    )
    return ids_across_chats(person_ids(member, network=network, region=region))


def phone_id(ids: Iterable[str]) -> str | None:
    """Returns the person id that was made of the phone number, or None if there is none."""
    return next((each for each in ids if each.startswith(f"{_PHONE}#")), None)


def is_participant_id(person_id: str) -> bool:
    """Returns True if the person id was made of a participant id."""
    return person_id.startswith(f"{_ID}#")


def is_name(person_id: str) -> bool:
    """Returns True if the person id was made of a user name."""
    return person_id.startswith(f"{_NAME}#")


def ids_for_links(member: Participant) -> list[str]:
    """Returns the person ids by which links to contacts follow the member to another participant id.

    A user name counts only without a phone number, because its next owner would get the contact, too.
    """
    across = ids_across_chats(member.person_ids)
    return [each for each in across if not is_name(each)] or across


def ids_across_chats(ids: Iterable[str]) -> list[str]:
    """Returns the person ids that a member with another participant id may have, too."""
    return [each for each in ids if not is_participant_id(each)]


def without_ambiguous_ids(members: Iterable[Participant], *, is_union: bool) -> list[Participant]:
    """Returns the members of one chat, without the ids of user names and phone numbers of several people.

    Such a name or number is not unique, so it does not identify anybody. Two members with one user name are
    two people. Two members with one number may be the old and the new participant id of one person, so they
    are two people only if their names differ. The members of a union are one person under several names.
    """
    listed = list(members)
    names = Counter(each for member in listed for each in member.person_ids if is_name(each))
    ambiguous = {person_id for person_id, count in names.items() if count > 1}
    if not is_union:
        ambiguous |= _shared_numbers(listed)
    return [
        replace(member, person_ids=tuple(each for each in member.person_ids if each not in ambiguous))
        if not ambiguous.isdisjoint(member.person_ids)
        else member
        for member in listed
    ]


def _shared_numbers(members: Iterable[Participant]) -> set[str]:
    """Returns the ids of phone numbers that members with different names have."""
    names_by_number: dict[str, set[str]] = defaultdict(set)
    for member in members:
        number = phone_id(member.person_ids)
        name = comparable_name(member.full_name)
        if number and name:
            names_by_number[number].add(name)
    return {number for number, names in names_by_number.items() if len(names) > 1}


def comparable_name(full_name: str | None) -> str | None:
    """Returns a name in lower case, or None if there is only an identifier or nothing."""
    if full_name is None or is_identifier(full_name):
        return None
    return full_name.strip().casefold() or None


def named_pictures(chat: Chat) -> list[NamedPicture]:
    """Returns the pictures that Beeper names for the members of the chat, as their own or as the chat's."""
    pictures = [
        NamedPicture(member, member.image_source) for member in chat.participants if member.image_source
    ]
    own_picture = image_source(chat.image, chat.source_url)
    people = [member for member in chat.participants if member.person_ids]
    is_face = is_face_of_people(
        len(people), is_single=chat.type == "single", is_union=bool(chat.merged_chat_ids)
    )
    if own_picture and is_face:
        pictures += [NamedPicture(member, own_picture) for member in people]
    return pictures


def is_face_of_people(people: int, *, is_single: bool, is_union: bool) -> bool:
    """Returns True if the own picture of a chat is the picture of its members who have person ids.

    `people` is their number. A single chat has one. A union has several, who are one person.
    """
    return is_single and (people == 1 or is_union)


def former_pictures(
    member: IdentifiedMember, people: Mapping[str, KnownPerson], *, network: str, named: Container[str | None]
) -> list[KnownPicture]:
    """Returns the former pictures of the member: a chosen one first, then those that Beeper has named last.

    `people` has the record of each of the member's person ids. `named` has the keys of the images that Beeper
    names for this member, which are not former pictures. At most MOST_PICTURES are returned.
    """
    pictures = _pictures_of_person(member, people, network=network, named=named)
    former = [picture for key, picture in pictures.items() if key not in named]
    return newest_first(former)[:MOST_PICTURES]


def missing_records(
    member: IdentifiedMember, former: Iterable[KnownPicture], people: Mapping[str, KnownPerson]
) -> Iterator[tuple[str, KnownPicture]]:
    """Yields a person id and a former picture for each lasting id of the member without that picture.

    The participant id or the number may vanish later, and with it the only way from the member to the
    picture. A picture that Beeper still names may be another person's, so it is left out until it is gone.
    Nothing is copied to a user name: a network may give the same one to all accounts that are deleted.
    `people` has the record of each of the member's person ids.
    """
    for picture in former:
        if not picture.named_until or not _is_certain(picture, member, people):
            continue
        for person_id in member.person_ids:
            if not is_name(person_id) and picture.image_key not in people[person_id].pictures:
                yield person_id, picture


def is_of_other_person(picture: KnownPicture, member: IdentifiedMember) -> bool:
    """Returns True if Beeper names the picture for a person who has another name than the member."""
    name = comparable_name(member.full_name)
    return bool(not picture.named_until and picture.full_name and name and picture.full_name != name)


def _is_shared_number(
    person_id: str,
    pictures: Iterable[KnownPicture],
    member: IdentifiedMember,
    *,
    network: str,
    named: Container[str | None],
) -> bool:
    """Returns True if another person in the network has the member's number and one of these pictures now.

    `pictures` are those that are recorded for the number. In another network the member may have another
    name. `named` has the keys of the images that Beeper names for this member, perhaps under an earlier name.
    """
    return phone_id([person_id]) is not None and any(
        picture.image_key not in named
        and is_of_other_person(picture, member)
        and _is_in_network(member, network, picture.network)
        for picture in pictures
    )


def _pictures_of_person(
    member: IdentifiedMember,
    people: Mapping[str, KnownPerson],
    *,
    network: str,
    named: Container[str | None],
) -> dict[str, KnownPicture]:
    """Returns the pictures in the records of this member's person ids that are the member's, by image key.

    A picture of a person with another phone number is left out. It may have been recorded by a user name that
    both have had, or by a number that the network has corrected since. A user name may belong to another
    person, so a picture that is recorded for the name is left out if Beeper still names it. A picture that
    Beeper still names in another network is left out, too, because it is not a former one.
    """
    own_phone = phone_id(member.person_ids)
    pictures: dict[str, KnownPicture] = {}
    for person_id in member.person_ids:
        recorded = people[person_id].pictures
        if _is_shared_number(person_id, recorded.values(), member, network=network, named=named):
            continue
        for key, picture in recorded.items():
            is_other_number = own_phone and picture.phone_id and own_phone != picture.phone_id
            is_former = bool(picture.named_until) or (
                not is_name(person_id) and _is_in_network(member, network, picture.network)
            )
            if is_other_number or not is_former:
                continue
            pictures[key] = pictures[key].joined(picture) if key in pictures else picture
    return pictures


def newest_first(pictures: Iterable[KnownPicture]) -> list[KnownPicture]:
    """Returns the pictures, a chosen one first, then those that Beeper has named last."""
    return sorted(
        pictures,
        key=lambda picture: (
            picture.chosen_at,
            picture.named_until or float("inf"),
            picture.first_seen,
            picture.image_key,
        ),
        reverse=True,
    )


def _is_certain(picture: KnownPicture, member: IdentifiedMember, people: Mapping[str, KnownPerson]) -> bool:
    """Returns True if more than a user name says that the picture is the member's.

    Another person may have had that user name, so such a picture is not recorded under the member's other
    ids.
    """
    own_phone = phone_id(member.person_ids)
    if own_phone and picture.phone_id == own_phone:
        return True
    others = [people[person_id] for person_id in member.person_ids if not is_name(person_id)]
    return any(picture.image_key in person.pictures for person in others)


def _is_in_network(member: IdentifiedMember, network: str, other: str) -> bool:
    """Returns True if the member of a chat of `network` is a person of the network `other`.

    A merged chat has people of several networks, whose ids begin with the name of theirs.
    """
    names = (network.casefold(), other.casefold())
    return names[0] == names[1] or member.participant_id.startswith(f"@{names[1]}_")


def _phone(member: Participant, network: str, region: str) -> str | None:
    """Returns the member's phone number in E.164, from the fields for numbers or from a WhatsApp id."""
    identifiers = identifiers_of(member, network=network, region=region)
    number = next((each.value for each in identifiers if each.kind in _PHONE_KINDS), None)
    match = _WHATSAPP_ID.match(member.participant_id)
    if number or not match:
        return number
    in_id = identifier(IdentifierKind.WHATSAPP, f"+{match[1]}", region=region)
    return in_id.value if in_id else None


def _hash(value: str) -> str:
    """Returns a hash, because a user name may be longer than a key in DynamoDB."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]
