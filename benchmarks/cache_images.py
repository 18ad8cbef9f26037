"""`make bench ONLY=cacheImages` caches 100 new photos whose origin answers after 50 ms, 200 ms and 2 s.

Ours is the function of the deployed template, with its claims, stores and logs, which gets events of 10
messages. DynamoDB and S3 are a server that keeps nothing (`benchmarks/accepting_aws.py`). The CPU time is
that of the function's processes alone. Ours is compared with one image after the other, with the design of
the original application (batches of 10, each of which waits for the one before), and with thumbor, which
keeps everything in files. All are measured in turn, in the same run, from the same origin.
"""

import queue
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.accepting_aws import accepting_aws
from benchmarks.cacher_worker import Invocation, Worker, cacher_stack, record, running_workers
from benchmarks.image_origin import ImageOrigin, running_origin
from benchmarks.results import Result, Target
from benchmarks.thumbor import Thumbor, running_thumbor

_IMAGES = 100
_BATCH = 10
_ROUNDS = 3
_DELAYS_MS = (50, 200, 2_000)
# One after the other, a part of the images is cached, and the time is multiplied.
_IMAGES_IN_SEQUENCE = {50: 10, 200: 5, 2_000: 2}
# How many invocations there are at the same time, and how many images each fetches at once.
_DEPLOYED = (2, 5)
_MANY = (
    10,
    6,
)  # CacherConcurrency=10 and FetchesPerInvocation=6, for an origin that is slow and not a laptop
_WAITS_OF_MANY = 2  # of 60 at once, 100 have to wait twice for the origin

_StartWorkers = Callable[..., AbstractContextManager[list[Worker]]]
"""Starts a number of workers, each of which fetches `at_once` images at the same time."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The time that 100 images took, and the CPU time of each."""

    seconds: float
    cpu_milliseconds: float


def run() -> Result:
    """Returns the figures of all delays, and compares those at 50 ms and 2 s with their targets."""
    with (
        running_origin() as origin,
        cacher_stack(origin) as stack,
        accepting_aws() as aws_url,
        running_thumbor(processes=_DEPLOYED[0]) as thumbor,
    ):
        start = partial(running_workers, stack, aws_url=aws_url)
        costs = {delay_ms: _measure(start, origin, thumbor, delay_ms) for delay_ms in _DELAYS_MS}
    figures = {
        f"{delay_ms}ms": {name: _figures(rounds) for name, rounds in ways.items()}
        for delay_ms, ways in costs.items()
    }
    ours, theirs = costs[50]["ours"], costs[50]["thumbor"]
    beyond_waits = _seconds(costs[2_000]["ours60InFlight"]) - _WAITS_OF_MANY * 2
    return Result(
        {
            "images": _IMAGES,
            "stores": "a server that accepts every write, in the place of DynamoDB and S3",
            **figures,
        },
        [
            Target("100 images at 50 ms, 10 at a time", 1.05, _seconds(ours), "s", takes_time=True),
            Target("CPU of an image, all sizes", 18, _cpu(ours), "ms", takes_time=True),
            Target("time of 100 images at 50 ms, of thumbor's", 1, _seconds(ours) / _seconds(theirs), "x"),
            Target("CPU of an image, of thumbor's", 1, _cpu(ours) / _cpu(theirs), "x"),
            Target("100 images at 2 s, 60 in flight, beyond 4 s", 0.2, beyond_waits, "s", takes_time=True),
        ],
    )


def _measure(
    start: _StartWorkers, origin: ImageOrigin, thumbor: Thumbor, delay_ms: int
) -> dict[str, list[Cost]]:
    """Returns the costs of each way in each round. No image is cached yet: each has a name of its own."""
    rounds = _ROUNDS if delay_ms == _DELAYS_MS[0] else 1
    costs: dict[str, list[Cost]] = {}
    with (
        start(_DEPLOYED[0], at_once=_DEPLOYED[1]) as deployed,
        start(1, at_once=_BATCH) as original,
        start(_MANY[0] if delay_ms == _DELAYS_MS[-1] else 0, at_once=_MANY[1]) as many,
    ):
        for number, worker in enumerate([*deployed, *original, *many]):
            worker.invoke([record(f"photo.0.{number}.first-of-{delay_ms}")])
        ways: dict[str, Callable[[list[str]], Cost]] = {
            "sequential": partial(_in_sequence, original[0], count=_IMAGES_IN_SEQUENCE[delay_ms]),
            "batchesOf10": partial(_ours, original),
            "ours": partial(_ours, deployed),
        }
        if many:
            ways["ours60InFlight"] = partial(_ours, many)
            ways["thumbor60InFlight"] = partial(_thumbors, thumbor, origin, at_once=_MANY[0] * _MANY[1])
        else:
            ways["thumbor"] = partial(_thumbors, thumbor, origin, at_once=_BATCH)
        for number in range(rounds):
            for name, cache in ways.items():
                names = [f"photo.{delay_ms}.{image}.{name}-{number}" for image in range(_IMAGES)]
                costs.setdefault(name, []).append(cache(names))
    return costs


def _in_sequence(worker: Worker, names: Sequence[str], *, count: int) -> Cost:
    """Caches `count` images, each in an invocation, and returns what all of them would cost."""
    cost = _cost([worker.invoke([record(name)]) for name in names[:count]], count)
    return replace(cost, seconds=cost.seconds * len(names) / count)


def _ours(workers: Sequence[Worker], names: Sequence[str]) -> Cost:
    """Caches the images in batches of 10. Each worker takes the next batch when it is done with one."""
    batches: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    for first in range(0, len(names), _BATCH):
        batches.put(list(names[first : first + _BATCH]))
    invocations: list[Invocation] = []

    def work(worker: Worker) -> None:
        while True:
            try:
                batch = batches.get_nowait()
            except queue.Empty:
                return
            # Second attempts: first ones have only 4 s, which 2 s may become if other programs are busy.
            invocations.append(worker.invoke([record(name, deferrals=1) for name in batch]))

    started = time.monotonic()
    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replace(_cost(invocations, len(names)), seconds=time.monotonic() - started)


def _cost(invocations: Sequence[Invocation], count: int) -> Cost:
    """Returns the sum of the invocations. Raises RuntimeError if an image was not cached.

    Such an image costs less than one that is, so the figures would look better than they are.
    """
    results = Counter(result for invocation in invocations for result in invocation.results)
    if results != {"cached": count}:
        raise RuntimeError(f"not all of {count} images were cached: {dict(results)}")
    return Cost(
        sum(invocation.wall_seconds for invocation in invocations),
        sum(invocation.cpu_seconds for invocation in invocations) * 1000 / count,
    )


def _thumbors(thumbor: Thumbor, origin: ImageOrigin, names: Sequence[str], *, at_once: int) -> Cost:
    started, cpu_started = time.monotonic(), thumbor.cpu_seconds()
    with ThreadPoolExecutor(at_once) as pool:
        cached = sum(pool.map(lambda name: thumbor.cache(name, origin), names))
    cpu_seconds = thumbor.cpu_seconds() - cpu_started
    if cached != len(names):
        raise RuntimeError(f"thumbor served {cached} of {len(names)} images")
    return Cost(time.monotonic() - started, cpu_seconds * 1000 / len(names))


def _seconds(rounds: Sequence[Cost]) -> float:
    return statistics.median(cost.seconds for cost in rounds)


def _cpu(rounds: Sequence[Cost]) -> float:
    return statistics.median(cost.cpu_milliseconds for cost in rounds)


def _figures(rounds: Sequence[Cost]) -> dict[str, Any]:
    return {
        "seconds": round(_seconds(rounds), 2),
        "cpuMillisecondsPerImage": round(_cpu(rounds), 1),
        "rounds": [[round(cost.seconds, 2), round(cost.cpu_milliseconds, 1)] for cost in rounds],
    }
