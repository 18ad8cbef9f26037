"""The position at which the next invocation continues a sweep."""

from dataclasses import dataclass, replace
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
    """A phase, and how far it has come.

    `last_key` is the image key of the last row that SWEEP_ROWS or DELETE_ROWS has looked at, `backfill` the
    position of QUEUE_MISSING. Both are None at the beginning of a phase.
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
        """Returns the form in which a job's row keeps the position."""
        return {
            "phase": self.phase.value,
            "lastKey": self.last_key,
            "backfill": self.backfill.to_json() if self.backfill else None,
        }

    @classmethod
    def from_json(cls, value: Json) -> "SweepPosition":
        """Reads what `to_json` has written; None is the beginning of a sweep. Raises ValueError."""
        match value:
            case None:
                return cls()
            case {"phase": str(phase), "lastKey": str() | None as last_key, "backfill": backfill}:
                position = BackfillPosition.from_json(backfill) if backfill else None
                return cls(Phase(phase), last_key, position)
        raise ValueError(f"not a position of a sweep: {value!r}")
