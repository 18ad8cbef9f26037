"""Hundreds of images that are none, through everything that a queue message goes through, on the engine."""

import json
import random

import pytest

from imagecache.model.image import Fetched, ImageMessage, OriginName
from imagecache.queues.images import to_body
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_batch import cache_batch
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.hostile.malformed import bombs, damaged, disguised, largest
from tests.integration.conftest import NOW, Stack


class Media:
    def __init__(self, images: dict[str, bytes]) -> None:
        self._images = images

    def fetch(self, source: MediaLocation) -> Fetched:
        return Fetched(self._images[source.key])


@pytest.mark.filterwarnings("default")  # Pillow warns of what it repairs
def test_no_malformed_image_poisons_a_message(stack: Stack) -> None:
    contents = [*bombs(), largest(), *disguised(), *damaged(random.Random(7))]
    assert len(contents) >= 300
    images = {f"beeper.com/{number}": content for number, content in enumerate(contents)}
    cacher = ImageCacher(
        claims=stack.claims,
        fetcher=stack.fetcher(ImageSources(media={OriginName.BEEPER: Media(images)}, web=GuardedWeb())),
        blobs=stack.blobs,
        queue=stack.queue,
        salt=stack.wiring.salt,
        lease_seconds=90,
        clock=stack.clock,
    )
    results = set()
    for key in images:
        body = to_body(ImageMessage(key, f"mxc://{key}", NOW))
        [delivery] = cache_batch(
            [{"messageId": key, "body": body, "receiptHandle": "r"}],
            cacher=cacher,
            at_once=1,
            time_left=lambda: 60_000,
        )
        assert delivery.error is None, (key, delivery.error)
        assert delivery.outcome is not None
        results.add(delivery.outcome.result)
        assert key not in json.dumps({**delivery.for_log(), "messageId": ""})
    # What can be repaired is cached, what cannot has failed: nothing is left to come again.
    assert results == {"cached", "failed"}
    assert stack.messages() == []
