"""A laptop that is offline for an hour or a week, on a replaced clock: nothing is lost, and waiting is cheap.

These tests run on the engine, because moto takes four times as long for thousands of conditional writes.
"""

import hashlib
import heapq
import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from PIL import Image

from imagecache.clock import DAY, HOUR
from imagecache.errors import (
    OriginBusyError,
    OriginDownError,
    OriginUnauthorizedError,
    OriginUnreachableError,
)
from imagecache.model.image import Blob, Fetched, ImageMessage, OriginName, Picture, Validators
from imagecache.queues.images import ImagesQueue, from_body, to_body
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.usecases.caching.queue_images import needs_work
from tests.integration.conftest import NOW, Stack
from tests.integration.test_origins import most_in_a_minute


@dataclass
class Laptop:
    """A media server that is down at times."""

    stack: Stack
    down: Callable[[int], OriginDownError | None]
    asked: list[int] = field(default_factory=list)
    served: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.stack.now += 20
        self.asked.append(self.stack.now)
        if error := self.down(self.stack.now):
            raise error

    def check_token(self) -> None:
        self.check()

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool) -> Fetched:  # noqa: ARG002 - the interface's
        self.check()
        self.served.append(location.key)
        out = io.BytesIO()
        number = int(location.media_id)
        Image.new("RGB", (4, 4), (number % 256, number // 256, 7)).save(out, "PNG")
        return Fetched(out.getvalue())


class Sqs:
    """The part of SQS that the cacher uses, on the replaced clock."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, str, int]] = []
        self.sent = 0
        self.dead: list[str] = []

    def send_message(self, *, MessageBody: str, DelaySeconds: int = 0, **_: Any) -> None:  # noqa: N803 - boto3's
        assert 0 <= DelaySeconds <= 900
        self.sent += 1
        self._put(MessageBody, self._stack.now + DelaySeconds * 1000, 0)

    def _put(self, body: str, due: int, receives: int) -> None:
        heapq.heappush(self._waiting, (due, next(self._order), body, receives))

    def deliver(self, cacher: ImageCacher, *, until: int) -> None:
        """Delivers every message that is due, in order, until the queue or the time ends."""
        while self._waiting and self._waiting[0][0] <= until:
            due, _, body, receives = heapq.heappop(self._waiting)
            self._stack.now = max(self._stack.now, due)
            if receives >= 5:
                self.dead.append(body)
                continue
            try:
                cacher.cache(from_body(body))
            except Exception:  # noqa: BLE001 - whatever it is, SQS brings it again
                self._put(body, self._stack.now + 360_000, receives + 1)

    def __len__(self) -> int:
        return len(self._waiting)


class NoBlobs:
    def store(self, original: bytes, picture: Picture, _validators: Validators) -> Blob:
        """Stores nothing: other tests look at the objects."""
        blob_id = hashlib.sha256(original).hexdigest()
        return Blob(blob_id, picture.content_type, len(original), picture.width, picture.height)


def cacher_for(stack: Stack, laptop: Laptop, sqs: Any) -> ImageCacher:
    sources = ImageSources(media={OriginName.MEDIA_SERVER: laptop}, web=GuardedWeb())
    return replace(
        stack.image_cacher(sources),
        blobs=NoBlobs(),  # type: ignore[arg-type] # the one method that is used
        queue=ImagesQueue(queue_url="images", sqs=sqs),
    )


def ask_for(sqs: Sqs, stack: Stack, keys: list[str]) -> None:
    """Queues the images that need work as sync does, the message before the row."""
    records = stack.cached_images.records(keys)
    for key in keys:
        if needs_work(records.get(key), stack.now):
            message = ImageMessage(key, f"mxc://{key}", stack.now)
            sqs.send_message(MessageBody=to_body(message))
            stack.cached_images.mark_queued(message)


def statuses(stack: Stack, keys: list[str]) -> set[str]:
    return {record.status.value for record in stack.cached_images.records(keys).values()}


def test_an_hours_outage_in_a_backfill_of_200_loses_nothing(stack: Stack) -> None:
    """The pace lets about 90 images through before the outage, so more than 100 wait for its end."""
    keys = [f"beeper.com/{number}" for number in range(200)]
    begins = NOW + 60_000
    offline = OriginUnreachableError("offline")
    laptop = Laptop(stack, lambda now: offline if begins <= now < begins + HOUR else None)
    sqs = Sqs(stack)
    cacher = cacher_for(stack, laptop, sqs)
    for key in keys:
        sqs.send_message(
            MessageBody=json.dumps({"imageKey": key, "sourceUrl": f"mxc://{key}", "queuedAt": NOW})
        )
    sqs.deliver(cacher, until=begins)
    assert len(sqs) > 100, "they wait"
    sqs.deliver(cacher, until=NOW + 6 * HOUR)
    assert (len(sqs), sqs.dead, statuses(stack, keys)) == (0, [], {"cached"})
    assert sorted(laptop.served) == sorted(keys)
    assert most_in_a_minute(laptop.asked) <= 90
    during = [moment for moment in laptop.asked if begins <= moment < begins + HOUR]
    assert len(during) <= 10


@pytest.mark.parametrize(
    "error", [OriginUnreachableError("offline"), OriginUnauthorizedError("401"), OriginBusyError()]
)
def test_an_outage_of_a_week_costs_next_to_nothing_and_heals_by_itself(
    stack: Stack, error: OriginDownError
) -> None:
    keys = [f"beeper.com/{number}" for number in range(3)]
    laptop = Laptop(stack, lambda now: error if now < NOW + 7 * DAY else None)
    sqs = Sqs(stack)
    cacher = cacher_for(stack, laptop, sqs)
    for hour in range(7 * 24 + 12):
        stack.now = max(stack.now, NOW + hour * HOUR)
        ask_for(sqs, stack, keys)
        sqs.deliver(cacher, until=NOW + (hour + 1) * HOUR)
        if hour == 3:
            assert statuses(stack, keys) == {"failed"}
    assert (len(sqs), sqs.dead, statuses(stack, keys)) == (0, [], {"cached"})
    assert sorted(laptop.served) == sorted(keys)
    # First 8 deferrals, then one message for each attempt; the last attempts are 6 hours apart.
    assert sqs.sent / len(keys) < 50
    assert len(laptop.asked) - len(keys) < 7 * 24 * 5


def test_a_message_carries_how_often_it_waited_and_since_when(stack: Stack) -> None:
    laptop = Laptop(stack, lambda _: OriginDownError("offline"))
    message = ImageMessage("beeper.com/1", "mxc://beeper.com/1", NOW - 5, deferrals=2)
    bodies: list[str] = []

    class Caught:
        def send_message(self, **sent: Any) -> None:
            bodies.append(sent["MessageBody"])

    cacher = cacher_for(stack, laptop, Caught())
    assert cacher.cache(message).result == "deferred"
    assert from_body(bodies[0]) == ImageMessage("beeper.com/1", "mxc://beeper.com/1", NOW - 5, deferrals=3)
