"""Measures time on a computer that sleeps, and whose clock may be set."""

from collections.abc import Callable

from imagecache.clock import Clock


class Elapsed:
    """The time since this object was made, measured by two clocks. The larger of the two times is used.

    `seconds` is a monotonic clock, which may stop while the computer sleeps. `clock` is the wall clock (ms),
    which continues during sleep, but may be set back by a person or a time server. If it is set forward, work
    ends too early and is repeated later.
    """

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._wall_start = clock()
        self._start = seconds()

    def milliseconds(self) -> int:
        """Returns the time that has passed."""
        return max(self._clock() - self._wall_start, round((self._seconds() - self._start) * 1000))
