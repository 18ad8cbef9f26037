"""The progress of a sweep: the position at which the next invocation continues, and the counts so far."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from imagecache.model.job import Json
from imagecache.usecases.operating.queue_missing import BackfillPosition


class Phase(StrEnum):
    """The parts of a sweep, in their order."""

    SWEEP_ROWS = "sweepRows"
    DELETE_ROWS = "deleteRows"
    COUNT_OBJECTS = "countObjects"
    DELETE_OBJECTS = "deleteObjects"
    QUEUE_MISSING = "queueMissing"
    RECORD_STATISTICS = "recordStatistics"


_PHASES = list(Phase)


@dataclass(frozen=True, slots=True)
class SweepPosition:
    """A phase, and the position in it.

    `last_key` is the image key of the last row that SWEEP_ROWS or DELETE_ROWS has read, and `backfill` the
    position of QUEUE_MISSING. Both are None at the beginning of a phase, and in all other phases.
    """

    phase: Phase = Phase.SWEEP_ROWS
    last_key: str | None = None
    backfill: BackfillPosition | None = None

    def after_row(self, image_key: str | None) -> "SweepPosition | None":
        """Returns the position after this row. None means that there are no more rows."""
        return replace(self, last_key=image_key) if image_key else self.next_phase()

    def after_chats(self, backfill: BackfillPosition | None) -> "SweepPosition | None":
        """Returns the position at which the backfill continues. None means that there are no more chats."""
        return replace(self, backfill=backfill) if backfill else self.next_phase()

    def next_phase(self) -> "SweepPosition | None":
        """Returns the beginning of the next phase, or None after the last one."""
        following = _PHASES[_PHASES.index(self.phase) + 1 :]
        return SweepPosition(following[0]) if following else None

    def to_json(self) -> Json:
        """Returns the position as JSON, for the row of the job."""
        return {
            "phase": self.phase.value,
            "lastKey": self.last_key,
            "backfill": self.backfill.to_json() if self.backfill else None,
        }

    @classmethod
    def from_json(cls, value: Json) -> "SweepPosition":
        """Returns the position that `to_json` has written, or the beginning of a sweep if `value` is None.

        Raises ValueError if `value` is not a position.
        """
        match value:
            case None:
                return cls()
            case {"phase": str(phase), "lastKey": str() | None as last_key, "backfill": backfill}:
                position = BackfillPosition.from_json(backfill) if backfill else None
                return cls(Phase(phase), last_key, position)
        raise ValueError(f"not a position of a sweep: {value!r}")


class RowOutcome(StrEnum):
    """The changes that a sweep has made to a row, or would make in a dry run.

    Each value is a field of SweepCounts, which explains it.
    """

    MARKED = "marked"
    UNMARKED = "unmarked"
    DUE = "due"
    REVALIDATED = "revalidated"
    UNDELETED = "undeleted"
    REBUILT = "rebuilt"
    REFETCHED = "refetched"
    LOST = "lost"
    DAMAGED = "damaged"
    UNSURE = "unsure"
    DELETED = "deleted"


def _camel_case(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCounts:
    """The counts of a sweep, summed over its steps. The job's progress and result have them as JSON.

    rows, orphans: rows of cachedImages that were read, and the rows among them with an orphan mark
    marked, unmarked: rows that got an orphan mark, or lost it because something shows them again
    due, due_bytes: rows that have been orphans for 30 days, and the bytes of their originals
    deleted: rows that were deleted
    revalidated: rows whose origin is asked whether the image has changed
    undeleted, rebuilt, refetched, lost, damaged: repairs, see ImageRepair
    unsure: rows and blobs that were not changed, because a last check did not confirm the change
    listed, blobs: versions of objects in the bucket, and the number of their blobs
    unnamed, unnamed_bytes: blobs with old versions that no row names, and the bytes of these versions
    versions_deleted, bytes_freed: versions of objects that were deleted, and their bytes
    chats, queued: chats that were searched for missing images, and the images that were queued
    """

    rows: int = 0
    orphans: int = 0
    marked: int = 0
    unmarked: int = 0
    due: int = 0
    due_bytes: int = 0
    deleted: int = 0
    revalidated: int = 0
    undeleted: int = 0
    rebuilt: int = 0
    refetched: int = 0
    lost: int = 0
    damaged: int = 0
    unsure: int = 0
    listed: int = 0
    blobs: int = 0
    unnamed: int = 0
    unnamed_bytes: int = 0
    versions_deleted: int = 0
    bytes_freed: int = 0
    chats: int = 0
    queued: int = 0

    def __add__(self, other: "SweepCounts") -> "SweepCounts":
        """Returns the sum of each count."""
        return SweepCounts(**{name: getattr(self, name) + getattr(other, name) for name in _JSON_NAMES})

    def to_json(self) -> dict[str, int]:
        """Returns the counts that are not 0, under the names that the API documents."""
        counts = {json_name: getattr(self, name) for name, json_name in _JSON_NAMES.items()}
        return {json_name: count for json_name, count in counts.items() if count}

    @classmethod
    def from_json(cls, counts: Mapping[str, int]) -> "SweepCounts":
        """Returns the counts that `to_json` has written. A missing name means 0."""
        return cls(**{name: counts.get(json_name, 0) for name, json_name in _JSON_NAMES.items()})

    @classmethod
    def of(cls, outcomes: Iterable[RowOutcome | None]) -> "SweepCounts":
        """Counts each outcome. None is not counted; it means that the row needed no change."""
        counts = dict.fromkeys(RowOutcome, 0)
        for outcome in outcomes:
            if outcome is not None:
                counts[outcome] += 1
        return cls(**{outcome.value: count for outcome, count in counts.items()})


_JSON_NAMES = {field.name: _camel_case(field.name) for field in fields(SweepCounts)}
