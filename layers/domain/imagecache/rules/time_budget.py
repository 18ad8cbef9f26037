"""The time for which an invocation may work before it has to stop and record its progress."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """The time until Lambda stops the invocation, minus a reserve.

    `remaining_ms` returns the milliseconds until Lambda stops the invocation, as the Lambda context's
    `get_remaining_time_in_millis` does. `reserve_ms` is the time that is reserved for finishing the current
    step and recording its progress.
    """

    remaining_ms: Callable[[], int]
    reserve_ms: int

    def left_ms(self) -> int:
        """Returns for how many ms work may continue. If it is 0 or less, work must stop now."""
        return self.remaining_ms() - self.reserve_ms

    def is_used_up(self) -> bool:
        """Returns True if no further step may be begun."""
        return self.left_ms() <= 0
