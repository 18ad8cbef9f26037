"""Workers that are killed (SIGKILL) while they work on an image."""

import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from PIL import Image

from imagecache.clock import now
from imagecache.model.image import ImageMessage
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.cache_image import ClaimHeldError, ImageCacher
from local.engine import Engine
from local.template import ROOT
from tests.engine.doomed_worker import cacher_on
from tests.hostile.origin import Origin, answer

STAGES = {"claim": "beeper.com/killed-after-its-claim", "download": "beeper.com/killed-after-its-download"}


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


def kill_at(stage: str, key: str, origin: Origin, engine: Engine) -> None:
    """A worker in a process of its own gets that far, and no further."""
    command = [sys.executable, "-m", "tests.engine.doomed_worker", stage, key, origin.url]
    environment = {**os.environ, **engine.environment}
    with subprocess.Popen(  # noqa: S603 - our own code
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == stage
        worker.kill()


def results_of(crowd: int, survivor: ImageCacher, key: str) -> list[str]:
    """What many deliveries of the same message come to, at once."""
    with ThreadPoolExecutor(crowd) as pool:
        work = [pool.submit(survivor.cache, ImageMessage(key, f"mxc://{key}", now())) for _ in range(crowd)]
    errors = [type(one.exception()) for one in work if one.exception()]
    assert set(errors) <= {ClaimHeldError}
    return [one.result().result for one in work if not one.exception()]


def test_a_worker_killed_at_work_costs_at_most_a_second_download(engine_with_tables: Engine) -> None:
    dynamodb: Any = boto3.client("dynamodb", **engine_with_tables.access)
    rows = CachedImages(table_name="CachedImagesTable", dynamodb=dynamodb)
    hits = {}
    for stage, key in STAGES.items():
        with Origin(answer("200 OK", png())) as origin:
            kill_at(stage, key, origin, engine_with_tables)
            survivor = cacher_on(engine_with_tables.access, origin.url)
            with pytest.raises(ClaimHeldError) as held:
                survivor.cache(ImageMessage(key, f"mxc://{key}", now()))
            time.sleep(max(held.value.held_until - now(), 0) / 1000 + 0.01)
            assert results_of(8, survivor, key).count("cached") == 1
            hits[stage] = len(origin.requests)
    assert hits == {"claim": 1, "download": 2}
    assert {state.status.value for state in rows.states(STAGES.values()).values()} == {"cached"}
