"""How long an invocation may go on working before it has to stop in an orderly way."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """The time until Lambda stops the invocation, less a reserve that is kept for stopping in an orderly way.

    `remaining_ms` returns the milliseconds until the invocation is stopped, as the Lambda context's
    `get_remaining_time_in_millis` does. `reserve_ms` is the time that the work after the last check may take:
    the step under way, and recording how far it has come.
    """

    remaining_ms: Callable[[], int]
    reserve_ms: int

    def left_ms(self) -> int:
        """Returns how many milliseconds may still be used. Zero or less means: stop now."""
        return self.remaining_ms() - self.reserve_ms

    def is_used_up(self) -> bool:
        """Returns True when no further step may be begun."""
        return self.left_ms() <= 0
