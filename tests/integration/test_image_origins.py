"""Images whose origins answer, fail, replace each other, or ask for a pause."""

import contextlib
from dataclasses import replace

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import HOUR
from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginClosedError,
    OriginDownError,
    OriginFaultyError,
)
from imagecache.model.image import FailureReason, Fetched, ImageMessage, OriginName, Validators
from imagecache.queues.images import ImagesQueue, from_body
from imagecache.sources.beeper.images import AssetsServe, MediaServer
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.integration.conftest import NOW, Stack
from tests.integration.test_claim_table import KEY, MESSAGE, Answers, cacher, history, png


def test_an_image_is_not_tried_again_before_its_web_server_allows_it(stack: Stack) -> None:
    url = "https://pictures.example/a.jpg"
    at_work = cacher(stack, web=Answers(OriginBusyError("status 429", retry_after=7200)))
    assert at_work.cache(ImageMessage(url, url, NOW)).reason is FailureReason.ORIGIN_DOWN
    assert int(stack.row(url)["nextAttemptAt"]) == NOW + 7_200_000


def test_three_images_that_are_too_slow_open_the_circuit_and_one_alone_does_not(stack: Stack) -> None:
    origin = Answers(OriginFaultyError("late"))
    at_work = cacher(stack, beeper=origin)
    for _ in range(5):
        at_work.cache(MESSAGE)
    assert origin.asked == 5
    for key in ("beeper.com/bob", "beeper.com/cem", "beeper.com/dia"):
        assert at_work.cache(ImageMessage(key, f"mxc://{key}", NOW)).result == "deferred"
    assert origin.asked == 7


def test_waiting_for_the_pace_spends_none_of_the_waits_that_an_outage_has(stack: Stack) -> None:
    with contextlib.suppress(OriginClosedError):
        while True:  # other workers take every slot
            stack.circuits.acquire(OriginName.MEDIA_SERVER, now=NOW)
    sent: list[str] = []

    class Caught:
        def send_message(self, *, MessageBody: str, **_: object) -> None:  # noqa: N803 - boto3's
            sent.append(MessageBody)

    queue = ImagesQueue(queue_url="images", sqs=Caught())  # type: ignore[arg-type] # what is used of it
    at_work = replace(cacher(stack, media_server=Answers(png("red"))), queue=queue)
    old = ImageMessage(KEY, f"mxc://{KEY}", NOW - 3 * HOUR, deferrals=8)
    assert at_work.cache(old).result == "deferred"
    assert [from_body(body) for body in sent] == [old]


def test_validators_are_kept_until_an_answer_has_none(stack: Stack) -> None:
    url = "https://pictures.example/a.jpg"
    monday = Fetched(png("red"), Validators('"v1"', "Mon, 05 Oct 2026 07:28:00 GMT"))
    at_work = cacher(stack, web=Answers(monday, png("blue")))
    at_work.cache(ImageMessage(url, url, NOW))
    row = stack.row(url)
    assert (row["etag"], row["lastModified"]) == ('"v1"', "Mon, 05 Oct 2026 07:28:00 GMT")
    stack.cached_images.revalidate(url, now=NOW + 1)
    assert at_work.cache(ImageMessage(url, url, NOW)).result == "cached"
    assert {"etag", "lastModified"}.isdisjoint(stack.row(url))


GONE = ImageFailedError(FailureReason.GONE)
DOWN = OriginDownError("offline")


@pytest.mark.parametrize(
    ("beeper", "media_server", "result"),
    [
        (GONE, png("red"), "cached"),
        (DOWN, png("red"), "cached"),
        (GONE, GONE, "failed"),
        (GONE, DOWN, "failed"),
        (DOWN, GONE, "deferred"),
        (DOWN, DOWN, "deferred"),
    ],
)
@pytest.mark.parametrize("first", ["beeper", "media_server"])
def test_each_origin_is_the_fallback_of_the_other_and_beepers_answer_is_final(
    stack: Stack, beeper: bytes | Exception, media_server: bytes | Exception, result: str, first: str
) -> None:
    origins = {"beeper": Answers(beeper), "media_server": Answers(media_server)}
    order = origins if first == "beeper" else dict(reversed(origins.items()))
    assert cacher(stack, **order).cache(MESSAGE).result == result


def test_an_image_the_media_server_lacks_is_served_by_beeper(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    """Against the demo account: its media server knows only what is on disk."""
    key = next(one for one in demo.account.deliverable() if one in demo.account.not_on_disk)
    sources = ImageSources(
        media={
            OriginName.MEDIA_SERVER: MediaServer(
                base_url=demo.media_url, token=demo.media_token, session=session
            ),
            OriginName.BEEPER: AssetsServe(
                base_url=demo.beeper_url, token=demo.beeper_token, session=session
            ),
        },
        web=Answers(),  # type: ignore[arg-type] # not used
    )
    assert stack.image_cacher(sources).cache(ImageMessage(key, f"mxc://{key}", NOW)).result == "cached"
    assert history(stack, key)[0].answer == "gone: status 404"
