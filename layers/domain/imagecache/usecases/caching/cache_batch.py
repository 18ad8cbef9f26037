"""Caches the images of an SQS batch, several at once. A failure of one image does not affect the others."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from imagecache.clock import Clock
from imagecache.errors import ClaimHeldError
from imagecache.metrics import IMAGES_CACHED, IMAGES_DEDUPLICATED, IMAGES_DEFERRED, IMAGES_FAILED
from imagecache.queues.images import ImagesQueue, Record, from_body
from imagecache.rules.time_budget import TimeBudget
from imagecache.usecases.caching.cache_image import Download, ImageCacher, Outcome, Result

_MOST_MESSAGES = 10  # of an event: `BatchSize` in template.yaml
# The longest that one message takes: it waits 10 s for a slot, and both origins use all of their 10 s and all
# of the 2.5 s for a check.
_LONGEST_MESSAGE_MS = 35_000
# Another invocation may have time at once.
_NOT_BEGUN_DELAY_MS = 1_000

# The results that have a metric. The others call for no action and are only in the log.
_METRICS = {
    Result.CACHED: IMAGES_CACHED,
    Result.DEDUPLICATED: IMAGES_DEDUPLICATED,
    Result.DEFERRED: IMAGES_DEFERRED,
    Result.FAILED: IMAGES_FAILED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one message: an outcome if it is done, or an error if SQS must deliver it again."""

    message_id: str
    outcome: Outcome | None
    error: Exception | None
    milliseconds: int

    @property
    def unexpected_error(self) -> Exception | None:
        """The error, unless it is that another worker has the image."""
        return None if isinstance(self.error, ClaimHeldError) else self.error

    @property
    def is_suspected(self) -> bool:
        """True if nothing was done, because the image may only be worked on alone."""
        return self.outcome is not None and self.outcome.result is Result.SUSPECTED

    def for_log(self) -> dict[str, Any]:
        """Returns the fields of one log line. They contain no URL and no media id."""
        fields: dict[str, Any] = {"messageId": self.message_id, "milliseconds": self.milliseconds}
        if self.outcome is None:
            return {**fields, "result": "again", "error": type(self.error).__name__}
        outcome = self.outcome
        return {**fields, "result": outcome.result, "reason": outcome.reason, "bytes": outcome.bytes}


def count_results(deliveries: Sequence[Delivery]) -> dict[str, int]:
    """Returns how many images ended in each result that has a metric, by the name of the metric."""
    results = Counter(delivery.outcome.result for delivery in deliveries if delivery.outcome)
    return {name: results[result] for result, name in _METRICS.items() if results[result]}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCacher:
    """Caches the images of a batch: up to `fetches_at_once` are fetched while others are decoded and stored.

    To fetch mostly is to wait, and the rest mostly is to compute. `threads` is the number of images that are
    worked on at the same time in all; `imaging/pictures.py` limits the memory of those that are decoded.
    """

    cacher: ImageCacher
    queue: ImagesQueue
    clock: Clock
    fetches_at_once: int
    threads: int = _MOST_MESSAGES

    def cache(self, records: Sequence[Record], *, remaining_ms: Callable[[], int]) -> list[Delivery]:
        """Returns one delivery for each record, in their order. Raises nothing that one record causes.

        `remaining_ms` returns the time until Lambda stops the invocation. Even an invocation that is very
        short begins with some messages, or none would ever be worked on.
        """
        reserve_ms = min(_LONGEST_MESSAGE_MS, remaining_ms() // 2)
        budget = TimeBudget(remaining_ms=remaining_ms, reserve_ms=reserve_ms)
        slots = threading.Semaphore(self.fetches_at_once)
        with ThreadPoolExecutor(self.threads) as pool:
            work = partial(self._cache, budget=budget, slots=slots)
            deliveries = list(pool.map(partial(self._deliver, work=work), records))
        # A suspected image is worked on last and alone, so that it cannot take another image with it if it
        # kills this process. The other suspected ones are sent again before, as new messages: otherwise each
        # process that is killed would use up one of their five deliveries.
        suspects = [index for index, delivery in enumerate(deliveries) if delivery.is_suspected]
        for index in suspects[1:]:
            deliveries[index] = self._deliver(records[index], self._postpone)
        for index in suspects[:1]:
            deliveries[index] = self._deliver(records[index], partial(work, alone=True))
        return deliveries

    def _deliver(self, record: Record, work: Callable[[Record], Outcome]) -> Delivery:
        outcome: Outcome | None = None
        error: Exception | None = None
        began = time.monotonic()
        try:
            outcome = work(record)
        except Exception as raised:  # noqa: BLE001 - reported in the delivery: SQS sends this message again
            error = raised
        return Delivery(record["messageId"], outcome, error, round((time.monotonic() - began) * 1000))

    def _postpone(self, record: Record) -> Outcome:
        message = from_body(record["body"])
        self.queue.replace_later(message, record["receiptHandle"], milliseconds=_NOT_BEGUN_DELAY_MS)
        return Outcome(Result.NOT_BEGUN)

    def _cache(
        self, record: Record, *, budget: TimeBudget, slots: threading.Semaphore, alone: bool = False
    ) -> Outcome:
        with slots:
            download = self._fetch(record, budget=budget, alone=alone)
        return download if isinstance(download, Outcome) else self.cacher.store(download)

    def _fetch(self, record: Record, *, budget: TimeBudget, alone: bool) -> Download | Outcome:
        message = from_body(record["body"])
        if budget.is_used_up():
            # Leaving the message in the queue would count as one of the five deliveries after which it
            # becomes a dead letter, although nothing is wrong with it.
            self.queue.send_later(message, milliseconds=_NOT_BEGUN_DELAY_MS)
            return Outcome(Result.NOT_BEGUN)
        try:
            return self.cacher.fetch(message, alone=alone)
        except ClaimHeldError as error:
            self.queue.hide(record["receiptHandle"], milliseconds=error.held_until - self.clock())
            raise
