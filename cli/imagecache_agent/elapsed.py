"""Measures time on a computer that sleeps, and whose clock may be set."""

from collections.abc import Callable

from imagecache.clock import Clock


class Elapsed:
    """The time since it was made, by two clocks of which the one counts that has gone further.

    `seconds` is a monotonic clock, which may stand still while the computer sleeps. `clock` is the time of
    the wall (ms), which goes on then, but which a person or a time server may set back. If it is set forward,
    work ends too early and is done again later.
    """

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._wall_start = clock()
        self._start = seconds()

    def milliseconds(self) -> int:
        """Returns the time that has passed."""
        return max(self._clock() - self._wall_start, round((self._seconds() - self._start) * 1000))
