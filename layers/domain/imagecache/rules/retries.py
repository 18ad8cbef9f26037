"""The rules of waiting: when a failed image is tried again, and how long a message waits for its origin.

Times and waits are in ms. `jitter`, from 0 to 1, makes a wait up to a quarter longer, so that images which
failed together are not retried together.
"""

import hashlib

from imagecache.clock import HOUR
from imagecache.model.image import BadBytes, Failure, FailureReason, ImageMessage
from imagecache.rules.failure_reasons import FAILURES

NEVER = 2**53
"""`nextAttemptAt` of an image that failed for good. The index that operators read has it, as the last one."""

MAX_DEFERRALS = 8
MAX_DEFERRED_FOR_MS = 2 * HOUR

# SQS delays a message by no more than this.
_LONGEST_DELAY_MS = 900_000
_FIRST_DELAY_MS = 60_000
_SAME_BYTES_APART_MS = HOUR


def next_failure(
    reason: FailureReason,
    *,
    failures_before: int,
    bad_bytes_before: BadBytes | None,
    content: bytes,
    not_before: int,
    now: int,
    jitter: float,
) -> Failure:
    """Returns the failure to record in an image's row.

    `failures_before` is the number of consecutive failures before this one. `content` has the downloaded
    bytes if they could not be used. The hash of bytes that could not be decoded is recorded. If the same
    bytes fail again at least an hour later, the failure is final.
    """
    bad_bytes: BadBytes | None = None
    if reason is FailureReason.UNDECODABLE:
        bad_bytes = BadBytes(hashlib.sha256(content).hexdigest()[:16], now)
    if bad_bytes and _failed_before(bad_bytes_before, bad_bytes):
        due = NEVER
    else:
        due = next_attempt_at(
            reason, failures=failures_before + 1, now=now, jitter=jitter, not_before=not_before
        )
    return Failure(reason, failed_at=now, next_attempt_at=due, bad_bytes=bad_bytes)


def _failed_before(remembered: BadBytes | None, bad_bytes: BadBytes) -> bool:
    """Returns whether the same bytes could not be decoded before, at least an hour ago.

    Two failures within an hour may have one cause that passes, such as a lack of memory, and count as one.
    """
    return (
        remembered is not None
        and remembered.content_hash == bad_bytes.content_hash
        and bad_bytes.failed_at - remembered.failed_at >= _SAME_BYTES_APART_MS
    )


def next_attempt_at(
    reason: FailureReason, *, failures: int, now: int, jitter: float, not_before: int = 0
) -> int:
    """Returns when to try an image again after `failures` failures in a row (at least 1), or NEVER.

    `not_before` is the earliest time that the origin asked for.
    """
    policy = FAILURES[reason].retry
    if policy is None:
        return NEVER
    return max(now + _with_jitter(policy.wait(failures), jitter), not_before)


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


def _with_jitter(wait: int, jitter: float) -> int:
    return int(wait * (1 + jitter / 4))
