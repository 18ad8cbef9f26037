"""`make bench ONLY=coldRun`: 400 images of the demo account, none cached yet, through each origin.

The real claims, pace and stores on the embedded engine, ten workers in this process, the real clock. The
media server's own limit (100 requests in 60 s) is on.
"""

import queue
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config

from demo.service import DemoAccount
from imagecache.clock import now
from imagecache.model.image import ImageMessage, OriginName
from imagecache.queues.images import from_body
from imagecache.sources.beeper.images import AssetsServe, MediaOrigin, MediaServer
from imagecache.sources.transport import punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.wiring import Wiring
from local.engine import Engine, running_engine
from local.template import read_template
from tests.made_settings import made_config

IMAGES, WORKERS = 400, 10


class Waiting:
    """As much of SQS as the cacher sends to: a message that waits comes back after its delay."""

    def __init__(self, keys: list[str]) -> None:
        self.ready: queue.SimpleQueue[ImageMessage | None] = queue.SimpleQueue()
        self.deferred = 0
        for key in keys:
            self.ready.put(ImageMessage(key, f"mxc://{quote(key)}", now()))

    def send_message(self, *, MessageBody: str, DelaySeconds: int, **_: Any) -> None:  # noqa: N803 - boto3's
        self.deferred += 1
        threading.Timer(DelaySeconds, self.ready.put, [from_body(MessageBody)]).start()


def measure(engine: Engine, name: OriginName) -> dict[str, Any]:
    """One cold run through one origin alone."""
    with DemoAccount(scale=2.5) as demo, punctual_session() as session:
        known = [key for key in demo.account.deliverable() if quote(key) == key]
        keys = [key for key in known if key not in demo.account.not_on_disk][:IMAGES]
        if len(keys) < IMAGES:
            sys.exit("the demo account is too small")
        origin: MediaOrigin = (
            MediaServer(base_url=demo.media_url, token=demo.media_token, session=session)
            if name is OriginName.MEDIA_SERVER
            else AssetsServe(base_url=demo.beeper_url, token=demo.beeper_token, session=session)
        )
        waiting = Waiting(keys)
        images, cacher = _cacher(engine, ImageSources(media={name: origin}, web=GuardedWeb()), waiting)
        began, cpu = time.monotonic(), time.process_time()
        _work(waiting, cacher)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        hits: dict[str, Any] = demo.hits.as_json()
    statuses = Counter(record.status.value for record in images.records(keys).values())
    return {
        "origin": name.value,
        "images": IMAGES,
        "cached": statuses["cached"],
        "seconds": round(seconds, 1),
        "cpuMillisecondsPerImage": round(cpu / IMAGES * 1000, 1),
        "requests": hits["imageHits"],
        "downloadedTwice": sum(count > 1 for count in hits["images"].values()),
        "status429": hits["statuses"].get("429", 0),
        "deferred": waiting.deferred,
    }


def _work(waiting: Waiting, cacher: ImageCacher) -> None:
    left = threading.Semaphore(0)

    def work() -> None:
        while request := waiting.ready.get():
            if cacher.cache(request).result != "deferred":
                left.release()

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for _ in range(IMAGES):
        left.acquire()
    for _ in workers:
        waiting.ready.put(None)
    for worker in workers:
        worker.join()


def _cacher(engine: Engine, sources: ImageSources, waiting: Waiting) -> tuple[CachedImages, ImageCacher]:
    access = {**engine.access, "config": Config(proxies={}, max_pool_connections=WORKERS)}
    dynamodb: Any = boto3.client("dynamodb", **access)
    s3: Any = boto3.client("s3", **access)
    names = {}
    for logical in ("CachedImagesTable", "SyncStateTable"):
        names[logical] = f"{logical}-{now()}"
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        properties = read_template()["Resources"][logical]["Properties"]
        kept = {key: properties[key] for key in wanted if key in properties}
        dynamodb.create_table(TableName=names[logical], **kept)
    bucket = f"images-{now()}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    settings = made_config(
        images_table=names["CachedImagesTable"], sync_state_table=names["SyncStateTable"], image_bucket=bucket
    )
    clients = {"dynamodb": dynamodb, "s3": s3, "sqs": waiting}
    wiring = Wiring(settings, make_client=clients.__getitem__, clock=now)
    return wiring.cached_images, wiring.image_cacher(wiring.image_fetcher(sources))


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, running_engine(Path(folder)) as engine:
        return {"runs": [measure(engine, name) for name in (OriginName.BEEPER, OriginName.MEDIA_SERVER)]}
