"""The result of a benchmark: figures for results/latest.json, and the lines of the table of targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The outcome of comparing a measured figure with its target."""

    MET = "met"
    MET_SCALED = "met, scaled"
    MET_BY_OTHER = "met by the other figure"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and the most that it may be.

    `takes_time` is True for seconds of computing. They depend on the machine, so they are also compared after
    a division by how much slower this machine is than the one for which the targets were set. Bytes, counts
    and ratios of two figures of the same run do not depend on it. `same_as` is the same target as another
    figure, for example a ratio instead of seconds: one of the two is enough, because only a quiet machine can
    compare seconds.
    """

    what: str
    limit: float
    measured: float
    unit: str
    takes_time: bool = False
    same_as: "Target | None" = None

    def scaled(self, slowness: float) -> float:
        """Returns the figure as the reference machine would have measured it, by estimation."""
        return self.measured / slowness if self.takes_time else self.measured

    def verdict(self, slowness: float) -> Verdict:
        """Compares the figure with the target: as it was measured, as it is scaled, and by `same_as`."""
        if self.measured <= self.limit:
            return Verdict.MET
        if self.scaled(slowness) <= self.limit:
            return Verdict.MET_SCALED
        if self.same_as and self.same_as.verdict(slowness) is not Verdict.MISSED:
            return Verdict.MET_BY_OTHER
        return Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one benchmark. `figures` must be JSON."""

    figures: dict[str, Any]
    targets: Sequence[Target] = ()

    def as_json(self, slowness: float) -> dict[str, Any]:
        """Returns the figures and the targets with their verdicts."""
        targets = [
            {
                "what": target.what,
                "limit": target.limit,
                "measured": target.measured,
                "unit": target.unit,
                "takes_time": target.takes_time,
                "scaled": target.scaled(slowness),
                "verdict": target.verdict(slowness).value,
            }
            for target in self.targets
        ]
        return {**self.figures, "targets": targets}
