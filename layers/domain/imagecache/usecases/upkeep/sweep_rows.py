"""Sweeps the rows of cachedImages: marks orphans and deletes them after 30 days, and repairs other images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial

from imagecache.clock import DAY, Clock
from imagecache.errors import StoreUnavailableError
from imagecache.model.image import ImageRecord, ImageSource, ImageStatus
from imagecache.parallel import in_parallel
from imagecache.rules.source_urls import may_change
from imagecache.stores.chats.participants import ParticipantsTable, ShownKeys
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages, Orphan
from imagecache.stores.images.claims import decide_claim
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.upkeep.repair_image import ImageRepair
from imagecache.usecases.upkeep.sweep_blobs import Stock
from imagecache.usecases.upkeep.sweep_progress import RowOutcome, SweepCounts

GRACE = 30 * DAY
"""The time (ms) for which an orphan is kept, and for which a look-up counts as a reference."""

# In ms. An image from the web may change while its URL stays the same.
_REVALIDATE_AFTER = 30 * DAY
_TO_BE_FETCHED = frozenset({RowOutcome.REVALIDATED, RowOutcome.REFETCHED, RowOutcome.LOST})


class Task(Enum):
    """The changes that a row may need."""

    MARK = auto()
    UNMARK = auto()
    DELETE = auto()
    REVALIDATE = auto()
    REPAIR = auto()
    RESTORE = auto()
    """A repair that does not download anything while a copy is left."""


@dataclass(frozen=True, slots=True)
class SweptPage:
    """Holds the counts of a page of rows, and what later phases need of it.

    `last_key` is the key of its last row, and None for the last page. `due` are the rows that are due for
    deletion, and `cached` the keys of images that are cached, not orphaned and need nothing.
    """

    counts: SweepCounts
    last_key: str | None
    due: Sequence[Orphan]
    cached: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSweeper:
    """Sweeps the table page by page. Up to `writes_at_once` rows are changed in parallel.

    An image is shown if a chat, a member or a contact refers to it, or if another application has looked it
    up within GRACE. An image from Beeper is downloaded again if its last check is older than
    `refetch_media_after` (ms), or never if that is 0.
    """

    cached_images: CachedImages
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    image_repair: ImageRepair
    image_queueing: ImageQueueing
    clock: Clock
    writes_at_once: int
    refetch_media_after: int

    def shown_images(self) -> ShownKeys:
        """Scans both tables and returns the keys of all images that a chat, a member or a contact shows.

        Raises StoreUnavailableError.
        """
        keys = self.participants_table.shown_keys()
        for image_key in self.contacts_table.image_keys():
            keys.current.add(image_key)
        return keys

    def sweep(
        self, *, after: str | None, shown: ShownKeys, stock: Stock, dry_run: bool
    ) -> Iterator[SweptPage]:
        """Sweeps the rows after the key `after` (None for all rows), page by page.

        `shown` has the keys of all images that are shown. Deletions are only counted as due, because the
        deletion brake needs their number first. A dry run counts the changes but does not make them.
        """
        while True:
            rows, after = self.cached_images.rows_for_sweep(after=after)
            yield self._sweep_page(rows, last_key=after, shown=shown, stock=stock, dry_run=dry_run)
            if after is None:
                return

    def due_rows(self, *, after: str | None) -> Iterator[tuple[list[Orphan], str | None]]:
        """Reads the rows after the key `after` (None for all rows), and yields those due for deletion.

        Yields pairs: the due rows of a page, and the key of the last row that was read (None for the last
        page).
        """
        while True:
            orphans, after = self.cached_images.orphans_for_sweep(after=after)
            long_ago = self.clock() - GRACE
            due = [row for row in orphans if row.orphaned_at <= long_ago and row.looked_up_at <= long_ago]
            yield [Orphan(row.image_key, row.orphaned_at) for row in due], after
            if after is None:
                return

    def delete(self, due: Sequence[Orphan]) -> SweepCounts:
        """Deletes each row, unless something shows it again or it has changed. Returns the counts."""
        unshown = self._unshown(due)
        deleted = self.cached_images.delete_orphans(unshown, now=self.clock(), at_once=self.writes_at_once)
        return SweepCounts(deleted=sum(deleted), unsure=len(due) - len(unshown))

    def _sweep_page(
        self,
        rows: Sequence[ImageRecord],
        *,
        last_key: str | None,
        shown: ShownKeys,
        stock: Stock,
        dry_run: bool,
    ) -> SweptPage:
        now = self.clock()
        work = [
            (task, row)
            for row in rows
            for task in tasks(
                row,
                is_shown=row.image_key in shown or row.looked_up_at > now - GRACE,
                is_former=shown.is_former(row.image_key),
                is_whole=row.blob_id is None or stock.is_whole(row.blob_id, is_animated=row.is_animated),
                now=now,
                refetch_media_after=self.refetch_media_after,
            )
        ]
        marked = self._marked([row for task, row in work if task is Task.MARK], now=now, dry_run=dry_run)
        do = partial(self._do, marked=marked, now=now, dry_run=dry_run)
        outcomes = in_parallel(lambda task_and_row: do(*task_and_row), work, at_once=self.writes_at_once)
        if not dry_run:
            self.image_queueing.send(
                ImageSource(row.image_key, row.source_url)
                for (_, row), outcome in zip(work, outcomes, strict=True)
                if outcome in _TO_BE_FETCHED and row.source_url
            )
        due = [row for task, row in work if task is Task.DELETE]
        counts = replace(
            SweepCounts.of(outcomes),
            rows=len(rows),
            orphans=sum(bool(row.orphaned_at) for row in rows if row.image_key not in shown),
            due_bytes=sum(row.file_size for row in due),
        )
        with_tasks = {row.image_key for _, row in work}
        return SweptPage(
            counts,
            last_key,
            due=[Orphan(row.image_key, row.orphaned_at) for row in due],
            cached=[
                row.image_key
                for row in rows
                if row.status is ImageStatus.CACHED
                and not row.orphaned_at
                and row.image_key not in with_tasks
                and decide_claim(row, now) is not None
            ],
        )

    def _do(
        self,
        task: Task,
        row: ImageRecord,
        *,
        marked: Mapping[str, RowOutcome],
        now: int,
        dry_run: bool,
    ) -> RowOutcome | None:
        """Does one task and returns the outcome, or None if the row has changed and no longer needs the task.

        `marked` has the outcomes of the tasks MARK, which are done before. A dry run only returns the
        outcome.
        """
        match task:
            case Task.REPAIR | Task.RESTORE:
                return self._repair(row, now=now, dry_run=dry_run, may_refetch=task is Task.REPAIR)
            case Task.DELETE:
                return RowOutcome.DUE
            case Task.MARK:
                return marked.get(row.image_key)
            case Task.UNMARK:
                is_done = dry_run or self.cached_images.unmark_orphaned(row.image_key)
                return RowOutcome.UNMARKED if is_done else None
            case Task.REVALIDATE:
                is_done = dry_run or self.cached_images.revalidate(row.image_key, now=now)
                return RowOutcome.REVALIDATED if is_done else None

    def _repair(self, row: ImageRecord, *, now: int, dry_run: bool, may_refetch: bool) -> RowOutcome | None:
        try:
            return self.image_repair.repair(row, now=now, dry_run=dry_run, may_refetch=may_refetch)
        except StoreUnavailableError:
            return RowOutcome.UNSURE

    def _marked(self, rows: Sequence[ImageRecord], *, now: int, dry_run: bool) -> dict[str, RowOutcome]:
        """Marks these rows as orphans, and returns the outcome of each by image key.

        A row that has changed meanwhile, and is not marked therefore, has none. Whether something shows the
        image is not asked again, because a mark deletes nothing, and the next sweep removes a wrong one.
        """
        keys = [row.image_key for row in rows]
        if dry_run:
            return dict.fromkeys(keys, RowOutcome.MARKED)
        done = self.cached_images.mark_orphans(keys, now=now, at_once=self.writes_at_once)
        return {
            image_key: RowOutcome.MARKED for image_key, is_marked in zip(keys, done, strict=True) if is_marked
        }

    def _unshown(self, rows: Sequence[Orphan]) -> list[Orphan]:
        """Asks for the references of each of these images again, and returns those that have none."""
        may_be_shown = in_parallel(self._may_be_shown, rows, at_once=self.writes_at_once)
        return [row for row, is_shown in zip(rows, may_be_shown, strict=True) if not is_shown]

    def _may_be_shown(self, row: Orphan) -> bool:
        """Returns True if something shows the image, or if DynamoDB does not answer.

        Called just before a deletion, because `shown` may be out of date.
        """
        try:
            return self.participants_table.refers_to(row.image_key) or self.contacts_table.refers_to(
                row.image_key
            )
        except StoreUnavailableError:
            return True


def tasks(
    row: ImageRecord, *, is_shown: bool, is_former: bool, is_whole: bool, now: int, refetch_media_after: int
) -> list[Task]:
    """Returns the tasks that the row needs at `now` (ms).

    `is_former` is True if the image is only a former picture of a person. Its copy may be the last one, and
    what its URL gives now may be another picture, so it is never downloaded again. `is_whole` is True if all
    objects of the row's blob were listed. `refetch_media_after` is the age (ms) of the last check
    after which an image from Beeper is downloaded again, 0 for never.
    """
    if row.status is ImageStatus.FORGOTTEN:  # Without the row, the next sync would bring the image back.
        return []
    if not is_shown:
        if not row.orphaned_at:
            return [Task.MARK]
        return [Task.DELETE] if row.orphaned_at <= now - GRACE else []
    needed = [Task.UNMARK] if row.orphaned_at else []
    if row.blob_id and not is_whole:
        needed.append(Task.RESTORE if is_former else Task.REPAIR)
    elif not is_former and _may_have_changed(row, now, refetch_media_after):
        needed.append(Task.REVALIDATE)
    return needed


def _may_have_changed(row: ImageRecord, now: int, refetch_media_after: int) -> bool:
    """Returns True if the image is cached and its last check is too long ago.

    The content of a web URL may change. The content of a media id of Beeper does not, so such an image is
    checked only if `refetch_media_after` is set.
    """
    if row.status is not ImageStatus.CACHED:
        return False
    age = _REVALIDATE_AFTER if may_change(row.source_url or "") else refetch_media_after
    return bool(age) and row.checked_at <= now - age
