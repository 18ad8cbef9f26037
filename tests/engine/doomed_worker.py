"""`python -m tests.engine.doomed_worker STAGE KEY ORIGIN`: works on one image and stops half-way.

It prints the stage when it got there (`claim`: claimed and nothing more; `download`: the bytes are here,
nothing is stored) and then waits to be killed. The environment says where the engine is.
"""

import sys
import time
from functools import partial
from typing import Any

import boto3

from imagecache.clock import now
from imagecache.model.image import Fetched, ImageMessage, OriginName
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.beeper.images import AssetsServe
from imagecache.sources.transport import punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.wiring import Wiring
from tests.settings import config_with


class StopsAt:
    """The origin, for a worker that gets no further than its stage."""

    def __init__(self, stage: str, origin: AssetsServe) -> None:
        self._stage = stage
        self._origin = origin

    def fetch(self, source: MediaLocation) -> Fetched:
        if self._stage == "download":
            self._origin.fetch(source)
        print(self._stage, flush=True)  # noqa: T201 - what the caller waits for
        time.sleep(60)
        raise AssertionError("nobody killed me")


def cacher_on(access: dict[str, Any], origin: str, *, stage: str | None = None) -> ImageCacher:
    """Returns a worker with a lease of 3 s whose AWS clients get `access`; it is whole without `stage`."""
    serve = AssetsServe(base_url=origin, token="t", session=punctual_session())
    wiring = Wiring(
        config_with(claim_lease_seconds=3), make_client=partial(boto3.client, **access), clock=now
    )
    media = {OriginName.BEEPER: StopsAt(stage, serve) if stage else serve}
    return wiring.image_cacher(wiring.image_fetcher(ImageSources(media=media, web=GuardedWeb())))


def main() -> None:
    stage, key, origin = sys.argv[1:]
    cacher_on({}, origin, stage=stage).cache(ImageMessage(key, f"mxc://{key}", now()))


if __name__ == "__main__":
    main()
