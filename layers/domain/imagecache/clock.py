"""The only module that reads the system clock. Times in code and in tables are milliseconds since 1970."""

import time
from collections.abc import Callable

HOUR = 3_600_000
DAY = 24 * HOUR

Clock = Callable[[], int]
"""Returns the current time in ms since 1970. It is a parameter of use cases, so that tests can replace it."""


def now() -> int:
    """Returns the current time in ms since 1970."""
    return time.time_ns() // 1_000_000
