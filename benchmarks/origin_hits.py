"""`make bench ONLY=stampede`, `negativeCache` and `hostile`: the work of an origin, with ours and thumbor.

Ours is the function of the deployed template on the embedded engine, as for `cacheImages`.
"""

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import boto3

from benchmarks.cacher_worker import (
    Invocation,
    Record,
    Worker,
    cacher_stack,
    message_for,
    record,
    running_workers,
)
from benchmarks.image_origin import INTERNAL, ImageOrigin, running_origin
from benchmarks.results import Result, Target
from benchmarks.thumbor import Thumbor, running_thumbor
from imagecache.model.image import SIZES
from imagecache.queues.images import ImagesQueue
from imagecache.sources.transport import MAX_IMAGE_BYTES
from local.deploy import DeployedStack

_CLIENTS = 50
_WORKERS = 5
_REPETITIONS = 20
_MOST_SECONDS = 10
_MOST_GROWN_MEBIBYTES = 20
_KB = 1024


def stampede() -> Result:
    """Counts the requests to the origin if 50 clients want one new image at the same time.

    Ours are 50 messages for it, delivered to five invocations at the same time, and once more afterwards.
    """
    name = "photo.500.1.stampede"
    with running_origin() as origin, cacher_stack(origin) as stack, running_thumbor(processes=1) as thumbor:
        with running_workers(stack, _WORKERS, at_once=10) as workers:
            for worker in workers:
                worker.invoke([record("photo.0.0.first")])
            batches = _queued(stack, name)
            with ThreadPoolExecutor(_WORKERS) as pool:
                first = list(pool.map(Worker.invoke, workers, batches))
            second = [worker.invoke(batch) for worker, batch in zip(workers, batches, strict=True)]
        ours = origin.hits()[name]
        with ThreadPoolExecutor(_CLIENTS) as pool:
            statuses = list(pool.map(lambda _: thumbor.status(name, max(SIZES), origin), range(_CLIENTS)))
        theirs = origin.hits()[name] - ours
    results = [_counted(invocations) for invocations in (first, second)]
    return Result(
        {
            "clients": _CLIENTS,
            "ours": {"hits": ours, "results": results[0], "afterwards": results[1]},
            "thumbor": {"hits": theirs, "served": statuses.count(200)},
        },
        [Target("requests to the origin for 50 clients who want one new image", 1, ours, "requests")],
    )


def _counted(invocations: Iterable[Invocation]) -> dict[str, int]:
    """Returns how many messages had each result."""
    return dict(Counter(chain.from_iterable(invocation.results for invocation in invocations)))


def _queued(stack: DeployedStack, name: str) -> list[list[Record]]:
    """Sends a message for each client, and returns the messages as the queue delivers them to each worker."""
    sqs: Any = boto3.client("sqs", **stack.engine.access)
    queue_url = stack.resources["ImagesQueue"]
    ImagesQueue(queue_url=queue_url, sqs=sqs).send([message_for(name)] * _CLIENTS)
    answers = [sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10) for _ in range(_WORKERS)]
    return [
        [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "receiptHandle": message["ReceiptHandle"],
            }
            for message in answer["Messages"]
        ]
        for answer in answers
    ]


def negative_cache() -> Result:
    """Counts the requests to the origin if an image that it does not have is asked for 20 times."""
    name = "missing.a"
    with running_origin() as origin, cacher_stack(origin) as stack, running_thumbor(processes=1) as thumbor:
        with running_workers(stack, 1, at_once=1) as [worker]:
            invocations = [worker.invoke([record(name)]) for _ in range(_REPETITIONS)]
        ours = origin.hits()[name]
        for _ in range(_REPETITIONS):
            thumbor.status(name, max(SIZES), origin)
        theirs = origin.hits()[name] - ours
    return Result(
        {
            "repetitions": _REPETITIONS,
            "ours": {"hits": ours, "results": _counted(invocations)},
            "thumbor": {"hits": theirs},
        },
        [Target("requests to the origin for a 404 that is asked for 20 times", 1, ours, "requests")],
    )


def hostile() -> Result:
    """Measures what hostile answers cost: time, bytes, memory and requests to the origin."""
    with running_origin() as origin, cacher_stack(origin) as stack, running_thumbor(processes=1) as thumbor:
        with running_workers(stack, 1, at_once=1, counted_port=origin.port) as [worker]:
            for number in range(3):  # what is loaded once is no growth
                worker.invoke([record(f"photo.0.{number}.first")])
            ours = {
                "endless": _ours(worker, origin, "endless"),
                "oneByteASecond": _ours(worker, origin, "drip"),
                "oneByteASecondAgain": _ours(worker, origin, "drip", deferrals=1),
                "svg": _ours(worker, origin, "svg"),
                "html": _ours(worker, origin, "html"),
                "redirectToInternal": _ours(worker, origin, "redirect"),
            }
        internal = origin.hits().get(INTERNAL, 0)
        thumbor.cache("photo.0.0.first", origin)
        theirs = {
            "endless": _theirs(thumbor, origin, "endless"),
            "oneByteASecond": _theirs(thumbor, origin, "drip"),
            "svg": _theirs(thumbor, origin, "svg"),
            "html": _theirs(thumbor, origin, "html"),
            "redirectToInternal": _theirs(thumbor, origin, "redirect"),
        }
        their_internal = origin.hits().get(INTERNAL, 0) - internal
    stored = sum(answer["result"] == "cached" for answer in ours.values())
    first_attempt = ours["oneByteASecond"]["seconds"]
    most_grown = max(answer["grownMebibytes"] for answer in ours.values())
    above_cap = (ours["endless"]["bytesRead"] - MAX_IMAGE_BYTES) / _KB
    return Result(
        {
            "ours": {**ours, "internalHits": internal},
            "thumbor": {**theirs, "internalHits": their_internal},
        },
        [
            Target("first attempt at an answer of one byte a second", _MOST_SECONDS, first_attempt, "s"),
            Target("read of an endless body, above the cap of 5 MB", 64, above_cap, "KB"),
            Target("growth of memory with hostile answers", _MOST_GROWN_MEBIBYTES, most_grown, "MiB"),
            Target(
                "hostile answers that were stored, or an internal server reached", 0, stored + internal, ""
            ),
        ],
    )


def _ours(worker: Worker, origin: ImageOrigin, kind: str, *, deferrals: int = 0) -> dict[str, Any]:
    name = f"{kind}.ours-{deferrals}"
    invocation = worker.invoke([record(name, deferrals=deferrals)])
    [result] = invocation.results
    return {
        "result": result,
        "hits": origin.hits()[name],
        "seconds": round(invocation.wall_seconds, 1),
        "bytesRead": invocation.bytes_read,
        "bytesSent": origin.sent().get(name, 0),
        "grownMebibytes": round(invocation.grown_mebibytes, 1),
    }


def _theirs(thumbor: Thumbor, origin: ImageOrigin, kind: str) -> dict[str, Any]:
    name = f"{kind}.theirs"
    thumbor.reset_peak()
    before = thumbor.peak_mebibytes()
    started = time.monotonic()
    status = thumbor.status(name, max(SIZES), origin)
    return {
        "status": status,
        "hits": origin.hits()[name],
        "seconds": round(time.monotonic() - started, 1),
        "bytesSent": origin.sent().get(name, 0),
        "grownMebibytes": round(thumbor.peak_mebibytes() - before, 1),
    }
