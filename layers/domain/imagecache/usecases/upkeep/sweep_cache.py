"""The nightly sweep: rows, deletions after a grace, objects, missing images, statistics.

Rows come first, so that what they no longer name can be collected. Every change to a row is conditional. A
second sweep at the same time, a crash or a long pause between any two steps, and clocks that differ by
minutes cost work but never an image: an orphan waits for 30 days and an object for a day, and both are
checked once more right before they are deleted.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from imagecache.clock import DAY, Clock
from imagecache.errors import StoreUnavailableError
from imagecache.model.job import CleanupOrder, Job, JobStatus, ResultValue
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.state.beeper_health import BeeperHealthStore, BeeperState
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.operating.jobs import Step
from imagecache.usecases.operating.queue_missing import BackfillPosition, ImageBackfill
from imagecache.usecases.reading.count_cache import CacheCounter
from imagecache.usecases.upkeep.sweep_blobs import OBJECT_GRACE, BlobSweeper, Stock
from imagecache.usecases.upkeep.sweep_costs import costs_of
from imagecache.usecases.upkeep.sweep_progress import Phase, SweepCounts, SweepPosition
from imagecache.usecases.upkeep.sweep_rows import RowSweeper

# In ms. Without a complete sync for so long, the references may be out of date.
_SYNCED_WITHIN = 2 * DAY
# More deletions than this, and more than this share of all, need a person's consent.
_BRAKE_COUNT = 50
_BRAKE_SHARE = 0.2


class Refusal(StrEnum):
    """The reasons for which a sweep deletes nothing."""

    NO_RECENT_SYNC = "no_recent_sync"
    OFFLINE = "offline"
    SCAN_FAILED = "scan_failed"
    TOO_MANY_IMAGES = "too_many_images"
    TOO_MANY_BLOBS = "too_many_blobs"


@dataclass(slots=True)
class SweepState:
    """The state of a sweep.

    `counts` and `refusals` are those of the whole job, which began at `started_at` (ms). `stock` is the
    listing of the bucket: None until this invocation needs it, and again after it has deleted something.
    """

    order: CleanupOrder
    started_at: int
    counts: SweepCounts
    refusals: list[Refusal]
    stock: Stock | None = None

    @classmethod
    def of(cls, job: Job) -> "SweepState":
        """Returns the state that the earlier invocations of the job have left.

        Raises TypeError for a job of another kind.
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
        """A version of an object that was stored before this moment (ms) may be deleted."""
        return self.started_at - OBJECT_GRACE

    def refuse(self, reason: Refusal) -> None:
        """Puts a brake on: from now on the sweep deletes nothing."""
        if reason not in self.refusals:
            self.refusals.append(reason)

    def refuse_too_much(self, reason: Refusal, count: int, *, of: int) -> None:
        """Puts a brake on if deleting `count` things `of` so many needs a person's consent."""
        if not self.order.force and is_too_much(count, of=of, more_than=_BRAKE_COUNT, share=_BRAKE_SHARE):
            self.refuse(reason)

    def result(self) -> dict[str, ResultValue]:
        """Returns what the job's result says beside the counts."""
        return {
            "refused": [refusal.value for refusal in self.refusals],
            "costs": costs_of(self.counts).to_json(),
        }


def refusals(job: Job) -> list[Refusal]:
    """Returns why a sweep has deleted nothing so far."""
    codes = job.result.get("refused", [])
    return [Refusal(code) for code in codes] if isinstance(codes, list) else []


def needs_a_person(job: Job) -> bool:
    """Returns True if a finished sweep refused to delete for any reason but a laptop that was offline."""
    is_dry_run = isinstance(job.order, CleanupOrder) and job.order.dry_run
    is_finished = job.status is JobStatus.DONE
    return is_finished and not is_dry_run and any(reason is not Refusal.OFFLINE for reason in refusals(job))


Progress = tuple[SweepCounts, SweepPosition | None]
"""The counts of a step, and the position at which to continue (None at the end of the sweep)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Works on jobs of the kind `cleanup`. Each phase yields its steps, at least one.

    Every step ends at a position where another invocation can continue.
    """

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

    def run(self, job: Job) -> Iterator[Step]:
        """Sweeps from the job's position on. A dry run changes nothing and counts what would be done.

        Raises TypeError for a job of another kind, StoreUnavailableError if AWS does not answer where the
        sweep cannot do without.
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
        """Does what the rows need, and counts those that are due for deletion."""
        try:
            shown = self.row_sweeper.shown_images()
        except StoreUnavailableError:
            state.refuse(Refusal.SCAN_FAILED)
            yield SweepCounts(), position.next_phase()
            return
        pages = self.row_sweeper.sweep(
            after=position.last_key, shown=shown, stock=self._stock(state), dry_run=state.order.dry_run
        )
        for page in pages:
            yield page.counts, position.after_row(page.last_key)

    def _delete_rows(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Deletes those of a page of rows that are due.

        Only a phase of its own knows how many are due in all.
        """
        state.refuse_too_much(Refusal.TOO_MANY_IMAGES, state.counts.due, of=state.counts.rows)
        if state.counts.due and self._may_delete(state):
            page = self.row_sweeper.delete_page(after=position.last_key)
            yield page.counts, position.after_row(page.last_key)
        else:
            yield SweepCounts(), position.next_phase()

    def _sweep_objects(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Counts what the bucket holds, then deletes the old versions of the blobs that no row names.

        Counting is a phase of its own, so that the bucket is counted once however often it is listed.
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
        if self._may_delete(state):
            for start in range(0, len(unnamed), self.blobs_per_step):
                state.stock = None  # The statistics must describe what is left.
                batch = unnamed[start : start + self.blobs_per_step]
                yield self.blob_sweeper.delete(batch, old_before=state.old_before), deleting
        yield SweepCounts(), deleting.next_phase()

    def _queue_missing(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Queues what chats show and the cache does not have: lost since, or not queued by the last sync."""
        oldest = state.started_at - self.active_within_days * DAY if self.active_within_days else 0
        queueing = self.image_queueing
        step = self.backfill.step(
            position.backfill or BackfillPosition.from_json(None),
            oldest=oldest,
            queue_images=queueing.count_missing if state.order.dry_run else queueing.request,
        )
        yield SweepCounts(chats=step.chats, queued=step.queued), position.after_chats(step.position)

    def _record_statistics(self, position: SweepPosition, state: SweepState) -> Iterator[Progress]:
        """Records what `/api/stats` says of the last sweep. A dry run records nothing."""
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
        """Returns True if no brake is on.

        A person's `force` lifts all but one: nothing replaces unread references.
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
