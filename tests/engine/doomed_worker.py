"""`python -m tests.engine.doomed_worker STAGE KEY ORIGIN`: works on one image and stops half-way.

It prints the stage when it got there (`claim`: claimed and nothing more; `download`: the bytes are here,
nothing is stored) and then waits to be killed. The environment says where the engine is.
"""

import sys
import time
from typing import Any

import boto3

from imagecache.clock import now
from imagecache.identity import MediaSource
from imagecache.model import Fetched, ImageRequest, OriginName
from imagecache.queues.images import ImagesQueue
from imagecache.sources.beeper_images import AssetsServe
from imagecache.sources.transport import punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.blobs import Blobs
from imagecache.stores.claims import ImageClaims
from imagecache.stores.origins import Origins
from imagecache.usecases.cache_image import ImageCacher
from imagecache.usecases.fetch_image import ImageFetcher, ImageSources


class StopsAt:
    """The origin, for a worker that gets no further than its stage."""

    def __init__(self, stage: str, origin: AssetsServe) -> None:
        self._stage = stage
        self._origin = origin

    def fetch(self, source: MediaSource) -> Fetched:
        if self._stage == "download":
            self._origin.fetch(source)
        print(self._stage, flush=True)  # noqa: T201 - what the caller waits for
        time.sleep(60)
        raise AssertionError("nobody killed me")


def cacher_on(access: dict[str, Any], origin: str, *, stage: str | None = None) -> ImageCacher:
    """Returns a worker with a lease of 3 s whose AWS clients get `access`; it is whole without `stage`."""
    dynamodb: Any = boto3.client("dynamodb", **access)
    serve = AssetsServe(base_url=origin, token="t", session=punctual_session())
    return ImageCacher(
        claims=ImageClaims(table_name="CachedImagesTable", dynamodb=dynamodb),
        fetcher=ImageFetcher(
            sources=ImageSources(
                media={OriginName.BEEPER: StopsAt(stage, serve) if stage else serve}, web=GuardedWeb()
            ),
            origins=Origins(table_name="SyncStateTable", dynamodb=dynamodb),
            clock=now,
        ),
        blobs=Blobs(bucket="images", s3=boto3.client("s3", **access)),
        queue=ImagesQueue(queue_url="http://unused", sqs=boto3.client("sqs", **access)),
        salt=lambda: b"salt",
        lease_seconds=3,
        clock=now,
    )


def main() -> None:
    stage, key, origin = sys.argv[1:]
    cacher_on({}, origin, stage=stage).cache(ImageRequest(key, f"mxc://{key}", now()))


if __name__ == "__main__":
    main()
