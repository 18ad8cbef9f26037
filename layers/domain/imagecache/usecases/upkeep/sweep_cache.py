"""The nightly sweep: marks rows, deletes rows and then objects, queues missing images, records statistics.

Rows are deleted before objects, so that the objects of deleted rows are deleted in the same sweep. A second
sweep at the same time, a crash or a long pause between two steps, or clocks that differ by minutes never lose
an image that is shown: every change to a row is conditional, an orphan is kept for 30 days and an object for
a day, and both are checked again just before they are deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from imagecache.clock import DAY, Clock
from imagecache.errors import StoreUnavailableError
from imagecache.key_set import KeySet
from imagecache.model.job import CleanupOrder, Job, JobStatus, ResultValue
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.images.cached_images import Orphan
from imagecache.stores.state.beeper_health import BeeperHealthStore, BeeperState
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.operating.jobs import Step
from imagecache.usecases.operating.queue_missing import BackfillPosition, ImageBackfill
from imagecache.usecases.reading.count_cache import CacheCounter
from imagecache.usecases.upkeep.sweep_blobs import OBJECT_GRACE, BlobSweeper, Stock
from imagecache.usecases.upkeep.sweep_costs import costs_of
from imagecache.usecases.upkeep.sweep_people import PeopleSweeper
from imagecache.usecases.upkeep.sweep_progress import Phase, SweepCounts, SweepPosition
from imagecache.usecases.upkeep.sweep_rows import RowSweeper, SweptPage

# In ms. If the last complete sync is longer ago than this, the references may be out of date.
_SYNCED_WITHIN = 2 * DAY
# If more are to be deleted than both limits (a number, and a share of all), a person must consent.
_BRAKE_COUNT = 50
_BRAKE_SHARE = 0.2
# About 20 MB. If more rows are due, they are read from the table once more.
_MOST_DUE_KEPT = 100_000


class Refusal(StrEnum):
    """The reasons for which a sweep deletes nothing.

    NO_RECENT_SYNC: no complete sync within two days. OFFLINE: the same, while Beeper is offline. SCAN_FAILED:
    the references or the named blobs could not be read. TOO_MANY_IMAGES, TOO_MANY_BLOBS: the deletions need
    a person's consent.
    """

    NO_RECENT_SYNC = "no_recent_sync"
    OFFLINE = "offline"
    SCAN_FAILED = "scan_failed"
    TOO_MANY_IMAGES = "too_many_images"
    TOO_MANY_BLOBS = "too_many_blobs"


@dataclass(slots=True)
class SweepState:
    """The state of a sweep.

    `counts` and `refusals` include earlier invocations of the job, which began at `started_at` (ms). `stock`
    is the listing of the bucket: None before this invocation has listed it, and after a deletion of objects.

    `due` are the rows due for deletion: None if this invocation has not read all rows, or if there are too
    many to keep. `cached` has the keys of images that this invocation has found cached.
    """

    order: CleanupOrder
    started_at: int
    counts: SweepCounts
    refusals: list[Refusal]
    stock: Stock | None = None
    due: list[Orphan] | None = None
    cached: KeySet = field(default_factory=KeySet)

    @classmethod
    def of(cls, job: Job) -> "SweepState":
        """Returns the state that the earlier invocations have recorded in the job.

        Raises TypeError if the job is not a cleanup.
        """
        if not isinstance(job.order, CleanupOrder):
            raise TypeError(f"job {job.job_id} is a {job.kind}, which another function works on")
        return cls(
            order=job.order,
            started_at=job.created_at,
            counts=SweepCounts.from_json(job.progress),
            refusals=refusals(job),
        )

    @property
    def old_before(self) -> int:
        """The moment (ms) before which an object version must be stored to be deleted."""
        return self.started_at - OBJECT_GRACE

    def keep(self, page: SweptPage) -> None:
        """Keeps what a page of rows says to later phases, so that they need not read the rows again."""
        for image_key in page.cached:
            self.cached.add(image_key)
        if self.due is not None:
            self.due += page.due
            if len(self.due) > _MOST_DUE_KEPT:
                self.due = None

    def refuse(self, reason: Refusal) -> None:
        """Records a reason for which the sweep deletes nothing from now on."""
        if reason not in self.refusals:
            self.refusals.append(reason)

    def refuse_too_much(self, reason: Refusal, count: int, *, of: int) -> None:
        """Records the reason if deleting `count` of `of` images or blobs needs a person's consent."""
        if not self.order.force and is_too_much(count, of=of, more_than=_BRAKE_COUNT, share=_BRAKE_SHARE):
            self.refuse(reason)

    def result(self) -> dict[str, ResultValue]:
        """Returns the fields of the job's result other than the counts: the refusals and the costs."""
        return {
            "refused": [refusal.value for refusal in self.refusals],
            "costs": costs_of(self.counts).to_json(),
        }


def refusals(job: Job) -> list[Refusal]:
    """Returns the reasons for which the sweep of this job deletes nothing, or an empty list."""
    codes = job.result.get("refused", [])
    return [Refusal(code) for code in codes] if isinstance(codes, list) else []


def needs_a_person(job: Job) -> bool:
    """Returns True if a finished sweep, not a dry run, deleted nothing for a reason other than OFFLINE."""
    is_dry_run = isinstance(job.order, CleanupOrder) and job.order.dry_run
    is_finished = job.status is JobStatus.DONE
    return is_finished and not is_dry_run and any(reason is not Refusal.OFFLINE for reason in refusals(job))


Progress = tuple[SweepCounts, SweepPosition | None]
"""The counts of a step, and the position of the next step (None at the end of the sweep)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Works on jobs of the kind `cleanup`. Each phase yields at least one step.

    After every step another invocation can continue at the step's position. A step deletes at most
    `blobs_per_step` blobs, and `rows_per_step` rows or those of one page. Missing images are queued for chats
    active in the last `active_within_days` days.
    """

    people_sweeper: PeopleSweeper
    row_sweeper: RowSweeper
    blob_sweeper: BlobSweeper
    backfill: ImageBackfill
    image_queueing: ImageQueueing
    cache_counter: CacheCounter
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    statistics_store: SweepStatisticsStore
    clock: Clock
    active_within_days: int
    blobs_per_step: int = 100
    rows_per_step: int = 1_000

    def run(self, job: Job) -> Iterator[Step]:
        """Sweeps from the job's position on. A dry run counts the changes but does not make them.

        Raises TypeError if the job is not a cleanup, and StoreUnavailableError if an answer of AWS is missing
        that the sweep needs to continue.
        """
        state = SweepState.of(job)
        position: SweepPosition | None = SweepPosition.from_json(job.position)
        while position is not None:
            for counts, next_position in self._steps(position, state):
                state.counts += counts
                position = next_position
                yield Step(counts.to_json(), position.to_json() if position else None, state.result())

    def _steps(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        match position.phase:
            case Phase.SWEEP_ROWS:
                return self._sweep_rows(position, state)
            case Phase.DELETE_ROWS:
                return self._delete_rows(position, state)
            case Phase.COUNT_OBJECTS | Phase.DELETE_OBJECTS:
                return self._sweep_objects(position, state)
            case Phase.QUEUE_MISSING:
                return self._queue_missing(position, state)
            case Phase.RECORD_STATISTICS:
                return self._record_statistics(position, state)

    def _sweep_rows(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Marks, unmarks, refreshes and repairs rows, and counts the rows that are due for deletion.

        Before the first row, sweeps the records of people, because their pictures count as shown.
        """
        try:
            if position.last_key is None and not state.order.dry_run:
                self.people_sweeper.sweep()
            shown = self.row_sweeper.shown_images()
        except StoreUnavailableError:
            state.refuse(Refusal.SCAN_FAILED)
            yield SweepCounts(), position.next_phase()
            return
        pages = self.row_sweeper.sweep(
            after=position.last_key, shown=shown, stock=self._stock(state), dry_run=state.order.dry_run
        )
        if position.last_key is None:
            state.due = []
        for page in pages:
            state.keep(page)
            yield page.counts, position.after_row(page.last_key)

    def _delete_rows(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Deletes the due rows.

        This is a separate phase, because the deletion brake needs the number of all due rows first.
        """
        state.refuse_too_much(Refusal.TOO_MANY_IMAGES, state.counts.due, of=state.counts.rows)
        if state.counts.due and self._may_delete(state):
            for rows, last_key in self._due_rows(position, state):
                yield self.row_sweeper.delete(rows), position.after_row(last_key)
        yield SweepCounts(), position.next_phase()

    def _due_rows(
        self, position: SweepPosition, state: SweepState
    ) -> Iterator[tuple[Sequence[Orphan], str | None]]:
        """Yields the due rows in groups, each with the key after which another invocation continues."""
        if state.due is None:
            yield from self.row_sweeper.due_rows(after=position.last_key)
            return
        for start in range(0, len(state.due), self.rows_per_step):
            rows = state.due[start : start + self.rows_per_step]
            yield rows, rows[-1].image_key

    def _sweep_objects(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Counts the blobs in the bucket, then deletes the old versions of the blobs that no row names.

        Counting is a separate phase: a later invocation lists the bucket again, and must not count it again.
        """
        stock = self._stock(state)
        try:
            unnamed = self.blob_sweeper.unnamed_blobs(stock)
        except StoreUnavailableError:
            state.refuse(Refusal.SCAN_FAILED)
            unnamed = []
        deleting = SweepPosition(Phase.DELETE_OBJECTS)
        if position.phase is Phase.COUNT_OBJECTS:
            yield stock.counts(unnamed), deleting
        state.refuse_too_much(Refusal.TOO_MANY_BLOBS, len(unnamed), of=stock.blob_count)
        if self._may_delete(state) and unnamed:
            state.stock = None  # The statistics must describe the bucket after the deletions.
            old_versions = self.blob_sweeper.old_versions(
                unnamed, listed=stock.listed, old_before=state.old_before
            )
            for start in range(0, len(unnamed), self.blobs_per_step):
                batch = unnamed[start : start + self.blobs_per_step]
                counts = self.blob_sweeper.delete({blob_id: old_versions[blob_id] for blob_id in batch})
                yield counts, deleting
        yield SweepCounts(), deleting.next_phase()

    def _queue_missing(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Queues images that chats show but that are not cached, because they were lost or never queued.

        Does not read the rows of images that this invocation has found cached. What may change such a row in
        the meantime also queues the image.
        """
        oldest = state.started_at - self.active_within_days * DAY if self.active_within_days else 0
        queue = self.image_queueing.count_missing if state.order.dry_run else self.image_queueing.request
        step = self.backfill.step(
            position.backfill or BackfillPosition.from_json(None),
            oldest=oldest,
            queue_images=lambda images: queue(image for image in images if image.key not in state.cached),
        )
        yield SweepCounts(chats=step.chats, queued=step.queued), position.after_chats(step.position)

    def _record_statistics(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Records the statistics that `/api/stats` returns. A dry run records nothing."""
        stock = self._stock(state)
        if not state.order.dry_run:
            statistics = asdict(self.cache_counter.count()) | {
                "swept_at": self.clock(),
                "orphaned": state.counts.orphans + state.counts.marked - state.counts.deleted,
                "original_bytes": stock.original_bytes,
                "served_bytes": stock.served_bytes,
                "deleted": state.counts.deleted,
                "bytes_freed": state.counts.bytes_freed,
                "refused": [refusal.value for refusal in state.refusals],
            }
            self.statistics_store.record(statistics)
        yield SweepCounts(listed=stock.listed), position.next_phase()

    def _may_delete(self, state: SweepState) -> bool:
        """Returns True if there is no reason against deletions, and the sweep is no dry run.

        The order's `force` overrides every reason except SCAN_FAILED, because without the references every
        image would look unused.
        """
        last_complete_sync = self.last_sync_store.read().completed_at
        if last_complete_sync <= self.clock() - _SYNCED_WITHIN and not state.order.force:
            is_offline = self.beeper_health_store.read().state is BeeperState.OFFLINE
            state.refuse(Refusal.OFFLINE if is_offline else Refusal.NO_RECENT_SYNC)
        return not state.refusals and not state.order.dry_run

    def _stock(self, state: SweepState) -> Stock:
        if state.stock is None:
            state.stock = self.blob_sweeper.take_stock(old_before=state.old_before)
        return state.stock
