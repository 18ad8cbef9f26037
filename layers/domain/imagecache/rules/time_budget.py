"""How much of an invocation's time is left."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """The time of one invocation, in ms.

    `remaining_ms` returns how long the invocation can still run. `reserve_ms` is what must be left for the
    last step and for writing down where to continue.
    """

    remaining_ms: Callable[[], int]
    reserve_ms: int

    def is_used_up(self) -> bool:
        """Returns True if no further step may be begun."""
        return self.remaining_ms() < self.reserve_ms
