"""Bad pictures among good ones, through real sockets, on a clock that runs four times as fast.

The promise: with any mix of bad pictures, every good one is cached within the time that the good ones alone
take, plus 60 s.
"""

import heapq
import io
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from PIL import Image

from imagecache.model.image import ImageMessage, OriginName
from imagecache.queues.images import ImagesQueue, from_body, to_body
from imagecache.sources.beeper.images import AssetsServe
from imagecache.sources.transport import TIME_LIMITS, TimeLimits, punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_batch import BatchCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.wiring import Wiring
from local.engine import Engine
from tests.engine.test_outage import NoBlobs
from tests.hostile.origin import Flood, Origin, Say, answer, cut_short, drip
from tests.integration.conftest import Stack
from tests.settings import config_with

SPEED = 4
LIMITS = TimeLimits(
    total_seconds=TIME_LIMITS.total_seconds / SPEED,
    connect_seconds=TIME_LIMITS.connect_seconds,
    first_attempt_seconds=TIME_LIMITS.first_attempt_seconds / SPEED,
    check_seconds=TIME_LIMITS.check_seconds / SPEED,
)
INVOCATIONS_AT_ONCE = 2
FETCHES_PER_INVOCATION = 5
PROMISE_SECONDS = 60
MOST_SECONDS = 300

PAGE = answer("200 OK", b"<!DOCTYPE html><html><title>Sign in</title></html>")
INFO = answer("200 OK", b'{"app": {"name": "Beeper"}}')
UNAVAILABLE = answer("503 Service Unavailable")
ASSET_ERROR = answer("502 Bad Gateway", b'{"message": "timeout", "code": "SERVE_ASSET_ERROR"}')


def painted(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256, 7)).save(out, "PNG")
    return out.getvalue()


def silent(connection: socket.socket) -> None:
    """Never answers. Returns when the client has given up."""
    connection.recv(1)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


PICTURE = painted(0)
HALF = len(PICTURE) // 2
BAD: tuple[Say, ...] = (
    *(PAGE, answer("404 Not Found", b"<html>no tunnel</html>"), answer("200 OK"), UNAVAILABLE, ASSET_ERROR),
    *(Flood(), silent, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")),
    *(cut_short("200 OK", PICTURE[:HALF], len(PICTURE)), answer("200 OK", PICTURE[:HALF]), hang_up),
    *(answer("401 Unauthorized"), answer("429 Too Many Requests", b"", "Retry-After: 600")),
    answer("302 Found", b"", "Location: https://login.example/"),
    *(silent, silent, silent),  # the kind that holds up a batch for longest
)


class Beeper(Origin):
    """Serves a picture for every media id that is a number, and what the test chooses for the others."""

    def __init__(self, bad: dict[str, Say]) -> None:
        super().__init__(INFO)
        self._bad = bad

    def answer_to(self, head: str) -> Say:
        target = urlsplit(head.split(" ")[1])
        if target.path in {"/v1/info", "/v1/accounts"}:
            return INFO
        media_id = parse_qs(target.query)["url"][0].rpartition("/")[2]
        return self._bad[media_id] if media_id in self._bad else answer("200 OK", painted(int(media_id)))


class FastClock:
    """The time in ms, which passes `SPEED` times as fast as it does."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> int:
        return 1_800_000_000_000 + round((time.monotonic() - self._began) * 1000 * SPEED)


class Sqs:
    """The part of SQS that the cacher and its event source use, on the test's clock."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, str]] = []

    def send_message(self, *, MessageBody: str, DelaySeconds: int = 0, **_: Any) -> None:  # noqa: N803 - boto3's
        with self._lock:
            due = self._clock() + DelaySeconds * 1000
            heapq.heappush(self._waiting, (due, next(self._order), MessageBody))

    def receive(self) -> list[dict[str, str]]:
        """Returns a batch of at most ten messages that are due, in their order."""
        with self._lock:
            bodies: list[str] = []
            while len(bodies) < 10 and self._waiting and self._waiting[0][0] <= self._clock():
                bodies.append(heapq.heappop(self._waiting)[2])
        return [{"messageId": body, "body": body, "receiptHandle": "r"} for body in bodies]


def batch_cacher(engine: Engine, beeper: str, sqs: Sqs, clock: Callable[[], int]) -> BatchCacher:
    """Returns the cacher of one process, whose only origin is `beeper`."""
    access = {**engine.access, "config": Config(proxies={}, max_pool_connections=FETCHES_PER_INVOCATION)}
    wiring = Wiring(config_with(), make_client=partial(boto3.client, **access), clock=clock)
    serve = AssetsServe(base_url=beeper, token="t", session=punctual_session(), limits=LIMITS)
    sources = ImageSources(media={OriginName.BEEPER: serve}, web=GuardedWeb())
    queue = ImagesQueue(queue_url="images", sqs=sqs)  # type: ignore[arg-type] # what is used of it
    cacher = replace(
        wiring.image_cacher(sources),
        blobs=NoBlobs(),  # type: ignore[arg-type] # the one method that is used
        queue=queue,
    )
    return BatchCacher(cacher=cacher, queue=queue, clock=clock, fetches_at_once=FETCHES_PER_INVOCATION)


def seconds_to_cache(engine: Engine, keys: Sequence[str], bad: dict[str, Say]) -> float:
    """Sends a message for each key, and returns in how many seconds all but the bad ones were cached.

    Two invocations work at once, as by default on AWS.
    """
    clock = FastClock()
    sqs = Sqs(clock)
    missing = {key for key in keys if key.partition("/")[2] not in bad}
    began = clock()
    deadline = began + MOST_SECONDS * 1000
    with Beeper(bad) as beeper:
        for key in keys:
            sqs.send_message(MessageBody=to_body(ImageMessage(key, f"mxc://{key}", began)))

        def work() -> None:
            at_work = batch_cacher(engine, beeper.url, sqs, clock)
            while missing and clock() < deadline:
                for delivery in at_work.cache(sqs.receive(), remaining_ms=lambda: 60_000):
                    assert delivery.error is None
                    if delivery.outcome and delivery.outcome.result == "cached":
                        missing.discard(from_body(delivery.message_id).image_key)
                time.sleep(0.01)

        with ThreadPoolExecutor(INVOCATIONS_AT_ONCE) as pool:
            for worker in [pool.submit(work) for _ in range(INVOCATIONS_AT_ONCE)]:
                worker.result()
    assert not missing, f"not cached within {MOST_SECONDS} s: {sorted(missing)}"
    return (clock() - began) / 1000


def spread(good: Iterable[str], bad: Iterable[str]) -> list[str]:
    """Returns the keys with one bad one in each batch of ten, which holds up the most batches."""
    waiting = [f"s/{media_id}" for media_id in bad]
    keys: list[str] = []
    for number, key in enumerate(good):
        if number % 9 == 4 and waiting:
            keys.append(waiting.pop(0))
        keys.append(key)
    return keys + waiting


def test_bad_pictures_of_every_kind_do_not_delay_the_good_ones(
    stack: Stack, engine_with_tables: Engine
) -> None:
    good = [f"s/{number}" for number in range(260)]
    bad = {f"bad{number}": say for number, say in enumerate(BAD)}
    alone = seconds_to_cache(engine_with_tables, good[:130], {})
    among_bad = seconds_to_cache(engine_with_tables, spread(good[130:], bad), bad)
    assert among_bad < alone + PROMISE_SECONDS
    assert stack.circuits.open_circuits(now=0) == [], "no circuit was ever open"
