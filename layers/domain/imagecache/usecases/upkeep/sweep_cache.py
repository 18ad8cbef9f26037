"""The nightly sweep, as a job in steps: rows, deletions after grace, objects, what is missing, statistics.

Rows first, so that what they no longer name is collected, and every change to a row is conditional. A second
sweep beside this one, a crash or a long pause between any two steps, and clocks that are minutes apart cost
work, never an image: marks wait 30 days, objects a day, and both are asked about once more right before the
end.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from imagecache.clock import DAY, Clock
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.images.upkeep import ImageUpkeep
from imagecache.stores.state.beeper_health import BeeperHealthStore, BeeperState
from imagecache.stores.state.jobs import Job
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.operating.queue_missing import ImageBackfill
from imagecache.usecases.operating.run_job import Counts, Step
from imagecache.usecases.reading.count_cache import count_cache
from imagecache.usecases.upkeep.sweep_blobs import OBJECT_GRACE, BlobSweeper, Stock, is_too_much
from imagecache.usecases.upkeep.sweep_costs import costs
from imagecache.usecases.upkeep.sweep_rows import UNANSWERED, RowSweeper

if TYPE_CHECKING:
    pass

_SYNCED_WITHIN = 2 * DAY
_BLOBS_A_STEP = 100


class Refusal(StrEnum):
    """Why nothing is deleted."""

    NO_RECENT_SYNC = "no_recent_sync"
    OFFLINE = "offline"
    SCAN_FAILED = "scan_failed"
    TOO_MANY_IMAGES = "too_many_images"
    TOO_MANY_BLOBS = "too_many_blobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Does jobs of the kind `cleanup`; their orders are `dry_run` and `force`."""

    row_sweeper: RowSweeper
    blob_sweeper: BlobSweeper
    backfill: ImageBackfill
    image_queueing: ImageQueueing
    upkeep: ImageUpkeep
    catalogue: ImageCatalogue
    participants_table: ParticipantsTable
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    statistics_store: SweepStatisticsStore
    clock: Clock
    active_within_days: int

    def run(self, job: Job) -> Iterator[Step]:
        """From where the job is; a dry run counts what would be done, and changes nothing."""
        return _Run(self, job, Counter(job.progress), list(job.result.get("refused", []))).steps()


_Place = list[Any]
_Phase = Callable[[_Place], Iterator[tuple[Counts, _Place | None]]]
"""A part of the sweep: after each step, what it counted and its place; None when it is over."""


@dataclass(slots=True)
class _Run:
    """What one invocation does. `totals` and `refused` are of the whole job."""

    sweep: Sweep
    job: Job
    totals: Counter[str]
    refused: list[str]
    _stock: Stock | None = field(default=None)

    def steps(self) -> Iterator[Step]:
        phases: list[_Phase] = [self._rows, self._deletions, self._objects, self._missing, self._statistics]
        first, *place = self.job.resume or [0]
        for number in range(first, len(phases)):
            after = [number + 1] if number + 1 < len(phases) else None
            for counts, end in phases[number](place):
                self.totals.update(counts)
                resume = after if end is None else [number, *end]
                yield Step(dict(counts), resume, self._facts())
            place = []

    def _rows(self, place: _Place) -> Iterator[tuple[Counts, _Place | None]]:
        rows = self.sweep.row_sweeper
        try:
            shown = rows.references.keys()
        except UNANSWERED:
            self._refuse(Refusal.SCAN_FAILED)
            yield {}, None
            return
        for page, after in self.sweep.upkeep.pages(after=place[0] if place else None):
            counts = rows.sweep(page, shown=shown, is_whole=self._in_stock().is_whole, dry_run=self._is_dry)
            yield counts, [after] if after else None

    def _deletions(self, place: _Place) -> Iterator[tuple[Counts, _Place | None]]:
        """Only now, when the number of all is known."""
        if is_too_much(self.totals["due"], of=self.totals["rows"]) and not self._is_forced:
            self._refuse(Refusal.TOO_MANY_IMAGES)
        if not self.totals["due"] or not self._may_delete():
            yield {}, None
            return
        for page, after in self.sweep.upkeep.pages(after=place[0] if place else None):
            yield self.sweep.row_sweeper.delete(page), [after] if after else None

    def _objects(self, place: _Place) -> Iterator[tuple[Counts, _Place | None]]:
        stock = self._in_stock()
        unnamed = self._unnamed(stock)
        if not place:  # it is looked at anew by each invocation, but counted once
            freed = sum(stock.old_bytes[one] for one in unnamed)
            yield {"blobs": stock.blobs, "unnamed": len(unnamed), "unnamedBytes": freed}, ["counted"]
        if stock.is_too_much(unnamed) and not self._is_forced:
            self._refuse(Refusal.TOO_MANY_BLOBS)
        if self._may_delete():
            for start in range(0, len(unnamed), _BLOBS_A_STEP):
                some = unnamed[start : start + _BLOBS_A_STEP]
                self._stock = None  # statistics are of what is left
                yield self.sweep.blob_sweeper.collect(some, old_before=self._old_before), ["counted"]
        yield {}, None

    def _unnamed(self, stock: Stock) -> list[str]:
        try:
            return stock.unnamed(self.sweep.blob_sweeper.named())
        except UNANSWERED:
            self._refuse(Refusal.SCAN_FAILED)
            return []

    def _missing(self, place: _Place) -> Iterator[tuple[Counts, _Place | None]]:
        """What a complete run of sync has not queued, or what was lost since then."""
        days = self.sweep.active_within_days
        queueing = self.sweep.image_queueing
        oldest = self.job.created_at - days * DAY if days else 0
        request = queueing.count_missing if self._is_dry else queueing.request
        for step in self.sweep.backfill.steps(place or None, oldest=oldest, request=request):
            yield step.counts, step.resume
        yield {}, None

    def _statistics(self, _place: _Place) -> Iterator[tuple[Counts, _Place | None]]:
        stock = self._in_stock()
        counts = count_cache(catalogue=self.sweep.catalogue, participants=self.sweep.participants_table)
        snapshot = asdict(counts) | {
            "swept_at": self.sweep.clock(),
            "orphaned": self.totals["orphans"] + self.totals["marked"] - self.totals["deleted"],
            "original_bytes": stock.original_bytes,
            "served_bytes": stock.served_bytes,
            "deleted": self.totals["deleted"],
            "bytes_freed": self.totals["bytesFreed"],
            "refused": self.refused,
        }
        if not self._is_dry:
            self.sweep.statistics_store.record(snapshot)
        yield {"listed": stock.listed}, None

    def _may_delete(self) -> bool:
        """Whether no brake is on. A person's `force` lifts all but one: unanswered means unknown."""
        now = self.sweep.clock()
        last_sync = self.sweep.last_sync_store.read()
        if last_sync.completed_at <= now - _SYNCED_WITHIN and not self._is_forced:
            offline = self.sweep.beeper_health_store.read().state is BeeperState.OFFLINE
            self._refuse(Refusal.OFFLINE if offline else Refusal.NO_RECENT_SYNC)
        return not self.refused and not self._is_dry

    def _refuse(self, reason: Refusal) -> None:
        if reason not in self.refused:
            self.refused.append(reason.value)

    def _facts(self) -> dict[str, Any]:
        return {"refused": self.refused, "costs": costs(self.totals)}

    def _in_stock(self) -> Stock:
        """Listed once in an invocation, when first asked for."""
        if self._stock is None:
            self._stock = self.sweep.blob_sweeper.take_stock(old_before=self._old_before)
        return self._stock

    @property
    def _old_before(self) -> int:
        return self.job.created_at - OBJECT_GRACE

    @property
    def _is_dry(self) -> bool:
        return bool(self.job.order["dry_run"])

    @property
    def _is_forced(self) -> bool:
        return bool(self.job.order["force"])
