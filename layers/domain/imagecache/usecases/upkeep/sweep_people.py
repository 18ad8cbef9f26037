"""Sweeps the records of people: deletes those of people who have been in no chat for half a year.

Of the others, it deletes all but the newest former pictures.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imagecache.clock import DAY, Clock
from imagecache.model.person import FormerPictures, KnownPicture
from imagecache.rules.people import MOST_PICTURES, newest_first
from imagecache.stores.chats.people import PeopleTable, PersonItem

REMEMBERED_FOR = 180 * DAY
"""The time (ms) for which a person in no chat is remembered: a phone number may arrive long after an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSweeper:
    """Marks and deletes records. Deletes all of them if `former_pictures` is DROP."""

    people_table: PeopleTable
    clock: Clock
    former_pictures: FormerPictures

    def sweep(self) -> None:
        """Marks and deletes records as the class describes, after one scan of the table.

        A record that sync writes meanwhile is not deleted. Raises StoreUnavailableError.
        """
        now = self.clock()
        items, in_chats = self.people_table.items_and_people_in_chats()
        if self.former_pictures is FormerPictures.DROP:
            self.people_table.delete(items)
            return
        present = [item for item in items if item.person_id in in_chats]
        absent = [item for item in items if item.person_id not in in_chats]
        returned = [item for item in present if item.absent_since]
        self.people_table.delete(_too_old(present))
        self.people_table.mark_absent((item for item in absent if not item.absent_since), since=now)
        self.people_table.mark_absent(returned, since=0)
        self.people_table.delete(item for item in absent if 0 < item.absent_since <= now - REMEMBERED_FOR)


def _too_old(items: Iterable[PersonItem]) -> Iterator[PersonItem]:
    """Yields each former picture of which its person id has MOST_PICTURES newer ones."""
    by_person: dict[str, dict[KnownPicture, PersonItem]] = defaultdict(dict)
    for item in items:
        if item.picture and item.picture.named_until:
            by_person[item.person_id][item.picture] = item
    for pictures in by_person.values():
        for picture in newest_first(pictures)[MOST_PICTURES:]:
            yield pictures[picture]
