"""Many workers and one image, on the engine whose conditional writes have one winner: one download."""

import io
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from PIL import Image

from imagecache.clock import now
from imagecache.errors import ClaimHeldError, OriginClosedError
from imagecache.model.image import Fetched, ImageMessage, OriginName
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.state.circuits import OriginCircuits
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.wiring import Wiring
from local.engine import Engine
from tests.settings import config_with

WORKERS = 32
ROUNDS = 10


class Origin:
    """An origin that counts the requests for each image."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.hits: dict[str, int] = {}
        out = io.BytesIO()
        Image.new("RGB", (8, 8), "teal").save(out, "PNG")
        self._image = out.getvalue()

    def check(self) -> None:
        """Works."""

    def check_token(self) -> None:
        """Works."""

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool) -> Fetched:  # noqa: ARG002 - the interface's
        with self._lock:
            self.hits[location.key] = self.hits.get(location.key, 0) + 1
        return Fetched(self._image)


def cacher(engine: Engine, origin: Origin) -> ImageCacher:
    access = {**engine.access, "config": Config(proxies={}, max_pool_connections=WORKERS)}
    wiring = Wiring(config_with(), make_client=partial(boto3.client, **access), clock=now)
    sources = ImageSources(media={OriginName.BEEPER: origin}, web=GuardedWeb())
    return wiring.image_cacher(sources)


def message(key: str) -> ImageMessage:
    return ImageMessage(key, f"mxc://{key}", now())


def test_32_workers_on_one_image_download_it_once_in_every_round(engine_with_tables: Engine) -> None:
    origin = Origin()
    shared = cacher(engine_with_tables, origin)
    together = threading.Barrier(WORKERS)

    def work(key: str) -> str:
        together.wait()
        try:
            return shared.cache(message(key)).result
        except ClaimHeldError:
            return "held"

    with ThreadPoolExecutor(WORKERS) as pool:
        for number in range(ROUNDS):
            key = f"beeper.com/race{number}"
            results = list(pool.map(work, [key] * WORKERS))
            assert results.count("cached") == 1
            assert set(results) <= {"cached", "deduplicated", "held"}
    assert origin.hits == {f"beeper.com/race{number}": 1 for number in range(ROUNDS)}


def test_32_workers_get_no_more_slots_than_the_pace_allows(engine_with_tables: Engine) -> None:
    dynamodb: Any = boto3.client(
        "dynamodb",
        **{**engine_with_tables.access, "config": Config(proxies={}, max_pool_connections=WORKERS)},
    )
    circuits = OriginCircuits(table_name="SyncStateTable", dynamodb=dynamodb)
    moment = now()

    def slot(_: int) -> int | None:
        try:
            return circuits.acquire(OriginName.MEDIA_SERVER, now=moment).at
        except OriginClosedError:
            return None

    with ThreadPoolExecutor(WORKERS) as pool:
        slots = sorted(at for at in pool.map(slot, range(80)) if at is not None)
    assert slots[:10] == [moment] * 10
    following = slots[10:]
    assert len(set(following)) == len(following)
    assert all(later - earlier >= 750 for earlier, later in itertools.pairwise(following))
    assert len(slots) <= 10 + 10_000 // 750
