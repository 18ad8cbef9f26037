"""What becomes of a claimed image that was refreshed, forgotten, undecodable or asked about."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from imagecache.clock import HOUR
from imagecache.errors import ImageFailedError, LeaseLostError, OriginDownError
from imagecache.model.image import (
    NO_VALIDATORS,
    Attempt,
    Blob,
    FailureReason,
    Fetched,
    ImageMessage,
    ImageStatus,
    OriginName,
    Validators,
)
from imagecache.rules.retries import NEVER
from imagecache.rules.source_urls import MediaLocation, WebLocation
from imagecache.stores.images.claims import Answer, Claim
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.integration.conftest import NOW, Stack

KEY = "beeper.com/ada"
REQUEST = ImageMessage(KEY, f"mxc://{KEY}", NOW)
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

    def fetch(self, _source: MediaLocation | WebLocation, _known: Validators = NO_VALIDATORS) -> Fetched:
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
        salt=stack.wiring.salt,
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
    assert stack.cached_images.request_refresh(KEY, now=stack.now)
    stack.now += 5
    assert [at_work.cache(REQUEST).result for _ in range(3)] == ["cached", "deduplicated", "deduplicated"]
    assert (origin.asked, stack.row(KEY)["blobId"] != before) == (2, True)


def test_while_it_is_refreshed_the_old_image_is_shown(stack: Stack) -> None:
    stack.claims.commit(claim(stack), BLOB, now=NOW)
    stack.cached_images.request_refresh(KEY, now=NOW + 1)
    assert claim(stack).is_refresh
    assert stack.cached_images.views([KEY])[KEY].status is ImageStatus.CACHED


@pytest.mark.parametrize("answer", [ImageFailedError(FailureReason.GONE), b"\x89PNG\r\n\x1a\n broken"])
def test_a_refresh_that_fails_leaves_the_last_good_image_and_is_over(
    stack: Stack, answer: bytes | Exception
) -> None:
    origin = Answers(png("red"), answer)
    at_work = cacher(stack, beeper=origin)
    at_work.cache(REQUEST)
    good = stack.cached_images.views([KEY])
    stack.cached_images.request_refresh(KEY, now=NOW + 1)
    stack.now += HOUR
    assert [at_work.cache(REQUEST).result for _ in range(2)] == ["failed", "deduplicated"]
    row = stack.row(KEY)
    assert (row["status"], stack.cached_images.views([KEY]), origin.asked) == ("cached", good, 2)
    assert row["checkedAt"] == str(stack.now)
    assert {"reason", "nextAttemptAt", "refreshRequestedAt", "lease"}.isdisjoint(row)


def test_what_was_forgotten_is_not_brought_back_by_work_in_flight(stack: Stack) -> None:
    in_flight = claim(stack)
    stack.cached_images.forget(KEY)
    with pytest.raises(LeaseLostError):
        stack.claims.commit(in_flight, BLOB, now=NOW)
    with pytest.raises(LeaseLostError):
        stack.claims.release(in_flight)
    assert claim(stack).answer is Answer.DONE
    assert set(stack.row(KEY)) == {"imageKey", "status", "sourceUrl"}


def test_of_what_was_forgotten_nothing_is_kept_but_its_name(stack: Stack) -> None:
    stack.claims.commit(claim(stack), BLOB, now=NOW)
    stack.cached_images.forget(KEY)
    assert set(stack.row(KEY)) == {"imageKey", "status", "sourceUrl"}


def test_an_explicit_refresh_lifts_forgetting(stack: Stack) -> None:
    claim(stack)
    stack.cached_images.forget(KEY)
    assert stack.cached_images.request_refresh(KEY, now=NOW)
    assert claim(stack).answer is Answer.WON


def test_nothing_is_refreshed_that_is_not_known(stack: Stack) -> None:
    assert not stack.cached_images.request_refresh(KEY, now=NOW)
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
    told = list(history(stack, KEY))
    assert told[:2] == [Attempt(NOW, "beeper", "gone: status 404"), Attempt(NOW, "media_server", "9 bytes")]
    assert len(told) <= 5


def history(stack: Stack, key: str) -> tuple[Attempt, ...]:
    facts = stack.catalogue.facts(key)
    assert facts is not None
    return facts.history


def test_no_more_than_five_attempts_are_kept(stack: Stack) -> None:
    tried = [Attempt(n, "web", "status 500" + "x" * 500) for n in range(9)]
    stack.claims.fail(claim(stack), FailureReason.GONE, now=NOW, next_attempt_at=NOW, tried=tried)
    kept = history(stack, KEY)
    assert [one.at for one in kept] == [4, 5, 6, 7, 8]
    assert all(len(one.answer) <= 100 for one in kept)


def test_waiting_for_an_origin_counts_as_no_attempt(stack: Stack) -> None:
    origin = Answers(*[OriginDownError("offline")] * 6, png("red"))
    at_work = cacher(stack, beeper=origin)
    for number in range(6):
        assert at_work.cache(replace(REQUEST, deferrals=number)).result == "deferred"
        assert stack.row(KEY)["attempts"] == "0"
        stack.now += HOUR // 4
    assert at_work.cache(REQUEST).result == "cached"
