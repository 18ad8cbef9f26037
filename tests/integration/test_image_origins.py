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
    OriginUnauthorizedError,
    OriginUnreachableError,
)
from imagecache.model.image import FailureReason, Fetched, ImageMessage, OriginName, Validators
from imagecache.queues.images import ImagesQueue, from_body
from imagecache.sources.beeper.images import AssetsServe, MediaServer
from imagecache.stores.state.circuits import Cause
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.integration.conftest import NOW, Stack
from tests.integration.test_claim_table import KEY, MESSAGE, Answers, cacher, history, png


def test_an_image_is_not_tried_again_before_its_web_server_allows_it(stack: Stack) -> None:
    url = "https://pictures.example/a.jpg"
    at_work = cacher(stack, web=Answers(OriginBusyError("status 429", retry_after=7200)))
    assert at_work.cache(ImageMessage(url, url, NOW)).reason is FailureReason.ORIGIN_DOWN
    assert int(stack.row(url)["nextAttemptAt"]) == NOW + 7_200_000


@pytest.mark.parametrize(
    ("retry_after", "least", "most"), [(86_400, 24 * HOUR, 24 * HOUR), (None, 6 * HOUR, 7.5 * HOUR)]
)
def test_a_picture_that_its_web_server_refuses_is_tried_again_hours_later_and_then_cached(
    stack: Stack, retry_after: int | None, least: int, most: float
) -> None:
    url = "https://pictures.example/a.jpg"
    refusal = ImageFailedError(FailureReason.REFUSED, "status 403", retry_after=retry_after)
    at_work = cacher(stack, web=Answers(refusal, png("blue")))
    assert at_work.cache(ImageMessage(url, url, NOW)).reason is FailureReason.REFUSED
    due = int(stack.row(url)["nextAttemptAt"])
    assert NOW + least <= due <= NOW + most
    stack.now = due
    assert at_work.cache(ImageMessage(url, url, NOW)).result == "cached"


OTHERS = [ImageMessage(key, f"mxc://{key}", NOW) for key in ("s/bob", "s/cem", "s/dia", "s/eli")]


def test_images_that_an_origin_does_not_serve_never_close_it_while_it_passes_the_check(stack: Stack) -> None:
    origin = Answers(OriginFaultyError("late"))
    at_work = cacher(stack, beeper=origin)
    assert [at_work.cache(message).result for message in (*OTHERS, *OTHERS)] == ["deferred"] * 8
    assert origin.asked == 8
    assert stack.circuits.open_circuits(now=stack.now) == []


def test_three_images_in_a_row_and_a_failed_check_close_the_origin_for_the_fourth(stack: Stack) -> None:
    origin = Answers(OriginDownError("status 200, with a web page"))
    at_work = cacher(stack, beeper=origin)
    assert [at_work.cache(message).result for message in OTHERS] == ["deferred"] * 4
    assert origin.asked == 3
    [circuit] = stack.circuits.open_circuits(now=stack.now)
    assert (circuit.cause, circuit.answer) == (Cause.OUTAGE, "status 200, with a web page")


@pytest.mark.parametrize(
    ("check", "asked"),
    [
        (OriginUnreachableError("no connection"), 1),
        (OriginBusyError("status 429"), 1),
        (OriginDownError("status 503"), 3),
        (OriginUnauthorizedError("status 302: the tunnel asks for a login"), 3),
    ],
)
def test_a_failed_check_closes_the_origin_at_once_only_if_it_shows_that_nothing_is_served(
    stack: Stack, check: OriginDownError, asked: int
) -> None:
    origin = Answers(OriginFaultyError("late"))
    origin.check = lambda: _raise(check)  # type: ignore[method-assign] # a check with another outcome
    at_work = cacher(stack, beeper=origin)
    assert [at_work.cache(message).result for message in OTHERS] == ["deferred"] * 4
    assert origin.asked == asked


def _raise(error: Exception) -> None:
    raise error


class Working(Answers):
    """An origin that passes every check, whatever it answers for images."""

    def check(self) -> None:
        return


LOGIN = OriginUnauthorizedError("status 302: the tunnel asks for a login")
REFUSED = OriginUnauthorizedError("status 401")


@pytest.mark.parametrize("refusal", [REFUSED, LOGIN, OriginBusyError("status 429", retry_after=600)])
def test_images_that_are_refused_never_close_an_origin_that_passes_the_check(
    stack: Stack, refusal: OriginDownError
) -> None:
    origin = Working(refusal)
    at_work = cacher(stack, beeper=origin)
    assert [at_work.cache(message).result for message in (*OTHERS, *OTHERS)] == ["deferred"] * 8
    assert origin.asked == 8
    assert stack.circuits.open_circuits(now=stack.now) == []


def test_an_image_alone_waits_as_long_as_its_origin_asks(stack: Stack) -> None:
    sqs = CaughtMessages()
    queue = ImagesQueue(queue_url="images", sqs=sqs)  # type: ignore[arg-type] # what is used of it
    origin = Working(OriginBusyError("status 429", retry_after=600), png("red"))
    at_work = replace(cacher(stack, beeper=origin), queue=queue)
    assert [at_work.cache(message).result for message in OTHERS[:2]] == ["deferred", "cached"]
    [(_, delay)] = sqs.sent
    assert 600 <= delay <= 750


@pytest.mark.parametrize(
    ("answer", "check", "cause"),
    [
        (REFUSED, REFUSED, Cause.UNAUTHORIZED),
        (LOGIN, LOGIN, Cause.UNAUTHORIZED),
        (OriginBusyError("status 429"), OriginBusyError("status 429"), Cause.BUSY),
    ],
)
def test_a_refusal_that_the_check_meets_too_closes_the_origin_at_once(
    stack: Stack, answer: OriginDownError, check: OriginDownError, cause: Cause
) -> None:
    origin = Working(answer)
    # `/v1/info` needs no token, so only the check of the token shows that this is refused.
    refused_check = "check_token" if cause is Cause.UNAUTHORIZED else "check"
    setattr(origin, refused_check, lambda: _raise(check))
    at_work = cacher(stack, beeper=origin)
    assert [at_work.cache(message).result for message in OTHERS] == ["deferred"] * 4
    assert origin.asked == 1
    assert [circuit.cause for circuit in stack.circuits.open_circuits(now=stack.now)] == [cause]


def test_a_bad_image_that_is_the_probe_opens_the_circuit_for_all_others(stack: Stack) -> None:
    stack.circuits.open(OriginName.BEEPER, Cause.OUTAGE, now=NOW)
    stack.now += 60_000
    at_work = cacher(stack, beeper=Answers(OriginFaultyError("a body too short for an image"), png("red")))
    assert [at_work.cache(message).result for message in OTHERS[:2]] == ["deferred", "cached"]


@pytest.mark.parametrize("check", [REFUSED, LOGIN])
def test_a_probe_whose_check_meets_a_login_does_not_open_the_circuit_for_longer(
    stack: Stack, check: OriginDownError
) -> None:
    """Only the check is refused, and one bad image must not keep the others waiting."""
    stack.circuits.open(OriginName.BEEPER, Cause.OUTAGE, now=NOW)
    stack.now += 60_000
    origin = Working(OriginFaultyError("a body too short for an image"), png("red"))
    origin.check = lambda: _raise(check)  # type: ignore[method-assign] # a tunnel that lets only images through
    at_work = cacher(stack, beeper=origin)
    assert at_work.cache(OTHERS[0]).result == "deferred"
    stack.now += 30_000
    assert at_work.cache(OTHERS[1]).result == "cached"
    assert stack.circuits.open_circuits(now=stack.now) == []


def test_three_probes_whose_checks_meet_a_login_open_the_circuit_for_longer(stack: Stack) -> None:
    stack.circuits.open(OriginName.BEEPER, Cause.OUTAGE, now=NOW)
    stack.now += 60_000
    origin = Working(OriginFaultyError("status 503"))
    origin.check = lambda: _raise(LOGIN)  # type: ignore[method-assign] # all that the tunnel answers
    at_work = cacher(stack, beeper=origin)
    for message in OTHERS[:3]:
        at_work.cache(message)
        stack.now += 30_000
    [circuit] = stack.circuits.open_circuits(now=stack.now)
    assert circuit.until - stack.now == 90_000


def test_an_image_that_is_not_served_is_tried_once_more_with_more_time_and_then_fails(stack: Stack) -> None:
    origin = Answers(OriginFaultyError("late"))
    sqs = CaughtMessages()
    queue = ImagesQueue(queue_url="images", sqs=sqs)  # type: ignore[arg-type] # what is used of it
    at_work = replace(cacher(stack, beeper=origin), queue=queue)
    assert at_work.cache(MESSAGE).result == "deferred"
    [(again, delay)] = sqs.sent
    assert again == replace(MESSAGE, deferrals=1)
    assert 60 <= delay <= 75
    assert (origin.asked, origin.first_attempts) == (1, 1)
    stack.now += delay * 1000
    assert at_work.cache(again).reason is FailureReason.NOT_SERVED
    assert (origin.asked, origin.first_attempts) == (2, 1)
    due = int(stack.row(KEY)["nextAttemptAt"])
    assert stack.now + HOUR // 6 <= due <= stack.now + HOUR // 4
    stack.now = due
    at_work.cache(replace(MESSAGE, queued_at=due))
    assert (origin.asked, origin.first_attempts) == (3, 1)


class CaughtMessages:
    """The part of SQS that sends messages: each message with its delay (s)."""

    def __init__(self) -> None:
        self.sent: list[tuple[ImageMessage, int]] = []

    def send_message(self, *, MessageBody: str, DelaySeconds: int, **_: object) -> None:  # noqa: N803 - boto3's
        self.sent.append((from_body(MessageBody), DelaySeconds))


def test_waiting_for_the_pace_spends_none_of_the_waits_that_an_outage_has(stack: Stack) -> None:
    with contextlib.suppress(OriginClosedError):
        while True:  # other workers take every slot
            stack.circuits.acquire(OriginName.MEDIA_SERVER, now=NOW)
    sqs = CaughtMessages()
    queue = ImagesQueue(queue_url="images", sqs=sqs)  # type: ignore[arg-type] # what is used of it
    at_work = replace(cacher(stack, media_server=Answers(png("red"))), queue=queue)
    old = ImageMessage(KEY, f"mxc://{KEY}", NOW - 3 * HOUR, deferrals=8)
    assert at_work.cache(old).result == "deferred"
    assert [message for message, _ in sqs.sent] == [old]


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
DOWN = OriginUnreachableError("offline")
BAD = OriginFaultyError("late")


@pytest.mark.parametrize(
    ("beeper", "media_server", "result"),
    [
        (GONE, png("red"), "cached"),
        (DOWN, png("red"), "cached"),
        (GONE, GONE, "failed"),
        (GONE, DOWN, "failed"),
        (DOWN, GONE, "deferred"),
        (DOWN, DOWN, "deferred"),
        (BAD, png("red"), "cached"),
        (BAD, GONE, "deferred"),
        (DOWN, BAD, "deferred"),
        (GONE, BAD, "failed"),
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
