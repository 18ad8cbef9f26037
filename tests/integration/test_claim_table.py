"""Claimed images that are refreshed, forgotten, undecodable or waiting for their origin."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from imagecache.clock import HOUR
from imagecache.errors import ImageFailedError, LeaseLostError, OriginDownError, OriginFaultyError
from imagecache.model.image import (
    NO_VALIDATORS,
    Blob,
    Failure,
    FailureReason,
    Fetched,
    ImageMessage,
    ImageStatus,
    OriginAnswer,
    OriginName,
    Validators,
)
from imagecache.rules.retries import NEVER
from imagecache.rules.source_urls import MediaLocation, WebLocation
from imagecache.stores.images.claims import Claim, Settled, SettledReason, Won
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from tests.integration.conftest import NOW, Stack

KEY = "beeper.com/ada"
MESSAGE = ImageMessage(KEY, f"mxc://{KEY}", NOW)
BLOB = Blob("b10b", "image/png", 10, 64, 64, "hash", "#102030")


def png(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(out, "PNG")
    return out.getvalue()


class Answers:
    """An origin that gives its answers in turn, and then the last one again and again.

    It passes a check, unless its last answer was that it is down.
    """

    def __init__(self, *answers: bytes | Fetched | Exception) -> None:
        self._answers = list(answers)
        self._last: bytes | Fetched | Exception | None = None
        self.asked = 0
        self.first_attempts = 0

    def check(self) -> None:
        if isinstance(self._last, OriginDownError) and not isinstance(self._last, OriginFaultyError):
            raise self._last

    def check_token(self) -> None:
        self.check()

    def fetch(
        self,
        _location: MediaLocation | WebLocation,
        _cached: Validators = NO_VALIDATORS,
        *,
        is_first_attempt: bool = False,
    ) -> Fetched:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self._last = answer
        self.asked += 1
        self.first_attempts += is_first_attempt
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Fetched) else Fetched(answer)


def cacher(stack: Stack, *, web: Answers | None = None, **media: Answers) -> ImageCacher:
    sources = ImageSources(
        media={OriginName(name): origin for name, origin in media.items()},
        web=web or Answers(),  # type: ignore[arg-type] # what is used of it
    )
    return stack.image_cacher(sources)


def claim(stack: Stack) -> Claim:
    return stack.claims.claim(MESSAGE, now=stack.now, lease_seconds=90, nonce="mine")


def won(stack: Stack) -> Won:
    return stack.won(MESSAGE, nonce="mine")


def test_a_refresh_downloads_once_however_often_it_is_delivered(stack: Stack) -> None:
    origin = Answers(png("red"), png("blue"))
    at_work = cacher(stack, beeper=origin)
    assert at_work.cache(MESSAGE).result == "cached"
    before = stack.row(KEY)["blobId"]
    stack.now += HOUR
    assert stack.cached_images.request_refresh(KEY, now=stack.now)
    stack.now += 5
    assert [at_work.cache(MESSAGE).result for _ in range(3)] == ["cached", "deduplicated", "deduplicated"]
    assert (origin.asked, stack.row(KEY)["blobId"] != before) == (2, True)


def test_while_it_is_refreshed_the_old_image_is_shown(stack: Stack) -> None:
    stack.claims.commit(won(stack), BLOB, now=NOW)
    stack.cached_images.request_refresh(KEY, now=NOW + 1)
    assert won(stack).is_refresh
    assert stack.cached_images.views([KEY])[KEY].status is ImageStatus.CACHED


@pytest.mark.parametrize("answer", [ImageFailedError(FailureReason.GONE), b"\x89PNG\r\n\x1a\n broken"])
def test_a_refresh_that_fails_leaves_the_last_good_image_and_is_not_retried(
    stack: Stack, answer: bytes | Exception
) -> None:
    origin = Answers(png("red"), answer)
    at_work = cacher(stack, beeper=origin)
    at_work.cache(MESSAGE)
    good = stack.cached_images.views([KEY])
    stack.cached_images.request_refresh(KEY, now=NOW + 1)
    stack.now += HOUR
    assert [at_work.cache(MESSAGE).result for _ in range(2)] == ["failed", "deduplicated"]
    row = stack.row(KEY)
    assert (row["status"], stack.cached_images.views([KEY]), origin.asked) == ("cached", good, 2)
    assert row["checkedAt"] == str(stack.now)
    assert {"reason", "nextAttemptAt", "refreshRequestedAt", "lease"}.isdisjoint(row)


def test_a_worker_in_progress_cannot_commit_a_forgotten_image(stack: Stack) -> None:
    in_flight = won(stack)
    stack.cached_images.forget(KEY)
    with pytest.raises(LeaseLostError):
        stack.claims.commit(in_flight, BLOB, now=NOW)
    with pytest.raises(LeaseLostError):
        stack.claims.release(in_flight)
    assert claim(stack) == Settled(SettledReason.FORGOTTEN)
    assert set(stack.row(KEY)) == {"imageKey", "status", "sourceUrl"}


def test_of_a_forgotten_image_only_key_url_and_status_are_kept(stack: Stack) -> None:
    stack.claims.commit(won(stack), BLOB, now=NOW)
    stack.cached_images.forget(KEY)
    assert set(stack.row(KEY)) == {"imageKey", "status", "sourceUrl"}


def test_a_refresh_of_a_forgotten_image_makes_it_claimable(stack: Stack) -> None:
    claim(stack)
    stack.cached_images.forget(KEY)
    assert stack.cached_images.request_refresh(KEY, now=NOW)
    assert isinstance(claim(stack), Won)


def test_an_image_without_a_row_is_not_refreshed(stack: Stack) -> None:
    assert not stack.cached_images.request_refresh(KEY, now=NOW)
    assert stack.row(KEY) == {}


def test_bytes_that_fail_to_decode_twice_hours_apart_are_given_up(stack: Stack) -> None:
    broken = b"\x89PNG\r\n\x1a\n broken, and longer than nothing"
    at_work = cacher(stack, beeper=Answers(broken))
    assert at_work.cache(MESSAGE).reason is FailureReason.UNDECODABLE
    due = int(stack.row(KEY)["nextAttemptAt"])
    assert NOW + 6 * HOUR <= due < NEVER
    stack.now = due
    assert at_work.cache(MESSAGE).reason is FailureReason.UNDECODABLE
    assert int(stack.row(KEY)["nextAttemptAt"]) == NEVER


def test_other_broken_bytes_are_tried_again(stack: Stack) -> None:
    broken = b"\x89PNG\r\n\x1a\n broken, and longer than nothing"
    at_work = cacher(stack, beeper=Answers(broken, broken + b"!"))
    for _ in range(2):
        assert at_work.cache(MESSAGE).reason is FailureReason.UNDECODABLE
        stack.now = int(stack.row(KEY)["nextAttemptAt"])
    assert stack.now < NEVER


def test_the_history_has_the_answer_of_each_origin_that_was_asked(stack: Stack) -> None:
    at_work = cacher(
        stack,
        beeper=Answers(ImageFailedError(FailureReason.GONE, "status 404")),
        media_server=Answers(b"x" * 9),
    )
    at_work.cache(MESSAGE)
    assert history(stack, KEY) == (
        OriginAnswer(NOW, "beeper", "gone: status 404"),
        OriginAnswer(NOW, "media_server", "9 bytes"),
    )


def history(stack: Stack, key: str) -> tuple[OriginAnswer, ...]:
    record = stack.cached_images.record(key)
    assert record is not None
    return record.history


def test_no_more_than_five_answers_are_kept_and_none_is_long(stack: Stack) -> None:
    answers = [OriginAnswer(n, "web", "status 500" + "x" * 500) for n in range(9)]
    stack.claims.fail(won(stack), Failure(FailureReason.GONE, NOW, NOW), answers=answers)
    kept = history(stack, KEY)
    assert [answer.at for answer in kept] == [4, 5, 6, 7, 8]
    assert all(len(answer.answer) <= 100 for answer in kept)


def test_deferrals_do_not_count_as_attempts(stack: Stack) -> None:
    origin = Answers(*[OriginDownError("offline")] * 6, png("red"))
    at_work = cacher(stack, beeper=origin)
    for number in range(6):
        assert at_work.cache(replace(MESSAGE, deferrals=number)).result == "deferred"
        assert stack.row(KEY)["attempts"] == "0"
        stack.now += HOUR // 4
    assert at_work.cache(MESSAGE).result == "cached"
