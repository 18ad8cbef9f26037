"""When a failed image is tried again, and how long a message waits for its origin. Pure; times in ms."""

from imagecache.clock import DAY, HOUR
from imagecache.model.image import FailureReason, ImageMessage

NEVER = 2**53
"""`nextAttemptAt` of an image that failed for good: in the index that operators read, and never due."""

MAX_UNFINISHED_ATTEMPTS = 3
"""A claim this many times without any recorded outcome means that the image kills its worker."""

_FIRST_WAIT = {
    FailureReason.ORIGIN_DOWN: HOUR // 6,
    FailureReason.GONE: DAY,
    FailureReason.UNDECODABLE: 6 * HOUR,
}
_LONGEST_WAIT = {FailureReason.ORIGIN_DOWN: 6 * HOUR, FailureReason.GONE: 30 * DAY}


def next_attempt_at(
    reason: FailureReason,
    *,
    failures: int,
    now: int,
    jitter: float,
    not_before: int = 0,
    hopeless: bool = False,
) -> int:
    """When to try again after so many failures in a row, 1 or more; `jitter`, 0 to 1, spreads the tries.

    `not_before` (ms) is the origin's own wish. `hopeless`: the same bytes have failed before.
    """
    first = _FIRST_WAIT.get(reason)
    if first is None or hopeless:
        return NEVER
    wait = min(first * 2 ** min(failures - 1, 16), _LONGEST_WAIT.get(reason, DAY))
    return max(now + int(wait * (1 + jitter / 4)), not_before)


MAX_DEFERRALS = 8
MAX_DEFERRED_FOR = 2 * HOUR
# SQS delays a message by no more.
_LONGEST_DELAY = 900_000
_FIRST_DELAY = 60_000


def may_wait(request: ImageMessage, *, failures: int, now: int) -> bool:
    """Whether a message is worth sending again while its origin is down, or the row fails `origin_down`.

    A row that has failed before does not wait: in an outage of weeks each try costs one message.
    """
    return failures == 0 and request.deferrals < MAX_DEFERRALS and now - request.queued_at < MAX_DEFERRED_FOR


def deferral(*, until: int, deferrals: int, now: int, jitter: float) -> int:
    """How many ms a message waits: at least until then, longer each time, but no more than SQS can."""
    wait = max(until - now, min(_FIRST_DELAY << deferrals, _LONGEST_DELAY))
    return min(int(wait * (1 + jitter / 4)), _LONGEST_DELAY)


BYTES_FAIL_APART = HOUR
"""Two failures to decode the same bytes count as two only when this far apart (ms)."""


def bad_bytes(content_hash: str, now: int) -> str:
    """What a row remembers of bytes that could not be decoded."""
    return f"{content_hash}@{now}"


def failed_before(remembered: str | None, content_hash: str, now: int) -> bool:
    """Whether these same bytes failed to decode long enough ago."""
    known, _, moment = (remembered or "").partition("@")
    return known == content_hash and now - int(moment) >= BYTES_FAIL_APART
