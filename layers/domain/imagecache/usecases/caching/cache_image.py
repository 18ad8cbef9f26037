"""Caches the image of one queue message: claim, fetch, store, commit.

The image is downloaded once, however often the message is delivered.
"""

import hashlib
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from imagecache.clock import Clock
from imagecache.errors import (
    ClaimHeldError,
    ImageFailedError,
    LeaseLostError,
    OriginClosedError,
    OriginDownError,
    RejectedSourceError,
)
from imagecache.imaging.pictures import render
from imagecache.model.image import BadBytes, FailureReason, Fetched, ImageMessage, Unchanged
from imagecache.queues.images import ImagesQueue
from imagecache.rules.retries import (
    MAX_UNFINISHED_ATTEMPTS,
    deferral,
    failed_before,
    may_wait,
    next_attempt_at,
)
from imagecache.rules.source_urls import ImageLocation, parse_source_url
from imagecache.stores.blobs import Blobs, blob_id, described
from imagecache.stores.images.claims import Held, ImageClaims, Settled, Won
from imagecache.usecases.caching.fetch_image import AnswerLog, ImageFetcher


class Result(StrEnum):
    """The ways in which the work on a message can end. After each of them the message is done with."""

    CACHED = "cached"
    UNCHANGED = "unchanged"  # a refresh, and the origin has no other version
    DEDUPLICATED = "deduplicated"  # nothing was to be done
    DEFERRED = "deferred"  # sent again, because its origin may not be asked now
    NOT_BEGUN = "not_begun"  # sent again, because the invocation is about to end
    LOST = "lost"  # another worker took the image over, or it was forgotten
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the work on a message, for the log. `bytes` is the size of an original that was cached."""

    result: Result
    reason: FailureReason | None = None
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    """A claimed image, and what the origins have answered for it so far."""

    message: ImageMessage
    claim: Won
    log: AnswerLog


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCacher:
    """Caches images. `salt` returns the salt of blob ids, `nonce` a random text for a lease."""

    claims: ImageClaims
    fetcher: ImageFetcher
    blobs: Blobs
    queue: ImagesQueue
    salt: Callable[[], bytes]
    lease_seconds: int
    clock: Clock
    nonce: Callable[[], str] = secrets.token_hex

    def cache(self, message: ImageMessage) -> Outcome:
        """Caches the image of a message, or records why it could not be cached.

        Raises ClaimHeldError if another worker has the image: then the message must be delivered again,
        because that worker may die.
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
                    return self._work(_Task(message, claim, AnswerLog(self.clock)), location)
                except LeaseLostError:
                    return Outcome(Result.LOST)

    def _work(self, task: _Task, location: ImageLocation | None) -> Outcome:
        """Fetches and stores the image, or records why not. Raises LeaseLostError."""
        try:
            fetched = self._fetch(task, location)
        except ImageFailedError as error:
            return self._fail(task, error.reason)
        except OriginDownError as error:
            not_before = self.clock() + (error.retry_after or 0) * 1000
            return self._fail(task, FailureReason.ORIGIN_DOWN, not_before=not_before)
        except OriginClosedError as error:
            return self._wait(task, error)
        if isinstance(fetched, Unchanged):
            self.claims.unchanged(task.claim, fetched.validators, now=self.clock(), answers=task.log.answers)
            return Outcome(Result.UNCHANGED)
        return self._store(task, fetched)

    def _fetch(self, task: _Task, location: ImageLocation | None) -> Fetched | Unchanged:
        if task.claim.attempts >= MAX_UNFINISHED_ATTEMPTS:
            raise ImageFailedError(FailureReason.CRASHED)
        if location is None:
            raise ImageFailedError(FailureReason.REFUSED)
        return self.fetcher.fetch(location, task.claim.validators, task.log)

    def _store(self, task: _Task, fetched: Fetched) -> Outcome:
        """Stores and commits an image. The objects go first, so that a row never names what is not there."""
        original = fetched.content
        try:
            picture = render(original)
        except ImageFailedError as error:
            return self._fail(task, error.reason, content=original)
        blob = described(blob_id(self.salt(), original), original, picture, fetched.validators)
        self.blobs.put(blob.blob_id, original, picture)
        self.claims.commit(task.claim, blob, now=self.clock(), answers=task.log.answers)
        return Outcome(Result.CACHED, bytes=blob.file_size)

    def _wait(self, task: _Task, closed: OriginClosedError) -> Outcome:
        """Defers the message until the origin may be asked, or fails the image if it has waited long enough.

        A wait for the pace alone ends by itself, so it never makes an image fail.
        """
        if closed.outage and not may_wait(task.message, failures=task.claim.failures, now=self.clock()):
            return self._fail(task, FailureReason.ORIGIN_DOWN, not_before=closed.until)
        self.claims.release(task.claim, answers=task.log.answers)
        return self._defer(task.message, closed.until, is_outage=closed.outage)

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

    def _fail(
        self, task: _Task, reason: FailureReason, *, not_before: int = 0, content: bytes = b""
    ) -> Outcome:
        """Records a failure. `content` are the bytes if it was they that could not be used.

        Bytes that could not be decoded are remembered. If the same bytes fail again hours later, the
        failure is final.
        """
        now = self.clock()
        bad_bytes: BadBytes | None = None
        is_final = False
        if reason is FailureReason.UNDECODABLE:
            bad_bytes = BadBytes(hashlib.sha256(content).hexdigest()[:16], now)
            is_final = failed_before(task.claim.bad_bytes, bad_bytes.content_hash, now)
        due = next_attempt_at(
            reason,
            failures=task.claim.failures + 1,
            now=now,
            jitter=random.random(),
            not_before=not_before,
            is_final=is_final,
        )
        self.claims.fail(
            task.claim,
            reason,
            now=now,
            next_attempt_at=due,
            answers=task.log.answers,
            bad_bytes=bad_bytes,
        )
        return Outcome(Result.FAILED, reason)


def _location(source_url: str) -> ImageLocation | None:
    """Returns where the image is, or None for a URL that is never fetched."""
    try:
        return parse_source_url(source_url)
    except RejectedSourceError:
        return None
