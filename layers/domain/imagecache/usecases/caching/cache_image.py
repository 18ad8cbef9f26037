"""Caches the image of one queue message: claim, fetch, store, commit.

The image is downloaded once, however often the message is delivered.
"""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from imagecache.clock import Clock
from imagecache.errors import ClaimHeldError, ImageFailedError, LeaseLostError, RejectedSourceError
from imagecache.imaging.pictures import render
from imagecache.model.image import FailureReason, Fetched, ImageMessage, OriginAnswer, Unchanged
from imagecache.queues.images import ImagesQueue
from imagecache.rules.retries import deferral, may_wait, next_failure
from imagecache.rules.source_urls import ImageLocation, parse_source_url
from imagecache.stores.blobs import Blobs
from imagecache.stores.images.claims import Held, ImageClaims, Settled, Won
from imagecache.usecases.caching.fetch_image import FetchFailed, FetchReport, ImageFetcher, OriginClosed

MAX_SHARED_ATTEMPTS = 2
"""After this number of attempts without a recorded outcome an image is suspected of killing its workers.

Another image in the same process may have killed them. So the suspected image gets one more attempt, alone.
If that has no outcome either, the image fails as CRASHED. An image that has failed so before is suspected at
its first attempt.
"""

Answers = tuple[OriginAnswer, ...]
"""The answers of the origins that were asked, for the history of the image."""


class Result(StrEnum):
    """The ways in which the work on a message can end. After each but SUSPECTED the message is done with."""

    CACHED = "cached"
    UNCHANGED = "unchanged"  # a refresh, and the origin has no other version
    DEDUPLICATED = "deduplicated"  # nothing was to be done
    SUSPECTED = "suspected"  # nothing was done: it may only be worked on alone
    DEFERRED = "deferred"  # sent again, because its origin may not be asked now
    NOT_BEGUN = "not_begun"  # sent again: the invocation is about to end, or works on another suspected image
    LOST = "lost"  # another worker took the image over, or it was forgotten
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the work on a message, for the log. `bytes` is the size of an original that was cached."""

    result: Result
    reason: FailureReason | None = None
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Download:
    """A claimed image whose bytes were fetched and are not stored yet."""

    claim: Won
    fetched: Fetched
    answers: Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCacher:
    """Caches images. `nonce` returns a random text for a lease."""

    claims: ImageClaims
    fetcher: ImageFetcher
    blobs: Blobs
    queue: ImagesQueue
    lease_seconds: int
    clock: Clock
    nonce: Callable[[], str] = secrets.token_hex

    def cache(self, message: ImageMessage, *, alone: bool = False) -> Outcome:
        """Caches the image of a message, or records why it could not be cached: `fetch`, then `store`."""
        download = self.fetch(message, alone=alone)
        return download if isinstance(download, Outcome) else self.store(download)

    def fetch(self, message: ImageMessage, *, alone: bool = False) -> Download | Outcome:
        """Claims and fetches the image of a message. Returns an outcome if there is nothing to store.

        The caller must pass a Download on to `store` at once, because the lease of its claim ends. `alone`
        means that this process works on no other image until that is done. Otherwise a suspected image is
        not worked on: the outcome is SUSPECTED, and the caller must call again with `alone`. Raises
        ClaimHeldError if another worker has the image: then the message must be delivered again, because that
        worker may die.
        """
        location = _location(message.source_url)
        now = self.clock()
        # In an outage a message that waits costs no write to the table, because it is deferred before the
        # claim.
        closed_until = self.fetcher.closed_until(location) if location and message.deferrals else 0
        if closed_until and may_wait(message, failures=0, now=now):
            return self._defer(message, closed_until)
        claim = self.claims.claim(message, now=now, lease_seconds=self.lease_seconds, nonce=self.nonce())
        match claim:
            case Held():
                raise ClaimHeldError(claim.until)
            case Settled():
                return Outcome(Result.DEDUPLICATED)
            case Won():
                try:
                    if _is_suspected(claim) and not alone:
                        self.claims.release(claim)
                        return Outcome(Result.SUSPECTED)
                    return self._download(claim, message, location)
                except LeaseLostError:
                    return Outcome(Result.LOST)

    def store(self, download: Download) -> Outcome:
        """Stores the objects of an image and then its row, so that every row names blobs that exist."""
        try:
            return self._store(download.claim, download.fetched, download.answers)
        except LeaseLostError:
            return Outcome(Result.LOST)

    def _download(
        self, claim: Won, message: ImageMessage, location: ImageLocation | None
    ) -> Download | Outcome:
        """Fetches the image, or records why not. Raises LeaseLostError."""
        report = self._fetch(claim, message, location)
        match report.outcome:
            case Fetched() as fetched:
                return Download(claim, fetched, report.answers)
            case Unchanged(validators):
                self.claims.unchanged(claim, validators, now=self.clock(), answers=report.answers)
                return Outcome(Result.UNCHANGED)
            case FetchFailed(FailureReason.NOT_SERVED, not_before) if _is_first_attempt(claim, message):
                self.claims.release(claim, answers=report.answers)
                return self._defer(message, not_before)
            case FetchFailed(reason, not_before):
                return self._fail(claim, reason, report.answers, not_before=not_before)
            case OriginClosed() as closed:
                return self._wait(claim, message, closed, report.answers)

    def _fetch(self, claim: Won, message: ImageMessage, location: ImageLocation | None) -> FetchReport:
        """Fetches the image, unless its workers keep dying or its URL is one that is never fetched."""
        if _has_crashed(claim):
            return FetchReport(FetchFailed(FailureReason.CRASHED))
        if location is None:
            return FetchReport(FetchFailed(FailureReason.REFUSED))
        return self.fetcher.fetch(
            location, claim.validators, is_first_attempt=_is_first_attempt(claim, message)
        )

    def _store(self, claim: Won, fetched: Fetched, answers: Answers) -> Outcome:
        original = fetched.content
        try:
            picture = render(original)
        except ImageFailedError as error:
            return self._fail(claim, error.reason, answers, content=original)
        blob = self.blobs.store(original, picture, fetched.validators)
        self.claims.commit(claim, blob, now=self.clock(), answers=answers)
        return Outcome(Result.CACHED, bytes=blob.file_size)

    def _fail(
        self,
        claim: Won,
        reason: FailureReason,
        answers: Answers,
        *,
        not_before: int = 0,
        content: bytes = b"",
    ) -> Outcome:
        """Records a failure. `content` has the downloaded bytes if they could not be used."""
        failure = next_failure(
            reason,
            failures_before=claim.failures,
            bad_bytes_before=claim.bad_bytes,
            content=content,
            not_before=not_before,
            now=self.clock(),
            jitter=random.random(),
        )
        self.claims.fail(claim, failure, answers=answers)
        return Outcome(Result.FAILED, reason)

    def _wait(self, claim: Won, message: ImageMessage, closed: OriginClosed, answers: Answers) -> Outcome:
        """Defers the message until the origin may be asked, or fails the image if it has waited long enough.

        A wait for the pace alone ends by itself, so it never makes an image fail.
        """
        if closed.is_outage and not may_wait(message, failures=claim.failures, now=self.clock()):
            return self._fail(claim, FailureReason.ORIGIN_DOWN, answers, not_before=closed.until)
        self.claims.release(claim, answers=answers)
        return self._defer(message, closed.until, is_outage=closed.is_outage)

    def _defer(self, message: ImageMessage, until: int, *, is_outage: bool = True) -> Outcome:
        """Sends the message again with a delay, so that this delivery can be acknowledged.

        A message that was left in the queue instead would become a dead letter after five deliveries. Only
        deferrals in an outage count, because only these are limited.
        """
        deferrals = message.deferrals if is_outage else 0
        delay = deferral(until=until, deferrals=deferrals, now=self.clock(), jitter=random.random())
        again = replace(message, deferrals=message.deferrals + 1) if is_outage else message
        self.queue.send_later(again, milliseconds=delay)
        return Outcome(Result.DEFERRED)


def _is_first_attempt(claim: Won, message: ImageMessage) -> bool:
    """Returns True if the image has neither failed nor been deferred before.

    The origin has less time for the first attempt, and the image is tried again soon if it was not served.
    Most such images are served a minute later. One that is never served gets just one more attempt before it
    fails.
    """
    return not (claim.failures or message.deferrals)


def _is_suspected(claim: Won) -> bool:
    return claim.attempts > MAX_SHARED_ATTEMPTS or claim.crashed_before


def _has_crashed(claim: Won) -> bool:
    """Returns True if the previous attempt, which fetched this image alone, ended without an outcome."""
    return claim.attempts > (1 if claim.crashed_before else MAX_SHARED_ATTEMPTS + 1)


def _location(source_url: str) -> ImageLocation | None:
    """Returns where the image is, or None for a URL that is never fetched."""
    try:
        return parse_source_url(source_url)
    except RejectedSourceError:
        return None
