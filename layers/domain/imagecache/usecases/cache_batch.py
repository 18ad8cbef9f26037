"""An SQS batch → each of its images, several at once; one that fails spares its neighbours."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from imagecache.errors import ImageCacheError
from imagecache.queues.images import ImagesQueue, from_body
from imagecache.usecases.cache_image import ClaimHeldError, ImageCacher, Outcome

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message: an outcome when it is done with, an error when SQS must bring it again."""

    message_id: str
    outcome: Outcome | None
    error: BaseException | None

    @property
    def bug(self) -> BaseException | None:
        """What nobody expected: its traceback belongs into the log."""
        return None if isinstance(self.error, ImageCacheError) else self.error

    def for_log(self) -> dict[str, Any]:
        """Fields of one log line: no URL and no media id."""
        if self.outcome is None:
            return {"messageId": self.message_id, "result": "again", "error": type(self.error).__name__}
        return {
            "messageId": self.message_id,
            "result": self.outcome.result,
            "reason": self.outcome.reason,
            "bytes": self.outcome.bytes,
        }


def cache_batch(
    records: Sequence[Record], *, cacher: ImageCacher, queue: ImagesQueue, at_once: int
) -> list[Delivery]:
    """One delivery per record, in their order, whatever is raised on the way."""
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(_cache, record, cacher, queue) for record in records]
        wait(running)
    return [
        Delivery(record["messageId"], None if future.exception() else future.result(), future.exception())
        for record, future in zip(records, running, strict=True)
    ]


def _cache(record: Record, cacher: ImageCacher, queue: ImagesQueue) -> Outcome:
    try:
        return cacher.cache(from_body(record["body"]))
    except ClaimHeldError as held:
        queue.hide(record["receiptHandle"], milliseconds=held.held_until - cacher.clock())
        raise
