"""`python -m tests.engine.doomed_worker STAGE KEY ORIGIN`: works on one image and stops half-way.

It prints the stage when it got there (`claim`: claimed and nothing more; `download`: the bytes are here,
nothing is stored) and then waits to be killed. The environment says where the engine is.
"""

import sys
import time
from functools import partial
from typing import Any

import boto3

from imagecache.clock import Clock, now
from imagecache.model.image import Fetched, ImageMessage, OriginName
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.beeper.images import AssetsServe
from imagecache.sources.transport import punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.wiring import Wiring
from tests.settings import config_with

LEASE_SECONDS = 60


class StopsAt:
    """An origin at which a worker stops: it prints its stage and waits to be killed."""

    def __init__(self, stage: str, origin: AssetsServe) -> None:
        self._stage = stage
        self._origin = origin

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool) -> Fetched:
        if self._stage == "download":
            self._origin.fetch(location, is_first_attempt=is_first_attempt)
        print(self._stage, flush=True)  # noqa: T201 - the test reads it
        time.sleep(600)
        raise AssertionError("the test did not kill this process")

    def check(self) -> None:
        """Works."""

    def check_token(self) -> None:
        """Works."""


def cacher_on(
    access: dict[str, Any], origin: str, *, stage: str | None = None, clock: Clock = now
) -> ImageCacher:
    """Returns a worker whose AWS clients get `access`. With a `stage`, it stops there."""
    serve = AssetsServe(base_url=origin, token="t", session=punctual_session())
    config = config_with(claim_lease_seconds=LEASE_SECONDS)
    wiring = Wiring(config, make_client=partial(boto3.client, **access), clock=clock)
    media = {OriginName.BEEPER: StopsAt(stage, serve) if stage else serve}
    return wiring.image_cacher(ImageSources(media=media, web=GuardedWeb()))


def main() -> None:
    stage, key, origin = sys.argv[1:]
    cacher_on({}, origin, stage=stage).cache(ImageMessage(key, f"mxc://{key}", now()))


if __name__ == "__main__":
    main()
