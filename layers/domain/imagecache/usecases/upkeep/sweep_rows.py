"""Rows of cachedImages → each marked, un-marked, asked for again, repaired, or deleted after grace."""

from collections import Counter
from collections.abc import Callable, Container, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from imagecache.clock import DAY, Clock
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.rules.source_urls import may_change
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.upkeep import ImageUpkeep
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.upkeep.repair_image import ImageRepair, Repair

GRACE = 30 * DAY
"""How long an image that nobody shows is kept, and a look-up counts as showing it (ms)."""

_STALE_AFTER = 30 * DAY
UNANSWERED = (BotoCoreError, ClientError, PynamoDBException)
"""A question that AWS did not answer: nothing is deleted for it."""

_UNSURE = "unsure"


class Task(StrEnum):
    """What a row needs; and the name under which it is counted."""

    MARK = "marked"
    UNMARK = "unmarked"
    DELETE = "due"
    REVALIDATE = "revalidated"
    REPAIR = "repaired"


_FETCHED = {Task.REVALIDATE.value, Repair.REFETCHED.value, Repair.LOST.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Who shows an image: chats and contacts. Whoever looked it up is known by its row."""

    participants_table: ParticipantsTable
    contacts_table: ContactsTable

    def keys(self) -> set[str]:
        """Of every image that is shown, by two scans. Raises one of UNANSWERED."""
        return {*self.participants_table.image_keys(), *self.contacts_table.image_keys()}

    def has(self, image_key: str) -> bool:
        """By two queries. Raises one of UNANSWERED."""
        shown = self.participants_table.referring(image_key, limit=1) or self.contacts_table.referring(
            image_key, limit=1
        )
        return bool(shown)


def tasks(
    row: ImageRecord, *, is_shown: bool, is_whole: bool, now: int, refetch_media_after: int
) -> list[Task]:
    """What is to be done. `is_whole`: all objects of its blob seem to be there; times in ms, 0 for never."""
    if row.status is ImageStatus.FORGOTTEN:  # it must be remembered, or the next sync brings it back
        return []
    if not is_shown:
        if not row.orphaned_at:
            return [Task.MARK]
        return [Task.DELETE] if row.orphaned_at <= now - GRACE else []
    found = [Task.UNMARK] if row.orphaned_at else []
    if row.blob_id and not is_whole:
        return [*found, Task.REPAIR]
    return [*found, Task.REVALIDATE] if _is_stale(row, now, refetch_media_after) else found


def _is_stale(row: ImageRecord, now: int, refetch_media_after: int) -> bool:
    """A media id never changes what it means, an https URL may."""
    if row.status is not ImageStatus.CACHED:
        return False
    age = _STALE_AFTER if may_change(row.source_url or "") else refetch_media_after
    return bool(age) and row.checked_at <= now - age


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSweeper:
    """Works on a page of rows at a time, several rows side by side. A dry run only counts."""

    upkeep: ImageUpkeep
    references: References
    repair: ImageRepair
    cached_images: CachedImages
    image_queueing: ImageQueueing
    clock: Clock
    writes_at_once: int
    refetch_media_after: int

    def sweep(
        self,
        rows: list[ImageRecord],
        *,
        shown: Container[str],
        is_whole: Callable[[str], bool],
        dry_run: bool,
    ) -> Counter[str]:
        """Everything but deletions, which are counted as due: the brake looks at their number first."""
        now = self.clock()
        work = [
            (task, row)
            for row in rows
            for task in tasks(
                row,
                is_shown=row.image_key in shown or row.looked_up_at > now - GRACE,
                is_whole=row.blob_id is None or is_whole(row.blob_id),
                now=now,
                refetch_media_after=self.refetch_media_after,
            )
        ]
        do = partial(self._would_do if dry_run else self._do, now=now)
        with ThreadPoolExecutor(self.writes_at_once) as pool:
            done = list(pool.map(lambda one: do(*one), work))
        if not dry_run:
            wanted = [row for (_, row), what in zip(work, done, strict=True) if what in _FETCHED]
            self.image_queueing.send((row.image_key, row.source_url) for row in wanted if row.source_url)
        due = sum(row.file_size for (_, row), what in zip(work, done, strict=True) if what == Task.DELETE)
        orphans = sum(bool(row.orphaned_at) for row in rows if row.image_key not in shown)
        return Counter(what for what in done if what) + Counter(rows=len(rows), dueBytes=due, orphans=orphans)

    def delete(self, rows: Iterable[ImageRecord]) -> Counter[str]:
        """Those among them whose grace is over, unless somebody shows them after all."""
        now = self.clock()
        due = [row for row in rows if row.orphaned_at and row.orphaned_at <= now - GRACE]
        with ThreadPoolExecutor(self.writes_at_once) as pool:
            return sum(pool.map(partial(self._delete, now=now), due), Counter())

    def _delete(self, row: ImageRecord, *, now: int) -> Counter[str]:
        if row.looked_up_at > now - GRACE or self._is_shown(row):
            return Counter({_UNSURE: 1})
        deleted = self.upkeep.delete(row.image_key, orphaned_at=row.orphaned_at, now=now)
        return Counter({"deleted": int(deleted)})

    def _is_shown(self, row: ImageRecord) -> bool:
        """Asked of the row alone, right before it is changed. What is not answered counts as shown."""
        try:
            return self.references.has(row.image_key)
        except UNANSWERED:
            return True

    def _would_do(self, task: Task, row: ImageRecord, *, now: int) -> str:
        return self._repair(row, now=now, dry_run=True) if task is Task.REPAIR else task.value

    def _do(self, task: Task, row: ImageRecord, *, now: int) -> str:
        """Under which name it is counted; empty when there was nothing left to do."""
        done = True
        match task:
            case Task.REPAIR:
                return self._repair(row, now=now, dry_run=False)
            case Task.MARK:
                if self._is_shown(row):
                    return _UNSURE
                done = self.upkeep.mark_orphaned(row.image_key, now=now)
            case Task.UNMARK:
                done = self.cached_images.unmark_orphaned(row.image_key)
            case Task.REVALIDATE:
                done = self.cached_images.revalidate(row.image_key, now=now)
        return task.value if done else ""

    def _repair(self, row: ImageRecord, *, now: int, dry_run: bool) -> str:
        try:
            return self.repair.repair(row, now=now, dry_run=dry_run).value
        except UNANSWERED:
            return _UNSURE
