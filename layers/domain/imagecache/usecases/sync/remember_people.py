"""Remembers the pictures of people, and recognises the people when the network has moved them to other ids.

When WhatsApp moves a person to another participant id, their picture vanishes at Beeper although they have
not removed it. Therefore sync records each picture that Beeper names under the person's phone number and user
name, and each picture that Beeper no longer names under their participant id, too. A member that is stored
for the first time, or whose picture or identity has changed, gets the newest of these pictures that Beeper
does not name for them: their former picture.

The records are written before the rows of the members, so a crash in between loses none. Only members that
have changed are looked up.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imagecache.clock import Clock
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageSource, ImageStatus, image_source
from imagecache.model.person import FormerPictures, KnownPerson, KnownPicture
from imagecache.rules.people import (
    MOST_PICTURES,
    ids_across_chats,
    is_name,
    newest_first,
    person_ids,
    phone_id,
    pictures_of_person,
    without_ambiguous_names,
)
from imagecache.stores.chats.participants import CHAT_ROW
from imagecache.stores.chats.people import PeopleTable
from imagecache.stores.images.cached_images import CachedImages

Roster = Mapping[str, Participant]
"""The rows of a chat in chatParticipants, by participant id."""


@dataclass(frozen=True, slots=True)
class PeopleOfRun:
    """The records that one sync run has read, by person id, and the keys of those that it has written.

    `is_first` is True until a run has read the whole list of chats. Before that, nobody can have moved, so
    nothing is read.
    """

    is_first: bool = False
    read: dict[str, KnownPerson] = field(default_factory=dict)
    written: set[tuple[str, str, bool]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Named:
    """A picture that Beeper names, or has named, for a member."""

    member: Participant
    image: ImageSource

    @property
    def place(self) -> tuple[str, str]:
        return self.member.participant_id, self.image.key


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleMemory:
    """Records and recognises people. `region` is the country of phone numbers without a country code.

    If `former_pictures` is DROP, nothing is recorded and nobody is recognised.
    """

    people_table: PeopleTable
    cached_images: CachedImages
    clock: Clock
    region: str
    former_pictures: FormerPictures

    def recognised(
        self,
        chat: Chat,
        stored: Roster,
        people: PeopleOfRun,
        *,
        linked_by_hand: Container[str] = (),
        fence: int,
    ) -> Chat:
        """Returns the chat whose members have their former pictures, person ids and earlier ids.

        Records the pictures that have changed since the roster was `stored`, and the participant ids in
        `linked_by_hand`, which the owner has linked to contacts. Raises FencedOffError.
        """
        if self.former_pictures is FormerPictures.DROP:
            return chat
        chat = replace(chat, participants=self._with_ids(chat.participants, chat.network_name))
        named = list(_named(chat))
        named_before = {each.place: each for each in _named(self._as_stored(chat, stored))}
        new = [each for each in named if each.place not in named_before]
        gone = [named_before[place] for place in named_before.keys() - {each.place for each in named}]
        if chat.roster_is_partial:  # Members that are not listed are still members.
            listed = {member.participant_id for member in chat.participants}
            gone = [each for each in gone if each.member.participant_id in listed]
        has_other_ids = [each for each in named if _has_other_ids(each.member, stored) and each not in new]
        network = chat.network_name
        self._record(
            [*self._sightings([*new, *has_other_ids], network), *self._sightings(gone, network, gone=True)],
            people,
            fence=fence,
        )
        linked = [
            member
            for member in chat.participants
            if member.participant_id in linked_by_hand and _has_other_link(member, stored)
        ]
        self._record_links(linked, people, fence=fence)
        changed = {each.member.participant_id for each in (*new, *gone)}
        remembered = [_as_remembered(member, stored) for member in chat.participants]
        to_look_up = [
            member
            for member in remembered
            if member.person_ids and (member.participant_id in changed or _is_new_person(member, stored))
        ]
        found = self._looked_up(to_look_up, named, network, people, fence=fence)
        return replace(chat, participants=tuple(found.get(each.participant_id, each) for each in remembered))

    def record_end(self, chat: Chat, stored: Roster, people: PeopleOfRun, *, fence: int) -> None:
        """Records the pictures of a chat that is about to be deleted. Raises FencedOffError."""
        if self.former_pictures is not FormerPictures.DROP:
            gone = _named(self._as_stored(chat, stored))
            self._record(self._sightings(gone, chat.network_name, gone=True), people, fence=fence)

    def record_links(self, members: Iterable[Participant], *, fence: int) -> None:
        """Records the participant ids of these members, linked to contacts by hand. Raises FencedOffError."""
        if self.former_pictures is not FormerPictures.DROP:
            self._record_links(members, PeopleOfRun(), fence=fence)

    def with_chosen(self, member: Participant, *, network: str) -> Participant:
        """Returns the member with the former picture that an operator may have chosen meanwhile.

        A member without a former picture is returned unchanged, without a read.
        """
        if member.former_image_key is None or self.former_pictures is FormerPictures.DROP:
            return member
        own = {member.image.key} if member.image else set()
        pictures = _pictures_of(member, self.people_table.several(member.person_ids), network)
        return self._with_former({member: [each for each in pictures if each.image_key not in own]})[0]

    def _with_ids(self, members: Iterable[Participant], network: str) -> tuple[Participant, ...]:
        """Returns the members with their person ids. Ids that were stored are kept."""
        identified = (
            replace(member, person_ids=person_ids(member, network=network, region=self.region))
            if not member.person_ids
            else member
            for member in members
        )
        return tuple(without_ambiguous_names(identified))

    def _as_stored(self, chat: Chat, stored: Roster) -> Chat:
        """Returns the chat with the picture and the members that are stored."""
        own = stored.get(CHAT_ROW)
        members = (row for row in stored.values() if row.participant_id != CHAT_ROW)
        return replace(
            chat,
            participants=self._with_ids(members, chat.network_name),
            source_url=own.source_url if own else None,
            image=own.image if own else None,
        )

    def _sightings(
        self, pictures: Iterable[_Named], network: str, *, gone: bool = False
    ) -> Iterator[tuple[str, KnownPicture]]:
        """Yields pairs of a person id and a picture to be recorded under it.

        A picture that is gone is recorded under the participant id, too, as the person may have no other id.
        """
        now = self.clock()
        for member, image in ((each.member, each.image) for each in pictures):
            picture = KnownPicture(
                image_key=image.key,
                source_url=image.source_url,
                network=network,
                phone_id=phone_id(member.person_ids),
                first_seen=now,
                named_until=now if gone else 0,
            )
            for person_id in member.person_ids if gone else ids_across_chats(member.person_ids):
                yield person_id, picture

    def _record(
        self, sightings: Iterable[tuple[str, KnownPicture]], people: PeopleOfRun, *, fence: int
    ) -> None:
        """Records these pictures of person ids, except for those that the run has recorded already."""
        by_record = {
            (person_id, picture.image_key, bool(picture.named_until)): (person_id, picture)
            for person_id, picture in sightings
        }
        news = {record: by_record[record] for record in by_record.keys() - people.written}
        self.people_table.record(news.values(), fence=fence)
        people.written.update(news)
        for person_id, image_key, is_gone in news:
            people.written.discard((person_id, image_key, not is_gone))
            people.read.pop(person_id, None)

    def _record_links(self, members: Iterable[Participant], people: PeopleOfRun, *, fence: int) -> None:
        links = {
            (person_id, member.participant_id) for member in members for person_id in _ids_for_links(member)
        }
        self.people_table.record_links(links, fence=fence)
        for person_id, _ in links:
            people.read.pop(person_id, None)

    def _looked_up(
        self,
        members: Sequence[Participant],
        named: Iterable[_Named],
        network: str,
        people: PeopleOfRun,
        *,
        fence: int,
    ) -> dict[str, Participant]:
        """Returns these members with their former pictures and earlier ids, by participant id."""
        if people.is_first:
            return {}
        ids = {person_id for member in members for person_id in member.person_ids}
        people.read.update(self.people_table.several(ids - people.read.keys()))
        places = {each.place for each in named}
        pictures: dict[Participant, list[KnownPicture]] = {}
        joined: list[tuple[str, KnownPicture]] = []
        for member in members:
            records = {person_id: people.read[person_id] for person_id in member.person_ids}
            earlier = {
                linked for person_id in _ids_for_links(member) for linked in records[person_id].linked_ids
            }
            earlier.discard(member.participant_id)
            former = [
                picture
                for picture in _pictures_of(member, records, network)
                if (member.participant_id, picture.image_key) not in places
            ][:MOST_PICTURES]
            pictures[replace(member, earlier_ids=tuple(sorted(earlier)))] = former
            joined += [
                (person_id, replace(picture, named_until=picture.named_until or self.clock()))
                for picture in former
                for person_id, record in records.items()
                if picture.image_key not in record.pictures and _is_certain(picture, member, records)
            ]
        self._drop_oldest(ids, people, fence=fence)
        # The pictures are recorded under all ids of the person, because any of the ids may vanish later.
        self._record(joined, people, fence=fence)
        return {member.participant_id: member for member in self._with_former(pictures)}

    def _with_former(self, pictures: Mapping[Participant, list[KnownPicture]]) -> list[Participant]:
        """Returns each member with the first of their pictures that is cached, or else the first one."""
        undecided = [each.image_key for known in pictures.values() if len(known) > 1 for each in known]
        views = self.cached_images.views(undecided)
        cached = {key for key, view in views.items() if view.status is ImageStatus.CACHED}
        former: list[Participant] = []
        for member, known in pictures.items():
            keys = [each.image_key for each in known]
            preferred = [key for key in keys if key in cached] or keys
            former.append(replace(member, former_image_key=preferred[0] if preferred else None))
        return former

    def _drop_oldest(self, ids: Iterable[str], people: PeopleOfRun, *, fence: int) -> None:
        dropped = [
            (person_id, picture.image_key)
            for person_id in ids
            for picture in newest_first(people.read[person_id].pictures.values())[MOST_PICTURES:]
        ]
        self.people_table.delete_pictures(dropped, fence=fence)
        for person_id, image_key in dropped:
            people.read.pop(person_id, None)
            people.written.difference_update((person_id, image_key, is_gone) for is_gone in (True, False))


def _named(chat: Chat) -> Iterator[_Named]:
    """Yields the pictures of the members.

    The own picture of a chat with one person is that person's, also in a union, which has several ids of one
    person.
    """
    for member in chat.participants:
        if member.image_source:
            yield _Named(member, member.image_source)
    own_picture = image_source(chat.image, chat.source_url)
    people = [member for member in chat.participants if member.person_ids]
    if own_picture and chat.type == "single" and (len(people) == 1 or chat.merged_chat_ids):
        for member in people:
            yield _Named(member, own_picture)


def _pictures_of(member: Participant, records: Mapping[str, KnownPerson], network: str) -> list[KnownPicture]:
    return newest_first(pictures_of_person(member, records.items(), network=network).values())


def _ids_for_links(member: Participant) -> list[str]:
    """Returns the person ids by which links to contacts follow the member to another participant id.

    A user name counts only without a phone number, because its next owner would get the contact, too.
    """
    across = ids_across_chats(member.person_ids)
    return [each for each in across if not is_name(each)] or across


def _is_certain(picture: KnownPicture, member: Participant, records: Mapping[str, KnownPerson]) -> bool:
    """Returns True if more than a user name says that the picture is the member's.

    Another person may have had that user name, so such a picture is not recorded under the member's other
    ids.
    """
    own_phone = phone_id(member.person_ids)
    if own_phone and picture.phone_id == own_phone:
        return True
    others = [record for person_id, record in records.items() if not is_name(person_id)]
    return any(picture.image_key in record.pictures for record in others)


def _has_other_ids(member: Participant, stored: Roster) -> bool:
    """Returns True if the member is stored with other person ids, or without any by an older version."""
    return member.participant_id in stored and stored[member.participant_id].person_ids != member.person_ids


def _is_new_person(member: Participant, stored: Roster) -> bool:
    """Returns True if the member is not stored, or was stored with other person ids."""
    row = stored.get(member.participant_id)
    return row is None or (bool(row.person_ids) and row.person_ids != member.person_ids)


def _has_other_link(member: Participant, stored: Roster) -> bool:
    """Returns True if the member's link to a contact was not yet recorded under these person ids."""
    row = stored.get(member.participant_id)
    is_recorded = row and (row.contact_id, row.person_ids) == (member.contact_id, member.person_ids)
    return not is_recorded


def _as_remembered(member: Participant, stored: Roster) -> Participant:
    """Returns the member with the former picture and the earlier ids that are stored."""
    row = stored.get(member.participant_id)
    if row is None:
        return member
    return replace(member, former_image_key=row.former_image_key, earlier_ids=row.earlier_ids)
