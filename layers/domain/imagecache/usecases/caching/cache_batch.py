"""An SQS batch → each of its images, several at once; one that fails spares its neighbours."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from imagecache.errors import ImageCacheError
from imagecache.metrics import emf
from imagecache.queues.images import from_body
from imagecache.usecases.caching.cache_image import ClaimHeldError, ImageCacher, Outcome

Record = Mapping[str, Any]

_COUNTED = {"cached", "deduplicated", "deferred", "failed"}
# The slowest message: a slot that is waited for, and both origins at their deadlines.
_LONGEST_MESSAGE = 35_000


class NoTimeError(ImageCacheError):
    """The invocation ends too soon to begin with this message: it comes again at once."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message: an outcome when it is done with, an error when SQS must bring it again."""

    message_id: str
    outcome: Outcome | None
    error: Exception | None
    milliseconds: int

    @property
    def bug(self) -> Exception | None:
        """What nobody expected: its traceback belongs into the log."""
        return None if isinstance(self.error, ImageCacheError) else self.error

    def for_log(self) -> dict[str, Any]:
        """Fields of one log line: no URL and no media id."""
        known: dict[str, Any] = {"messageId": self.message_id, "milliseconds": self.milliseconds}
        if self.outcome is None:
            return {**known, "result": "again", "error": type(self.error).__name__}
        outcome = self.outcome
        return {**known, "result": outcome.result, "reason": outcome.reason, "bytes": outcome.bytes}


def metrics(deliveries: Sequence[Delivery], *, service: str, now: int) -> str:
    """How many images became what, as one line for the whole batch; empty when nothing happened.

    What nobody would be woken for, lost and unchanged, stands in the log alone.
    """
    counts = Counter(one.outcome.result for one in deliveries if one.outcome)
    seen = {f"Images{name.title()}": count for name, count in sorted(counts.items()) if name in _COUNTED}
    return emf(seen, service=service, now=now)


def cache_batch(
    records: Sequence[Record],
    *,
    cacher: ImageCacher,
    at_once: int,
    time_left: Callable[[], int],
) -> list[Delivery]:
    """One delivery per record, in their order, whatever is raised on the way. `time_left` in ms."""
    # An invocation that is short on purpose still begins with something.
    enough = min(_LONGEST_MESSAGE, time_left() // 2)
    deliver = partial(_deliver, cacher=cacher, has_time=lambda: time_left() >= enough)
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(deliver, records))


def _deliver(record: Record, *, cacher: ImageCacher, has_time: Callable[[], bool]) -> Delivery:
    outcome: Outcome | None = None
    error: Exception | None = None
    began = time.monotonic()
    try:
        outcome = _cache(record, cacher, has_time)
    except Exception as raised:  # noqa: BLE001 - handed on: its message comes again, its neighbours go on
        error = raised
    return Delivery(record["messageId"], outcome, error, round((time.monotonic() - began) * 1000))


def _cache(record: Record, cacher: ImageCacher, has_time: Callable[[], bool]) -> Outcome:
    if not has_time():
        cacher.queue.hide(record["receiptHandle"], milliseconds=0)
        raise NoTimeError
    try:
        return cacher.cache(from_body(record["body"]))
    except ClaimHeldError as held:
        cacher.queue.hide(record["receiptHandle"], milliseconds=held.held_until - cacher.clock())
        raise
