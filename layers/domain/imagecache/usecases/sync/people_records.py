"""Writes and reads the records of people in a sync run, each at most once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from imagecache.clock import Clock
from imagecache.model.chat import Participant
from imagecache.model.person import KnownPerson, KnownPicture
from imagecache.rules.people import (
    NamedPicture,
    comparable_name,
    ids_across_chats,
    ids_for_links,
    is_participant_id,
    phone_id,
)
from imagecache.stores.chats.people import PeopleTable

RecordedPicture = tuple[str, KnownPicture]
"""A person id, and a picture that is recorded under it."""


@dataclass(frozen=True, slots=True)
class PeopleOfRun:
    """The records that one sync run has read, by person id, and the pictures that it has written.

    `written` maps person id and image key to True if Beeper no longer names the picture. `is_first` is True
    until a run has read the whole list of chats. Before that, nobody can have moved, so nothing is read.
    """

    is_first: bool = False
    read: dict[str, KnownPerson] = field(default_factory=dict)
    written: dict[tuple[str, str], bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleRecords:
    """Reads and writes records. Every write raises FencedOffError if a newer sync run has begun."""

    people_table: PeopleTable
    clock: Clock

    def read(self, person_ids: Iterable[str], people: PeopleOfRun) -> dict[str, KnownPerson]:
        """Returns the record of each person id, from `people` if this run has read it before."""
        wanted = set(person_ids)
        people.read.update(self.people_table.several(wanted - people.read.keys()))
        return {person_id: people.read[person_id] for person_id in wanted}

    def of_chat(
        self, network: str, *, named: Iterable[NamedPicture] = (), gone: Iterable[NamedPicture] = ()
    ) -> list[RecordedPicture]:
        """Returns the records of pictures that Beeper names for members of a chat, or no longer names.

        A picture may be gone for one participant id of a person and named for another: it counts as named.
        """
        return [
            *self._records(gone, network, named_until=self.clock()),
            *self._records(named, network, named_until=0),
        ]

    def write(self, records: Iterable[RecordedPicture], people: PeopleOfRun, *, fence: int) -> None:
        """Records these pictures, except for those that the run has recorded already.

        Of two records of a picture under the same person id, the last one counts.
        """
        pictures = {(person_id, picture.image_key): picture for person_id, picture in records}
        news = {
            key: picture
            for key, picture in pictures.items()
            if people.written.get(key) is not bool(picture.named_until)
        }
        self.people_table.record(
            ((person_id, picture) for (person_id, _), picture in news.items()),
            are_new=people.is_first,
            fence=fence,
        )
        for (person_id, image_key), picture in news.items():
            people.written[person_id, image_key] = bool(picture.named_until)
            people.read.pop(person_id, None)

    def write_links(self, members: Iterable[Participant], people: PeopleOfRun, *, fence: int) -> None:
        """Records the participant ids of these members, which were linked to contacts by hand."""
        links = {
            (person_id, member.participant_id) for member in members for person_id in ids_for_links(member)
        }
        self.people_table.record_links(links, fence=fence)
        for person_id, _ in links:
            people.read.pop(person_id, None)

    def _records(
        self, pictures: Iterable[NamedPicture], network: str, *, named_until: int
    ) -> Iterator[RecordedPicture]:
        """Yields the records of these pictures, of which `named_until` is 0 if Beeper still names them.

        Those that are gone are recorded under the participant id, too, as the person may have no other id.
        """
        now = self.clock()
        for named in pictures:
            ids = named.member.person_ids
            picture = KnownPicture(
                image_key=named.image.key,
                source_url=named.image.source_url,
                network=network,
                phone_id=phone_id(ids),
                first_seen=now,
                named_until=named_until,
                full_name=comparable_name(named.member.full_name),
            )
            for person_id in ids if named_until else ids_across_chats(ids):
                yield person_id, replace(picture, phone_id=None) if is_participant_id(person_id) else picture
