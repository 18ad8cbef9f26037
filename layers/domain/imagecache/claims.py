"""The claim protocol of the cacher, as pure rules: who may work on an image, and when it is tried again.

A lease is `<expiry in ms, 15 digits>.<random>`: it sorts by expiry, and its random part makes it its
holder's own, so that one conditional write can both see that it lapsed and prove who holds it.
"""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model import FailureReason, ImageRequest, ImageStatus

HOUR = 3_600_000
DAY = 24 * HOUR

PENDING_LIVES_FOR = 3 * HOUR
"""A queued message counts as alive for this long: it may be lost between two writes, an image may not."""

NEVER = 2**53
"""`nextAttemptAt` of an image that failed for good: in the index that operators read, and never due."""

MAX_UNFINISHED_ATTEMPTS = 3
"""A claim this many times without any recorded outcome means that the image kills its worker."""


class Answer(StrEnum):
    """What a claim says."""

    WON = "won"
    HELD = "held"
    DONE = "done"
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class RowState:
    """What of a cachedImages row the rules look at; absent numbers are 0. Times in ms."""

    status: ImageStatus
    lease: str | None = None
    queued_at: int = 0
    next_attempt_at: int = 0
    checked_at: int = 0
    refresh_requested_at: int = 0
    source_url: str = ""
    reason: str | None = None


def new_lease(*, now: int, seconds: int, nonce: str) -> str:
    return f"{now + seconds * 1000:015d}.{nonce}"


def lease_bound(now: int) -> str:
    """A lease less than this has lapsed."""
    return f"{now:015d}"


def lease_ends_at(lease: str) -> int:
    return int(lease.partition(".")[0])


def answer_to_claim(row: RowState | None, now: int) -> Answer:
    """What a worker hears. The conditional write in the store says WON to exactly the same rows."""
    if row is None:
        return Answer.WON
    if row.status is ImageStatus.FORGOTTEN:
        return Answer.DONE
    if row.lease is not None and row.lease >= lease_bound(now):
        return Answer.HELD
    if row.status is ImageStatus.FAILED and row.next_attempt_at > now:
        return Answer.DONE if row.next_attempt_at == NEVER else Answer.NOT_DUE
    if row.status is ImageStatus.CACHED and row.refresh_requested_at <= row.checked_at:
        return Answer.DONE
    return Answer.WON


def needs_work(row: RowState | None, now: int) -> bool:
    """Whether an image is worth a message: it could be claimed, and no live message waits for it already."""
    if answer_to_claim(row, now) is not Answer.WON:
        return False
    return row is None or row.queued_at + PENDING_LIVES_FOR <= now


def earns_another_try(row: RowState | None, source_url: str) -> bool:
    """An image that was gone and now appears as a file: Beeper Desktop has downloaded it meanwhile."""
    return (
        row is not None
        and row.status is ImageStatus.FAILED
        and row.reason == FailureReason.GONE
        and source_url.lower().startswith(_ON_DISK)
        and not row.source_url.lower().startswith(_ON_DISK)
    )


_ON_DISK = ("file:", "/")
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


def may_wait(request: ImageRequest, *, failures: int, now: int) -> bool:
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
