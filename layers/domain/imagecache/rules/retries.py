"""The rules of waiting: when a failed image is tried again, and how long a message waits for its origin.

Times and waits are in ms. `jitter`, from 0 to 1, makes a wait up to a quarter longer, so that images which
failed together are not retried together.
"""

from imagecache.clock import HOUR
from imagecache.model.image import BadBytes, FailureReason, ImageMessage
from imagecache.rules.failure_reasons import FAILURES

NEVER = 2**53
"""`nextAttemptAt` of an image that failed for good. The index that operators read has it, as the last one."""

MAX_UNFINISHED_ATTEMPTS = 3
"""An image that is claimed this often without any recorded outcome is taken to kill its workers."""

MAX_DEFERRALS = 8
MAX_DEFERRED_FOR_MS = 2 * HOUR

# SQS delays a message by no more than this.
_LONGEST_DELAY_MS = 900_000
_FIRST_DELAY_MS = 60_000
_SAME_BYTES_APART_MS = HOUR


def next_attempt_at(
    reason: FailureReason,
    *,
    failures: int,
    now: int,
    jitter: float,
    not_before: int = 0,
    is_final: bool = False,
) -> int:
    """Returns when to try an image again after `failures` failures in a row (at least 1), or NEVER.

    The wait doubles with each failure. `not_before` is the earliest time that the origin asked for.
    `is_final` means that another attempt would fail in the same way.
    """
    policy = FAILURES[reason].retry
    if policy is None or is_final:
        return NEVER
    doublings = min(failures - 1, 16)  # enough to reach any longest wait
    wait = min(policy.first_wait_ms * 2**doublings, policy.longest_wait_ms)
    return max(now + _with_jitter(wait, jitter), not_before)


def may_wait(message: ImageMessage, *, failures: int, now: int) -> bool:
    """Returns whether a message may be sent again while its origin is down.

    If it may not, its image fails with `origin_down`. The message of an image that has failed before does not
    wait, so that in an outage of weeks each attempt costs only one message.
    """
    return (
        failures == 0 and message.deferrals < MAX_DEFERRALS and now - message.queued_at < MAX_DEFERRED_FOR_MS
    )


def deferral(*, until: int, deferrals: int, now: int, jitter: float) -> int:
    """Returns the delay with which a message is sent again.

    It is at least the time until `until`, doubles with each deferral, and is at most the 15 minutes that SQS
    allows.
    """
    wait = max(until - now, min(_FIRST_DELAY_MS << deferrals, _LONGEST_DELAY_MS))
    return min(_with_jitter(wait, jitter), _LONGEST_DELAY_MS)


def failed_before(remembered: BadBytes | None, content_hash: str, now: int) -> bool:
    """Returns whether the same bytes could not be decoded before, at least an hour ago.

    Two failures within an hour may have one cause that passes, such as a lack of memory, and count as one.
    """
    return (
        remembered is not None
        and remembered.content_hash == content_hash
        and now - remembered.failed_at >= _SAME_BYTES_APART_MS
    )


def _with_jitter(wait: int, jitter: float) -> int:
    return int(wait * (1 + jitter / 4))
