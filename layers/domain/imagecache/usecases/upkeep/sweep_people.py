"""Sweeps the records of people: deletes those of people who have been in no chat for half a year."""

from dataclasses import dataclass

from imagecache.clock import DAY, Clock
from imagecache.model.person import FormerPictures
from imagecache.stores.chats.people import PeopleTable

REMEMBERED_FOR = 180 * DAY
"""The time (ms) for which a person in no chat is remembered: a phone number may arrive long after an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSweeper:
    """Marks and deletes records. Deletes all of them if `former_pictures` is DROP."""

    people_table: PeopleTable
    clock: Clock
    former_pictures: FormerPictures

    def sweep(self) -> None:
        """Scans the table once. A record that sync writes meanwhile is not deleted.

        Raises StoreUnavailableError.
        """
        now = self.clock()
        people = self.people_table.everybody()
        if self.former_pictures is FormerPictures.DROP:
            self.people_table.delete(people.items)
            return
        absent = [item for item in people.items if item.person_id not in people.in_chats]
        returned = [item for item in people.items if item.person_id in people.in_chats and item.absent_since]
        self.people_table.mark_absent((item for item in absent if not item.absent_since), since=now)
        self.people_table.mark_absent(returned, since=0)
        self.people_table.delete(item for item in absent if 0 < item.absent_since <= now - REMEMBERED_FOR)
