"""The nightly sweep: rows, deletions after a grace, objects, missing images, statistics.

Rows come first, so that what they no longer name can be collected. Every change to a row is conditional. A
second sweep at the same time, a crash or a long pause between any two steps, and clocks that differ by
minutes cost work but never an image: an orphan waits for 30 days and an object for a day, and both are
checked once more right before they are deleted.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from imagecache.clock import DAY, Clock
from imagecache.errors import StoreUnavailableError
from imagecache.model.job import CleanupOrder, Job, ResultValue
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.state.beeper_health import BeeperHealthStore, BeeperState
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.operating.jobs import Step
from imagecache.usecases.operating.queue_missing import BackfillPosition, ImageBackfill
from imagecache.usecases.reading.count_cache import count_cache
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
    """The state of a sweep during one invocation.

    `counts` and `refusals` belong to the whole job. The other attributes are determined when they are first
    needed in this invocation, and are None until then: `stock` is the listing of the bucket, `shown` the keys
    of shown images, `unnamed` the blobs that no row names, `deletable` those of them that are still to be
    deleted.
    """

    job: Job
    order: CleanupOrder
    counts: SweepCounts
    refusals: list[Refusal]
    stock: Stock | None = field(default=None)
    shown: set[str] | None = field(default=None)
    unnamed: list[str] | None = field(default=None)
    deletable: list[str] | None = field(default=None)

    @property
    def old_before(self) -> int:
        """Versions of objects from before this moment (ms) may be deleted."""
        return self.job.created_at - OBJECT_GRACE

    def refuse(self, reason: Refusal) -> None:
        """Puts a brake on: from now on the sweep deletes nothing."""
        if reason not in self.refusals:
            self.refusals.append(reason)

    def result(self) -> dict[str, ResultValue]:
        """Returns what the job's result says beside the counts."""
        return {
            "refused": [refusal.value for refusal in self.refusals],
            "costs": costs_of(self.counts).to_json(),
        }


Progress = tuple[SweepCounts, SweepPosition | None]
"""The counts of a step, and the position at which to continue (None at the end of the sweep)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Works on jobs of the kind `cleanup`."""

    row_sweeper: RowSweeper
    blob_sweeper: BlobSweeper
    backfill: ImageBackfill
    image_queueing: ImageQueueing
    cached_images: CachedImages
    participants_table: ParticipantsTable
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
        if not isinstance(job.order, CleanupOrder):
            raise TypeError(f"job {job.job_id} is a {job.kind}, which another function works on")
        state = SweepState(
            job=job,
            order=job.order,
            counts=SweepCounts.from_json(job.progress),
            refusals=refusals(job),
        )
        position: SweepPosition | None = SweepPosition.from_json(job.position)
        while position is not None:
            counts, position = self._step(position, state)
            state.counts += counts
            yield Step(counts.to_json(), position.to_json() if position else None, state.result())

    def _step(self, position: SweepPosition, state: SweepState) -> Progress:
        match position.phase:
            case Phase.SWEEP_ROWS:
                return self._sweep_rows(position, state)
            case Phase.DELETE_ROWS:
                return self._delete_rows(position, state)
            case Phase.COUNT_OBJECTS:
                return self._count_objects(position, state)
            case Phase.DELETE_OBJECTS:
                return self._delete_objects(position, state)
            case Phase.QUEUE_MISSING:
                return self._queue_missing(position, state)
            case Phase.RECORD_STATISTICS:
                return self._record_statistics(position, state)

    def _sweep_rows(self, position: SweepPosition, state: SweepState) -> Progress:
        """Does what a page of rows needs, and counts those that are due for deletion."""
        if state.shown is None:
            try:
                state.shown = self.row_sweeper.references.image_keys()
            except StoreUnavailableError:
                state.refuse(Refusal.SCAN_FAILED)
                return SweepCounts(), position.next_phase()
        rows, last_key = self.cached_images.rows_for_sweep(after=position.last_key)
        counts = self.row_sweeper.sweep(
            rows,
            shown=state.shown,
            is_whole=self._stock(state).is_whole,
            dry_run=state.order.dry_run,
        )
        return counts, position.after_row(last_key)

    def _delete_rows(self, position: SweepPosition, state: SweepState) -> Progress:
        """Deletes those of a page of rows that are due.

        Only a phase of its own knows how many are due in all.
        """
        if self._is_too_much(state.counts.due, of=state.counts.rows, state=state):
            state.refuse(Refusal.TOO_MANY_IMAGES)
        if not state.counts.due or not self._may_delete(state):
            return SweepCounts(), position.next_phase()
        rows, last_key = self.cached_images.rows_for_sweep(after=position.last_key)
        return self.row_sweeper.delete(rows), position.after_row(last_key)

    def _count_objects(self, position: SweepPosition, state: SweepState) -> Progress:
        """Counts what the bucket holds.

        A phase of its own, so that it counts once however often it is listed.
        """
        stock = self._stock(state)
        unnamed = self._unnamed_blobs(state)
        counts = SweepCounts(
            blobs=stock.blob_count,
            unnamed=len(unnamed),
            unnamed_bytes=sum(stock.old_bytes[blob_id] for blob_id in unnamed),
        )
        return counts, position.next_phase()

    def _delete_objects(self, position: SweepPosition, state: SweepState) -> Progress:
        """Deletes the old versions of some blobs that no row names."""
        if state.deletable is None:
            state.deletable = self._deletable_blobs(state)
        if not state.deletable:
            return SweepCounts(), position.next_phase()
        batch = state.deletable[: self.blobs_per_step]
        state.deletable = state.deletable[self.blobs_per_step :]
        state.stock = None  # The statistics must describe what is left.
        return self.blob_sweeper.delete(batch, old_before=state.old_before), position

    def _deletable_blobs(self, state: SweepState) -> list[str]:
        unnamed = self._unnamed_blobs(state)
        if self._is_too_much(len(unnamed), of=self._stock(state).blob_count, state=state):
            state.refuse(Refusal.TOO_MANY_BLOBS)
        return unnamed if self._may_delete(state) else []

    def _queue_missing(self, position: SweepPosition, state: SweepState) -> Progress:
        """Queues what chats show and the cache does not have: lost since, or not queued by the last sync."""
        oldest = state.job.created_at - self.active_within_days * DAY if self.active_within_days else 0
        queueing = self.image_queueing
        step = self.backfill.step(
            position.backfill or BackfillPosition.from_json(None),
            oldest=oldest,
            queue_images=queueing.count_missing if state.order.dry_run else queueing.request,
        )
        return SweepCounts(chats=step.chats, queued=step.queued), position.after_chats(step.position)

    def _record_statistics(self, position: SweepPosition, state: SweepState) -> Progress:
        """Records what `/api/stats` says of the last sweep. A dry run records nothing."""
        stock = self._stock(state)
        if not state.order.dry_run:
            counts = count_cache(cached_images=self.cached_images, participants=self.participants_table)
            statistics = asdict(counts) | {
                "swept_at": self.clock(),
                "orphaned": state.counts.orphans + state.counts.marked - state.counts.deleted,
                "original_bytes": stock.original_bytes,
                "served_bytes": stock.served_bytes,
                "deleted": state.counts.deleted,
                "bytes_freed": state.counts.bytes_freed,
                "refused": [refusal.value for refusal in state.refusals],
            }
            self.statistics_store.record(statistics)
        return SweepCounts(listed=stock.listed), position.next_phase()

    def _is_too_much(self, count: int, *, of: int, state: SweepState) -> bool:
        return not state.order.force and is_too_much(count, of=of, more_than=_BRAKE_COUNT, share=_BRAKE_SHARE)

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

    def _unnamed_blobs(self, state: SweepState) -> list[str]:
        """Returns the blobs that no row names, or an empty list if DynamoDB does not say what rows name."""
        if state.unnamed is None:
            try:
                state.unnamed = self._stock(state).unnamed(self.blob_sweeper.named_blobs())
            except StoreUnavailableError:
                state.refuse(Refusal.SCAN_FAILED)
                state.unnamed = []
        return state.unnamed


def refusals(job: Job) -> list[Refusal]:
    """Returns why a sweep has deleted nothing so far."""
    codes = job.result.get("refused", [])
    return [Refusal(code) for code in codes] if isinstance(codes, list) else []
