"""Brings the former pictures of all members up to date.

A run of sync looks up only members who have changed. A picture may become a former one long after another
member of the same person was stored, and an operator may choose another picture. So every complete run, and
every relinking, compares the rows of all members with the records of people. This needs one Scan of
chatParticipants and reads the chats of members with several pictures. Only what differs is written.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from imagecache.model.image import ImageStatus
from imagecache.model.person import FormerPictures, KnownPerson, KnownPicture
from imagecache.rules.people import (
    former_pictures,
    is_face_of_people,
    is_of_other_person,
    missing_records,
)
from imagecache.rules.time_budget import TimeBudget
from imagecache.stores.chats.chats import ChatsTable, ChatSummary
from imagecache.stores.chats.participants import CHAT_ROW, Member, ParticipantsTable
from imagecache.stores.chats.people import People, PeopleTable, PicturesOfRow
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.sync.people_records import PeopleOfRun, PeopleRecords, RecordedPicture

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerPictureRefresher:
    """Writes the former pictures of members. Does nothing if `former_pictures` is DROP."""

    people_table: PeopleTable
    participants_table: ParticipantsTable
    chats_table: ChatsTable
    cached_images: CachedImages
    records: PeopleRecords
    former_pictures: FormerPictures

    def run(self, *, fence: int, time_budget: TimeBudget) -> bool:
        """Updates all members. Returns False if the time was used up before all were updated.

        Raises FencedOffError.
        """
        if self.former_pictures is FormerPictures.DROP:
            return True
        people = self.people_table.everybody()
        known = people.records()
        rows = [row for row in people.in_chats if row.person_ids and _may_differ(row, known)]
        chats = self.chats_table.summaries({row.chat_id for row in rows})
        former = _former_pictures(rows, people, known, chats)
        missing: list[RecordedPicture] = []
        for row, pictures in former.items():
            missing += missing_records(row, pictures, known)
        self.records.write(missing, PeopleOfRun(), fence=fence)
        changed: dict[str, dict[str, str | None]] = defaultdict(dict)
        for row, key in keys_to_show(former, self.cached_images).items():
            if key != row.former_image_key:
                changed[row.chat_id][row.participant_id] = key
        for chat_id, keys in changed.items():
            if time_budget.is_used_up():
                return False
            self._update(chats[chat_id], keys, fence=fence)
        return True

    def _update(self, chat: ChatSummary, keys: Mapping[str, str | None], *, fence: int) -> None:
        """Writes these former pictures of members, by participant id, to the preview and then to the rows.

        After a crash between the two, the rows still differ, so the next run repeats both.
        """
        members = {
            participant_id: replace(member, former_image_key=keys[participant_id])
            for participant_id, member in self.participants_table.roster(chat.chat_id).items()
            if participant_id in keys
        }
        self.chats_table.update_preview(chat, members, fence=fence)
        self.participants_table.link(
            [Member(chat.chat_id, member) for member in members.values()], fence=fence
        )


def keys_to_show(
    former: Mapping[M, Sequence[KnownPicture]], cached_images: CachedImages
) -> dict[M, str | None]:
    """Returns the key of the former picture that each member shows, or None for a member without any.

    It is the first that is cached, or else the first one.
    """
    undecided = [each.image_key for pictures in former.values() if len(pictures) > 1 for each in pictures]
    views = cached_images.views(undecided)
    cached = {key for key, view in views.items() if view.status is ImageStatus.CACHED}
    shown: dict[M, str | None] = {}
    for member, pictures in former.items():
        keys = [picture.image_key for picture in pictures]
        shown[member] = next((key for key in keys if key in cached), keys[0] if keys else None)
    return shown


def _may_differ(row: PicturesOfRow, known: Mapping[str, KnownPerson]) -> bool:
    """Returns False if the records have no picture but the member's own and the one that the row has.

    That one may be shown wrongly if it is another person's.
    """
    pictures = [picture for person_id in row.person_ids for picture in known[person_id].pictures.values()]
    recorded = {picture.image_key for picture in pictures}
    shown = {row.former_image_key} if row.former_image_key else set()
    return recorded - {row.image_key} != shown or any(is_of_other_person(each, row) for each in pictures)


def _former_pictures(
    rows: Sequence[PicturesOfRow],
    people: People,
    known: Mapping[str, KnownPerson],
    chats: Mapping[str, ChatSummary],
) -> dict[PicturesOfRow, list[KnownPicture]]:
    """Returns the former pictures of each of these members whose chat is stored."""
    own_keys = {row.chat_id: row.image_key for row in people.in_chats if row.participant_id == CHAT_ROW}
    people_in = Counter(row.chat_id for row in people.in_chats if row.person_ids)
    former: dict[PicturesOfRow, list[KnownPicture]] = {}
    for row in rows:
        chat = chats.get(row.chat_id)
        if chat is None:
            continue
        named = {row.image_key}
        if is_face_of_people(people_in[row.chat_id], is_single=chat.is_single, is_union=chat.is_union):
            named.add(own_keys.get(row.chat_id))
        former[row] = former_pictures(row, known, network=chat.network_name, named=named)
    return former
