"""Hundreds of malformed images, through everything that a queue message goes through, on the engine."""

import json
import random

import pytest

from imagecache.model.image import Fetched, ImageMessage, OriginName
from imagecache.queues.images import to_body
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.cache_image import Result
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.hostile.malformed import bombs, damaged, disguised, largest
from tests.integration.conftest import NOW, Stack


class Media:
    """An origin that has these images."""

    def __init__(self, images: dict[str, bytes]) -> None:
        self._images = images

    def check(self) -> None:
        """Works."""

    def check_token(self) -> None:
        """Works."""

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool) -> Fetched:  # noqa: ARG002 - the interface's
        return Fetched(self._images[location.key])


@pytest.mark.filterwarnings("default")  # Pillow warns of what it repairs
def test_no_malformed_image_poisons_a_message(stack: Stack) -> None:
    contents = [*bombs(), largest(), *disguised(), *damaged(random.Random(7))]
    assert len(contents) >= 300
    images = {f"beeper.com/{number}": content for number, content in enumerate(contents)}
    sources = ImageSources(media={OriginName.BEEPER: Media(images)}, web=GuardedWeb())
    batch_cacher = stack.batch_cacher(stack.image_cacher(sources))
    results = set()
    for key in images:
        body = to_body(ImageMessage(key, f"mxc://{key}", NOW))
        record = {"messageId": key, "body": body, "receiptHandle": "r"}
        [delivery] = batch_cacher.cache([record], remaining_ms=lambda: 60_000)
        assert delivery.error is None, (key, delivery.error)
        assert delivery.outcome is not None
        results.add(delivery.outcome.result)
        assert key not in json.dumps({**delivery.for_log(), "messageId": ""})
    # Whatever can be repaired is cached, and everything else has failed. No message is left.
    assert results == {Result.CACHED, Result.FAILED}
    assert stack.messages() == []
