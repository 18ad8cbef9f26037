"""Workers that are killed (SIGKILL) while they work on an image."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from PIL import Image

from imagecache.clock import now
from imagecache.errors import ClaimHeldError
from imagecache.model.image import ImageMessage
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.cache_image import ImageCacher
from local.engine import Engine
from local.template import ROOT
from tests.engine.doomed_worker import LEASE_SECONDS, cacher_on
from tests.hostile.origin import Origin, answer

STAGES = {"claim": "beeper.com/killed-after-its-claim", "download": "beeper.com/killed-after-its-download"}


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


def kill_at(stage: str, key: str, origin: Origin, engine: Engine) -> None:
    """Starts a worker in a process of its own, and kills it when it has reached that stage."""
    command = [sys.executable, "-m", "tests.engine.doomed_worker", stage, key, origin.url]
    environment = {**os.environ, **engine.environment}
    with subprocess.Popen(  # noqa: S603 - our own code
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == stage
        worker.kill()


def results_of(crowd: int, survivor: ImageCacher, key: str) -> list[str]:
    """Returns the results of many deliveries of one message at once, without those that met a lease."""
    with ThreadPoolExecutor(crowd) as pool:
        work = [pool.submit(survivor.cache, ImageMessage(key, f"mxc://{key}", now())) for _ in range(crowd)]
    errors = [type(future.exception()) for future in work if future.exception()]
    assert set(errors) <= {ClaimHeldError}
    return [future.result().result for future in work if not future.exception()]


def after_the_lease() -> int:
    """The clock of a worker that comes when the lease of the killed one has lapsed."""
    return now() + LEASE_SECONDS * 1000 + 1


def test_a_worker_killed_at_work_costs_at_most_a_second_download(engine_with_tables: Engine) -> None:
    dynamodb: Any = boto3.client("dynamodb", **engine_with_tables.access)
    rows = CachedImages(table_name="CachedImagesTable", dynamodb=dynamodb)
    hits = {}
    for stage, key in STAGES.items():
        with Origin(answer("200 OK", png())) as origin:
            kill_at(stage, key, origin, engine_with_tables)
            early = cacher_on(engine_with_tables.access, origin.url)
            with pytest.raises(ClaimHeldError):
                early.cache(ImageMessage(key, f"mxc://{key}", now()))
            survivor = cacher_on(engine_with_tables.access, origin.url, clock=after_the_lease)
            assert results_of(8, survivor, key).count("cached") == 1
            hits[stage] = len(origin.requests)
    assert hits == {"claim": 1, "download": 2}
    assert {record.status.value for record in rows.records(STAGES.values()).values()} == {"cached"}
