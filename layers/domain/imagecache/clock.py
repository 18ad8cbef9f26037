"""The one place that looks at the clock for what is stored; all its times are milliseconds."""

import time

HOUR = 3_600_000
DAY = 24 * HOUR


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
