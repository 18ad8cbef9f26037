"""`make bench ONLY=readPage` answers `GET /api/chats` for 50 chats with 20 members each, in several ways.

Ours is the deployed route with everything that the function does from the event on, the compression and the
ETag included. It is compared with the designs of page_competitors.py, which alternate with it in one run, at
0 and 4 ms a call to DynamoDB. A process of its own plays DynamoDB, so that its CPU time does not count.

Ours is measured twice: `oursFirst` is the first page of an execution environment, in which nothing is kept
yet, and `ours` is the same page again, as when the page is loaded again or another one shows the same
chats. The targets are those of the latter; connections are open in both, and in every competitor.
"""

import base64
import gc
import gzip
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import page_competitors as competitors
from benchmarks.page_rows import CHATS, IMAGES_TABLE, MEMBERS, chats_table, write_rows
from benchmarks.prepared_dynamodb import prepared_dynamodb
from benchmarks.results import Result, Target
from imagecache.api import chats as chat_routes
from imagecache.api import values
from imagecache.api.http import serve
from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.model.access import Role
from imagecache.stores.chats import shown
from imagecache.stores.images import views
from imagecache.wiring import Wiring
from tests.settings import config_with

_IMAGES = (0, 100, 400, 1000)
_MILLISECONDS_A_CALL = (0, 4)
_OURS, _OURS_FIRST, _LOOK_UPS = "ours", "oursFirst", "oneLookUpPerImage"
# By the milliseconds of a call. One look-up for each of 1,000 images takes seconds.
_ROUNDS = {0: 7, 4: 5}
_ROUNDS_OF_LOOK_UPS = {0: 3, 4: 1}
_CPU_LIMITS = {100: 5, 400: 10, 1000: 18}
_PARTS_OF_LOOK_UPS = {100: 20, 400: 35, 1000: 45}
_PLAIN_LIMIT, _GZIP_LIMIT = 250_000, 35_000


@dataclass(slots=True)
class _Times:
    """The times of one way to answer, in ms."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, float]:
        return {
            "cpuMilliseconds": round(statistics.median(self.cpu), 2),
            "cpuLeast": round(min(self.cpu), 2),
            "cpuMost": round(max(self.cpu), 2),
            "wallMilliseconds": round(statistics.median(self.wall), 2),
        }


class _Silent:
    """A log that keeps nothing."""

    def error(self, message: object, /, *, extra: Mapping[str, object]) -> None:
        raise RuntimeError(f"{message}: {extra}")

    def info(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...


def run() -> Result:
    """Returns the CPU and wall time of every way to answer each page, and the size of our JSON."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as databases:
        rows = Path(folder) / "rows.json"
        write_rows(rows, _IMAGES)
        for milliseconds in _MILLISECONDS_A_CALL:
            url = databases.enter_context(prepared_dynamodb(rows, milliseconds_a_call=milliseconds))
            name = f"{milliseconds} ms a call"
            figures[name] = {str(images): _compare(url, images, milliseconds) for images in _IMAGES}
        figures["bytes"] = {str(images): _sizes(url, images) for images in _IMAGES}
    return Result(figures, list(_targets(figures)))


def _compare(url: str, images: int, milliseconds_a_call: int) -> dict[str, Any]:
    """Measures all ways to answer one page, each in turn."""
    ours = _ours(url, images)
    ways: dict[str, Callable[[], object]] = {
        _OURS_FIRST: ours,
        _OURS: ours,
        "denormalised": competitors.denormalised(url, images),
        "pynamodbBatchGet": competitors.pynamodb_batch_get(url, images),
        "floor": competitors.floor(url, images),
    }
    for way in ways.values():
        way()  # opens the connections
    ways[_LOOK_UPS] = competitors.one_look_up_per_image(url, images)
    rounds = dict.fromkeys(ways, _ROUNDS[milliseconds_a_call])
    rounds[_LOOK_UPS] = _ROUNDS_OF_LOOK_UPS[milliseconds_a_call]
    times = {name: _Times() for name in ways}
    for number in range(_ROUNDS[milliseconds_a_call]):
        for name, way in ways.items():
            if number < rounds[name]:
                if name == _OURS_FIRST:
                    _forget_what_is_kept()
                _measure(way, times[name])
    return {name: taken.as_json() for name, taken in times.items()}


def _forget_what_is_kept() -> None:
    for kept in (shown._kept_preview, views._cached_view, values.initials, chat_routes._face_json):
        kept.cache_clear()


def _measure(way: Callable[[], object], times: _Times) -> None:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    way()
    times.cpu.append((time.process_time() - cpu) * 1000)
    times.wall.append((time.perf_counter() - wall) * 1000)


def _ours(url: str, images: int, **headers: str) -> Callable[[], dict[str, Any]]:
    """Returns a function that answers the page as the deployed function does."""
    config = config_with(chats_table=chats_table(images), images_table=IMAGES_TABLE)
    client = function_clients(competitors.environment(url), clock=now)("dynamodb")
    routes = Wiring(config, make_client=lambda _service: client, clock=now).chat_routes().routes()
    event = {
        "routeKey": "GET /api/chats",
        "headers": {"accept-encoding": "gzip, deflate, br", **headers},
        "queryStringParameters": {"limit": str(CHATS), "participants": str(MEMBERS)},
        "requestContext": {"requestId": "A"},
    }
    return lambda: serve(event, routes=routes, find_role=lambda _header: Role.READ, log=_Silent())


def _sizes(url: str, images: int) -> dict[str, int]:
    """Returns the size of our answer, plain and as it is compressed by the function."""
    compressed = base64.b64decode(_ours(url, images)()["body"])
    return {"plain": len(gzip.decompress(compressed)), "gzip": len(compressed)}


def _targets(figures: dict[str, Any]) -> Iterator[Target]:
    at_once = figures["0 ms a call"]
    for images, limit in _CPU_LIMITS.items():
        cpu = at_once[str(images)][_OURS]["cpuMilliseconds"]
        part = _PARTS_OF_LOOK_UPS[images]
        look_ups = at_once[str(images)][_LOOK_UPS]["cpuMilliseconds"]
        what = f"page with {images} images, of the CPU time of one look-up per image"
        ratio = Target(what, 1 / part, cpu / look_ups, "")
        yield Target(f"page with {images} images, CPU", limit, cpu, "ms", takes_time=True, same_as=ratio)
        yield ratio
    for images in _CPU_LIMITS:
        sizes = figures["bytes"][str(images)]
        yield Target(f"JSON with {images} images, plain", _PLAIN_LIMIT, sizes["plain"], "bytes")
        yield Target(f"JSON with {images} images, gzip", _GZIP_LIMIT, sizes["gzip"], "bytes")
