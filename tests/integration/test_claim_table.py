"""What becomes of a claimed image that was refreshed, forgotten, undecodable or asked about."""

import io
from dataclasses import replace

import pytest
import requests
from PIL import Image

from imagecache.clock import HOUR
from imagecache.errors import ImageFailedError, OriginBusyError, OriginDownError, OriginFaultyError
from imagecache.identity import MediaSource, WebSource
from imagecache.model import Attempt, Blob, FailureReason, Fetched, ImageRequest, ImageStatus, OriginName
from imagecache.retries import NEVER
from imagecache.sources.beeper_images import AssetsServe, MediaServer
from imagecache.stores.claims import Answer, Claim, LeaseLostError
from imagecache.usecases.cache_image import ImageCacher
from imagecache.usecases.fetch_image import ImageSources
from local.demo.service import DemoAccount
from tests.integration.conftest import NOW, Stack

KEY = "beeper.com/ada"
REQUEST = ImageRequest(KEY, f"mxc://{KEY}", NOW)
BLOB = Blob("b10b", "image/png", 10, 64, 64, "hash", "#102030")


def png(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(out, "PNG")
    return out.getvalue()


class Answers:
    """An origin that gives its answers in turn, the last one for ever."""

    def __init__(self, *answers: bytes | Fetched | Exception) -> None:
        self._answers = list(answers)
        self.asked = 0

    def fetch(self, _source: MediaSource | WebSource) -> Fetched:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Fetched) else Fetched(answer)


def cacher(stack: Stack, *, web: Answers | None = None, **media: Answers) -> ImageCacher:
    sources = ImageSources(
        media={OriginName(name): origin for name, origin in media.items()},
        web=web or Answers(),  # type: ignore[arg-type] # what is used of it
    )
    return ImageCacher(
        claims=stack.claims,
        fetcher=stack.fetcher(sources),
        blobs=stack.blobs,
        queue=stack.queue,
        salt=stack.state.salt,
        lease_seconds=90,
        clock=stack.clock,
    )


def claim(stack: Stack) -> Claim:
    return stack.claims.claim(REQUEST, now=stack.now, lease_seconds=90, nonce="mine")


def test_a_refresh_downloads_once_however_often_it_is_delivered(stack: Stack) -> None:
    origin = Answers(png("red"), png("blue"))
    at_work = cacher(stack, beeper=origin)
    assert at_work.cache(REQUEST).result == "cached"
    before = stack.row(KEY)["blobId"]
    stack.now += HOUR
    assert stack.images.request_refresh(KEY, now=stack.now)
    stack.now += 5
    assert [at_work.cache(REQUEST).result for _ in range(3)] == ["cached", "deduplicated", "deduplicated"]
    assert (origin.asked, stack.row(KEY)["blobId"] != before) == (2, True)


def test_while_it_is_refreshed_the_old_image_is_shown(stack: Stack) -> None:
    stack.claims.commit(claim(stack), BLOB, now=NOW)
    stack.images.request_refresh(KEY, now=NOW + 1)
    assert claim(stack).is_refresh
    assert stack.images.views([KEY])[KEY].status is ImageStatus.CACHED


@pytest.mark.parametrize("answer", [ImageFailedError(FailureReason.GONE), b"\x89PNG\r\n\x1a\n broken"])
def test_a_refresh_that_fails_leaves_the_last_good_image_and_is_over(
    stack: Stack, answer: bytes | Exception
) -> None:
    origin = Answers(png("red"), answer)
    at_work = cacher(stack, beeper=origin)
    at_work.cache(REQUEST)
    good = stack.images.views([KEY])
    stack.images.request_refresh(KEY, now=NOW + 1)
    stack.now += HOUR
    assert [at_work.cache(REQUEST).result for _ in range(2)] == ["failed", "deduplicated"]
    row = stack.row(KEY)
    assert (row["status"], stack.images.views([KEY]), origin.asked) == ("cached", good, 2)
    assert {"reason", "nextAttemptAt", "refreshRequestedAt", "lease"}.isdisjoint(row)


def test_what_was_forgotten_is_not_brought_back_by_work_in_flight(stack: Stack) -> None:
    in_flight = claim(stack)
    stack.images.forget(KEY)
    with pytest.raises(LeaseLostError):
        stack.claims.commit(in_flight, BLOB, now=NOW)
    with pytest.raises(LeaseLostError):
        stack.claims.release(in_flight)
    assert claim(stack).answer is Answer.DONE
    assert set(stack.row(KEY)) == {"imageKey", "status", "sourceUrl"}


def test_an_explicit_refresh_lifts_forgetting(stack: Stack) -> None:
    claim(stack)
    stack.images.forget(KEY)
    assert stack.images.request_refresh(KEY, now=NOW)
    assert claim(stack).answer is Answer.WON


def test_nothing_is_refreshed_that_is_not_known(stack: Stack) -> None:
    assert not stack.images.request_refresh(KEY, now=NOW)
    assert stack.row(KEY) == {}


def test_bytes_that_fail_to_decode_twice_hours_apart_are_given_up(stack: Stack) -> None:
    broken = b"\x89PNG\r\n\x1a\n broken, and longer than nothing"
    at_work = cacher(stack, beeper=Answers(broken))
    assert at_work.cache(REQUEST).reason is FailureReason.UNDECODABLE
    due = int(stack.row(KEY)["nextAttemptAt"])
    assert NOW + 6 * HOUR <= due < NEVER
    stack.now = due
    assert at_work.cache(REQUEST).reason is FailureReason.UNDECODABLE
    assert int(stack.row(KEY)["nextAttemptAt"]) == NEVER


def test_other_broken_bytes_are_another_beginning(stack: Stack) -> None:
    broken = b"\x89PNG\r\n\x1a\n broken, and longer than nothing"
    at_work = cacher(stack, beeper=Answers(broken, broken + b"!"))
    for _ in range(2):
        assert at_work.cache(REQUEST).reason is FailureReason.UNDECODABLE
        stack.now = int(stack.row(KEY)["nextAttemptAt"])
    assert stack.now < NEVER


def test_the_last_five_attempts_are_told(stack: Stack) -> None:
    at_work = cacher(
        stack,
        beeper=Answers(ImageFailedError(FailureReason.GONE, "status 404")),
        media_server=Answers(b"x" * 9),
    )
    moments = []
    for _ in range(4):
        moments.append(stack.now)
        at_work.cache(REQUEST)
        stack.now = int(stack.row(KEY)["nextAttemptAt"])
        if stack.now == NEVER:
            break
    told = stack.images.history(KEY)
    assert told[:2] == [Attempt(NOW, "beeper", "gone: status 404"), Attempt(NOW, "media_server", "9 bytes")]
    assert len(told) <= 5


def test_no_more_than_five_attempts_are_kept(stack: Stack) -> None:
    tried = [Attempt(n, "web", "status 500" + "x" * 500) for n in range(9)]
    stack.claims.fail(claim(stack), FailureReason.GONE, now=NOW, next_attempt_at=NOW, tried=tried)
    kept = stack.images.history(KEY)
    assert [one.at for one in kept] == [4, 5, 6, 7, 8]
    assert all(len(one.answer) <= 100 for one in kept)
    assert stack.images.history("beeper.com/unknown") == []


def test_waiting_for_an_origin_counts_as_no_attempt(stack: Stack) -> None:
    origin = Answers(*[OriginDownError("offline")] * 6, png("red"))
    at_work = cacher(stack, beeper=origin)
    for number in range(6):
        assert at_work.cache(replace(REQUEST, deferrals=number)).result == "deferred"
        assert stack.row(KEY)["attempts"] == "0"
        stack.now += HOUR // 4
    assert at_work.cache(REQUEST).result == "cached"


def test_what_a_web_server_wishes_is_honoured(stack: Stack) -> None:
    url = "https://pictures.example/a.jpg"
    at_work = cacher(stack, web=Answers(OriginBusyError("status 429", retry_after=7200)))
    assert at_work.cache(ImageRequest(url, url, NOW)).reason is FailureReason.ORIGIN_DOWN
    assert int(stack.row(url)["nextAttemptAt"]) == NOW + 7_200_000


def test_three_images_that_come_too_late_end_the_questions_and_one_alone_does_not(stack: Stack) -> None:
    origin = Answers(OriginFaultyError("late"))
    at_work = cacher(stack, beeper=origin)
    for _ in range(5):
        at_work.cache(REQUEST)
    assert origin.asked == 5
    for key in ("beeper.com/bob", "beeper.com/cem", "beeper.com/dia"):
        assert at_work.cache(ImageRequest(key, f"mxc://{key}", NOW)).result == "deferred"
    assert origin.asked == 7


def test_how_a_web_server_names_a_version_is_kept_until_it_names_none(stack: Stack) -> None:
    url = "https://pictures.example/a.jpg"
    monday = Fetched(png("red"), '"v1"', "Mon, 05 Oct 2026 07:28:00 GMT")
    at_work = cacher(stack, web=Answers(monday, png("blue")))
    at_work.cache(ImageRequest(url, url, NOW))
    row = stack.row(url)
    assert (row["etag"], row["lastModified"]) == ('"v1"', "Mon, 05 Oct 2026 07:28:00 GMT")
    stack.images.request_refresh(url, now=NOW + 1)
    assert at_work.cache(ImageRequest(url, url, NOW)).result == "cached"
    assert {"etag", "lastModified"}.isdisjoint(stack.row(url))


GONE, DOWN = ImageFailedError(FailureReason.GONE), OriginDownError("offline")


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
def test_each_origin_stands_in_for_the_other_and_beepers_word_is_final(
    stack: Stack, beeper: bytes | Exception, media_server: bytes | Exception, result: str, first: str
) -> None:
    origins = {"beeper": Answers(beeper), "media_server": Answers(media_server)}
    order = origins if first == "beeper" else dict(reversed(origins.items()))
    assert cacher(stack, **order).cache(REQUEST).result == result


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
    at_work = replace(cacher(stack), fetcher=stack.fetcher(sources))
    assert at_work.cache(ImageRequest(key, f"mxc://{key}", NOW)).result == "cached"
    assert stack.images.history(key)[0].answer == "gone: status 404"
