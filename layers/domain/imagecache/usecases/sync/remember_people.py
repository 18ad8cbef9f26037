"""Remembers the pictures of people, and recognises the people when the network has moved them to other ids.

When WhatsApp moves a person to another participant id, their picture vanishes at Beeper although they have
not removed it. Therefore sync records each picture that Beeper names under the person's phone number and user
name, and each picture that Beeper no longer names under their participant id, too. A member that is stored
for the first time, or whose picture or identity has changed, gets the newest of these pictures that Beeper
does not name for them: their former picture.

The records are written before the rows of the members, so a crash in between loses none. Only members that
have changed are looked up. What the others show is brought up to date by refresh_former_pictures.py.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from imagecache.model.chat import Chat, Participant
from imagecache.model.person import FormerPictures, KnownPicture
from imagecache.rules.people import (
    NamedPicture,
    comparable_name,
    former_pictures,
    ids_for_links,
    missing_records,
    named_pictures,
    person_ids,
    without_ambiguous_ids,
)
from imagecache.stores.chats.participants import CHAT_ROW, Position
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.sync.people_records import PeopleOfRun, PeopleRecords, RecordedPicture
from imagecache.usecases.sync.refresh_former_pictures import keys_to_show

Roster = Mapping[str, Participant]
"""The rows of a chat in chatParticipants, by participant id."""


class _MemberOf(NamedTuple):
    """A member and the chat that they are in."""

    chat: Chat
    member: Participant

    @property
    def position(self) -> Position:
        """The key of the member's row."""
        return self.chat.chat_id, self.member.participant_id


class _Changes(NamedTuple):
    """The records of the pictures that have changed in a chat, and the ids of the members who had them."""

    records: list[RecordedPicture]
    participant_ids: set[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleMemory:
    """Records and recognises people. `region` is the country of phone numbers without a country code.

    If `former_pictures` is DROP, nothing is recorded and nobody is recognised.
    """

    records: PeopleRecords
    cached_images: CachedImages
    region: str
    former_pictures: FormerPictures

    def recognised(
        self,
        chats: Iterable[Chat],
        stored: Mapping[str, Roster],
        people: PeopleOfRun,
        *,
        linked_by_hand: Mapping[str, Container[str]],
        fence: int,
    ) -> list[Chat]:
        """Returns the chats whose members have their former pictures, person ids and earlier ids.

        `stored` has the stored roster of each chat. Records the pictures that have changed since then, and
        the participant ids that the owner has linked to contacts, which `linked_by_hand` has for each chat.
        Raises FencedOffError.
        """
        if self.former_pictures is FormerPictures.DROP:
            return list(chats)
        chats = [replace(chat, participants=self._with_ids(chat.participants, chat)) for chat in chats]
        changes = {chat.chat_id: self._changes(chat, stored[chat.chat_id]) for chat in chats}
        self.records.write(
            [record for change in changes.values() for record in change.records], people, fence=fence
        )
        self.records.write_links(
            [
                member
                for chat in chats
                for member in chat.participants
                if member.participant_id in linked_by_hand.get(chat.chat_id, ())
                and _has_other_link(member, stored[chat.chat_id])
            ],
            people,
            fence=fence,
        )
        chats = [_as_remembered(chat, stored[chat.chat_id]) for chat in chats]
        if people.is_first:
            return chats
        to_look_up = [
            _MemberOf(chat, member)
            for chat in chats
            for member in chat.participants
            if member.person_ids
            and (
                member.participant_id in changes[chat.chat_id].participant_ids
                or _is_new_person(member, stored[chat.chat_id])
            )
        ]
        looked_up = self._looked_up(to_look_up, people, fence=fence)
        return [
            replace(
                chat,
                participants=tuple(
                    looked_up.get((chat.chat_id, member.participant_id), member)
                    for member in chat.participants
                ),
            )
            for chat in chats
        ]

    def record_end(self, chat: Chat, stored: Roster, people: PeopleOfRun, *, fence: int) -> None:
        """Records the pictures of a chat that is about to be deleted. Raises FencedOffError."""
        if self.former_pictures is not FormerPictures.DROP:
            gone = named_pictures(self._as_stored(chat, stored))
            self.records.write(self.records.of_chat(chat.network_name, gone=gone), people, fence=fence)

    def record_links(self, members: Iterable[Participant], *, fence: int) -> None:
        """Records the participant ids of these members, linked to contacts by hand. Raises FencedOffError."""
        if self.former_pictures is not FormerPictures.DROP:
            self.records.write_links(members, PeopleOfRun(), fence=fence)

    def _changes(self, chat: Chat, stored: Roster) -> "_Changes":
        """Compares the pictures of the chat with those of the stored roster."""
        named = named_pictures(chat)
        named_before = named_pictures(self._as_stored(chat, stored))
        new = _difference(named, named_before)
        gone = _difference(named_before, named)
        if chat.roster_is_partial:  # Members that are not listed are still members.
            listed = {member.participant_id for member in chat.participants}
            gone = [picture for picture in gone if picture.member.participant_id in listed]
        to_record_again = [picture for picture in named if _is_recorded_otherwise(picture.member, stored)]
        records = self.records.of_chat(chat.network_name, named=[*new, *to_record_again], gone=gone)
        return _Changes(records, {picture.member.participant_id for picture in (*new, *gone)})

    def _looked_up(
        self, members: Sequence["_MemberOf"], people: PeopleOfRun, *, fence: int
    ) -> dict[Position, Participant]:
        """Returns these members with their former pictures and earlier ids, by the keys of their rows."""
        known = self.records.read(
            (person_id for each in members for person_id in each.member.person_ids), people
        )
        named: dict[Position, set[str]] = defaultdict(set)
        for chat in {each.chat.chat_id: each.chat for each in members}.values():
            for picture in named_pictures(chat):
                named[chat.chat_id, picture.member.participant_id].add(picture.image.key)
        former: dict[Position, list[KnownPicture]] = {}
        missing: list[RecordedPicture] = []
        for each in members:
            network = each.chat.network_name
            pictures = former_pictures(each.member, known, network=network, named=named[each.position])
            former[each.position] = pictures
            missing += missing_records(each.member, pictures, known)
        self.records.write(missing, people, fence=fence)
        shown = keys_to_show(former, self.cached_images)
        looked_up: dict[Position, Participant] = {}
        for each in members:
            linked = {
                linked_id
                for person_id in ids_for_links(each.member)
                for linked_id in known[person_id].linked_ids
            }
            looked_up[each.position] = replace(
                each.member,
                former_image_key=shown[each.position],
                earlier_ids=tuple(sorted(linked - {each.member.participant_id})),
            )
        return looked_up

    def _with_ids(self, members: Iterable[Participant], chat: Chat) -> tuple[Participant, ...]:
        """Returns these members of the chat with their person ids. Ids that were stored are kept."""
        is_union = bool(chat.merged_chat_ids)
        identified = (
            replace(
                member,
                person_ids=person_ids(
                    member, network=chat.network_name, region=self.region, is_union=is_union
                ),
            )
            if not member.person_ids
            else member
            for member in members
        )
        return tuple(without_ambiguous_ids(identified, is_union=is_union))

    def _as_stored(self, chat: Chat, stored: Roster) -> Chat:
        """Returns the chat with the picture and the members that are stored."""
        own = stored.get(CHAT_ROW)
        members = (row for row in stored.values() if row.participant_id != CHAT_ROW)
        return replace(
            chat,
            participants=self._with_ids(members, chat),
            source_url=own.source_url if own else None,
            image=own.image if own else None,
        )


def _difference(pictures: Iterable[NamedPicture], others: Iterable[NamedPicture]) -> list[NamedPicture]:
    """Returns the pictures without those that the same member also has among the others."""
    places = {picture.place for picture in others}
    return [picture for picture in pictures if picture.place not in places]


def _is_recorded_otherwise(member: Participant, stored: Roster) -> bool:
    """Returns True if the member is stored with another name or with other person ids.

    Rows of older versions have no person ids.
    """
    row = stored.get(member.participant_id)
    if row is None:
        return False
    name = comparable_name(member.full_name)
    has_other_name = name is not None and name != comparable_name(row.full_name)
    return has_other_name or row.person_ids != member.person_ids


def _is_new_person(member: Participant, stored: Roster) -> bool:
    """Returns True if the member is not stored, or was stored with other person ids."""
    row = stored.get(member.participant_id)
    return row is None or (bool(row.person_ids) and row.person_ids != member.person_ids)


def _has_other_link(member: Participant, stored: Roster) -> bool:
    """Returns True if the member's link to a contact was not yet recorded under these person ids."""
    row = stored.get(member.participant_id)
    is_recorded = row and (row.contact_id, row.person_ids) == (member.contact_id, member.person_ids)
    return not is_recorded


def _as_remembered(chat: Chat, stored: Roster) -> Chat:
    """Returns the chat whose members have the former pictures and the earlier ids that are stored."""
    members = (_member_as_remembered(each, stored.get(each.participant_id)) for each in chat.participants)
    return replace(chat, participants=tuple(members))


def _member_as_remembered(member: Participant, row: Participant | None) -> Participant:
    if row is None:
        return member
    return replace(member, former_image_key=row.former_image_key, earlier_ids=row.earlier_ids)
