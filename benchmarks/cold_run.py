"""`make bench ONLY=coldRun` caches 400 images of the demo account, none cached yet, through each origin.

It uses the real claims, pace and stores on the embedded engine, ten workers in this process, and the real
clock. The media server limits itself to 100 requests in 60 s.
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
from botocore.config import Config as BotoConfig

from benchmarks.results import Result
from demo.service import DemoAccount
from imagecache.clock import now
from imagecache.model.image import ImageMessage, OriginName
from imagecache.queues.images import from_body
from imagecache.sources.beeper.images import AssetsServe, MediaOrigin, MediaServer
from imagecache.sources.transport import punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.wiring import Wiring
from local.engine import REGION, Engine, running_engine
from local.template import read_template
from tests.settings import config_with

_IMAGES = 400
_WORKERS = 10
_DEMO_SCALE = 2.5  # has more than 400 images
_TABLE_PROPERTIES = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


class DelayingQueue:
    """The part of SQS that the cacher uses: a message that is sent becomes ready after its delay.

    None in place of a message tells a worker to end.
    """

    def __init__(self, keys: list[str]) -> None:
        self.ready: queue.SimpleQueue[ImageMessage | None] = queue.SimpleQueue()
        self.deferrals = 0
        for key in keys:
            self.ready.put(ImageMessage(key, f"mxc://{quote(key)}", now()))

    def send_message(self, *, MessageBody: str, DelaySeconds: int, **_: Any) -> None:  # noqa: N803 - boto3's
        self.deferrals += 1
        threading.Timer(DelaySeconds, self.ready.put, [from_body(MessageBody)]).start()


def run(image_count: int = _IMAGES) -> Result:
    """Returns the figures of one run through each origin."""
    origins = (OriginName.BEEPER, OriginName.MEDIA_SERVER)
    with tempfile.TemporaryDirectory() as folder, running_engine(Path(folder)) as engine:
        return Result({"runs": [_measure(engine, origin, image_count) for origin in origins]})


def _measure(engine: Engine, origin_name: OriginName, image_count: int) -> dict[str, Any]:
    """Caches images through this origin alone, and returns the figures."""
    with DemoAccount(scale=_DEMO_SCALE) as demo, punctual_session() as session:
        keys = _cacheable_keys(demo, image_count)
        origin: MediaOrigin = (
            MediaServer(base_url=demo.media_url, token=demo.media_token, session=session)
            if origin_name is OriginName.MEDIA_SERVER
            else AssetsServe(base_url=demo.beeper_url, token=demo.beeper_token, session=session)
        )
        messages = DelayingQueue(keys)
        wiring = _wiring(engine, messages)
        sources = ImageSources(media={origin_name: origin}, web=GuardedWeb())
        cacher = wiring.image_cacher(sources)
        started = time.monotonic()
        cpu_started = time.process_time()
        _cache_all(messages, cacher, image_count)
        seconds = time.monotonic() - started
        cpu_seconds = time.process_time() - cpu_started
        hits: dict[str, Any] = demo.hits.as_json()
    statuses = Counter(record.status.value for record in wiring.cached_images.records(keys).values())
    return {
        "origin": origin_name.value,
        "images": image_count,
        "cached": statuses["cached"],
        "seconds": round(seconds, 1),
        "cpuMillisecondsPerImage": round(cpu_seconds / image_count * 1000, 1),
        "requests": hits["imageHits"],
        "downloadedTwice": sum(count > 1 for count in hits["images"].values()),
        "status429": hits["statuses"].get("429", 0),
        "deferred": messages.deferrals,
    }


def _cacheable_keys(demo: DemoAccount, count: int) -> list[str]:
    """Returns the keys of images that both origins have. Ends the process if there are too few."""
    # Keys that need percent-encoding are left out, as the URLs of the messages are made from the keys.
    keys = [
        key for key in demo.account.deliverable() if quote(key) == key and key not in demo.account.not_on_disk
    ][:count]
    if len(keys) < count:
        sys.exit(f"the demo account has only {len(keys)} images: raise its scale")
    return keys


def _cache_all(messages: DelayingQueue, cacher: ImageCacher, image_count: int) -> None:
    """Runs the workers until every image has an outcome."""
    finished = threading.Semaphore(0)

    def work() -> None:
        while message := messages.ready.get():
            if cacher.cache(message).result != "deferred":
                finished.release()

    workers = [threading.Thread(target=work) for _ in range(_WORKERS)]
    for worker in workers:
        worker.start()
    for _ in range(image_count):
        finished.acquire()
    for _ in workers:
        messages.ready.put(None)
    for worker in workers:
        worker.join()


def _wiring(engine: Engine, messages: DelayingQueue) -> Wiring:
    """Returns the wiring of new tables and a new bucket, with the queue in place of SQS."""
    access = {**engine.access, "config": BotoConfig(proxies={}, max_pool_connections=_WORKERS)}
    dynamodb: Any = boto3.client("dynamodb", **access)
    s3: Any = boto3.client("s3", **access)
    suffix = now()
    for logical_id in ("CachedImagesTable", "SyncStateTable"):
        properties = read_template()["Resources"][logical_id]["Properties"]
        dynamodb.create_table(
            TableName=f"{logical_id}-{suffix}",
            **{name: properties[name] for name in _TABLE_PROPERTIES if name in properties},
        )
    s3.create_bucket(Bucket=f"images-{suffix}", CreateBucketConfiguration={"LocationConstraint": REGION})
    config = config_with(
        images_table=f"CachedImagesTable-{suffix}",
        sync_state_table=f"SyncStateTable-{suffix}",
        image_bucket=f"images-{suffix}",
    )
    clients = {"dynamodb": dynamodb, "s3": s3, "sqs": messages}
    return Wiring(config, make_client=clients.__getitem__, clock=now)
