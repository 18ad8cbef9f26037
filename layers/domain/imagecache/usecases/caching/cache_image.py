"""One queue message → the image stored and committed, downloaded once however often it is delivered."""

import hashlib
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from imagecache.clock import Clock
from imagecache.errors import (
    ImageCacheError,
    ImageFailedError,
    LeaseLostError,
    OriginClosedError,
    OriginDownError,
    RejectedSourceError,
)
from imagecache.imaging.pictures import render
from imagecache.model.image import Attempt, Blob, FailureReason, Fetched, ImageMessage, OriginName, Unchanged
from imagecache.queues.images import ImagesQueue
from imagecache.rules.retries import (
    MAX_UNFINISHED_ATTEMPTS,
    bad_bytes,
    deferral,
    failed_before,
    may_wait,
    next_attempt_at,
)
from imagecache.rules.source_urls import ImageLocation, parse_source_url
from imagecache.stores.blobs import Blobs, blob_id, described
from imagecache.stores.images.claims import Answer, Claim, ImageClaims
from imagecache.usecases.caching.fetch_image import ImageFetcher


class ClaimHeldError(ImageCacheError):
    """Another worker has this image until `held_until` (ms). Not acknowledged: that worker may die."""

    def __init__(self, held_until: int) -> None:
        super().__init__("held by another worker")
        self.held_until = held_until


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message, for the log.

    `result` is cached, unchanged, deduplicated, deferred, lost or failed.
    """

    result: str
    reason: FailureReason | None = None
    bytes: int = 0


@dataclass(slots=True)
class _Work:
    """One claimed image while it is worked on: what was asked of whom, and the bytes if there are any."""

    request: ImageMessage
    claim: Claim
    tried: list[Attempt] = field(default_factory=list)
    content_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCacher:
    """Claim, fetch, store, commit."""

    claims: ImageClaims
    fetcher: ImageFetcher
    blobs: Blobs
    queue: ImagesQueue
    salt: Callable[[], bytes]
    lease_seconds: int
    clock: Clock
    nonce: Callable[[], str] = secrets.token_hex

    def cache(self, request: ImageMessage) -> Outcome:
        """Raises ClaimHeldError when the message must come again; every other ending is recorded."""
        try:
            source: ImageLocation | None = parse_source_url(request.source_url)
        except RejectedSourceError:
            source = None
        now = self.clock()
        # Without another claim: in an outage a message that waits costs no write but its own.
        closed_until = self.fetcher.closed_until(source) if source and request.deferrals else 0
        if closed_until and may_wait(request, failures=0, now=now):
            return self._defer(request, closed_until)
        claim = self.claims.claim(request, now=now, lease_seconds=self.lease_seconds, nonce=self.nonce())
        match claim.answer:
            case Answer.HELD:
                raise ClaimHeldError(claim.held_until)
            case Answer.DONE | Answer.NOT_DUE:
                return Outcome("deduplicated")
            case Answer.WON:
                return self._work(_Work(request, claim), source)

    def _work(self, work: _Work, source: ImageLocation | None) -> Outcome:
        try:
            if work.claim.attempts >= MAX_UNFINISHED_ATTEMPTS:
                raise ImageFailedError(FailureReason.CRASHED)
            if source is None:
                raise ImageFailedError(FailureReason.REFUSED)
            fetched = self._fetch(work, source)
            if isinstance(fetched, Unchanged):
                self.claims.unchanged(work.claim, fetched.validators, now=self.clock(), tried=work.tried)
                return Outcome("unchanged")
            blob = self._store(work, fetched)
            self.claims.commit(work.claim, blob, now=self.clock(), tried=work.tried)
            return Outcome("cached", bytes=blob.file_size)
        except LeaseLostError:
            return Outcome("lost")
        except ImageFailedError as error:
            return self._failed(work, error.reason)
        except OriginDownError as error:
            return self._failed(work, FailureReason.ORIGIN_DOWN, wait=(error.retry_after or 0) * 1000)
        except OriginClosedError as closed:
            return self._closed(work, closed)

    def _fetch(self, work: _Work, source: ImageLocation) -> Fetched | Unchanged:
        def note(origin: OriginName, answer: str) -> None:
            work.tried.append(Attempt(self.clock(), origin.value, answer))

        return self.fetcher.fetch(source, note, work.claim.validators)

    def _store(self, work: _Work, fetched: Fetched) -> Blob:
        """Objects before the row: a row never names what is not there."""
        original = fetched.content
        work.content_hash = hashlib.sha256(original).hexdigest()[:16]
        picture = render(original)
        stored = described(blob_id(self.salt(), original), original, picture, fetched.validators)
        self.blobs.put(stored.blob_id, original, picture)
        return stored

    def _closed(self, work: _Work, closed: OriginClosedError) -> Outcome:
        """The origin may not be asked: wait with the message, unless it has waited long enough."""
        now = self.clock()
        # Waiting for the pace alone ends by itself.
        if closed.outage and not may_wait(work.request, failures=work.claim.failures, now=now):
            return self._failed(work, FailureReason.ORIGIN_DOWN, wait=closed.until - now)
        try:
            self.claims.release(work.claim, tried=work.tried)
        except LeaseLostError:
            return Outcome("lost")
        return self._defer(work.request, closed.until, outage=closed.outage)

    def _defer(self, request: ImageMessage, until: int, *, outage: bool = True) -> Outcome:
        """Sent again, so that this one can be acknowledged: waiting must not spend receives."""
        waited = request.deferrals if outage else 0
        delay = deferral(until=until, deferrals=waited, now=self.clock(), jitter=random.random())
        again = replace(request, deferrals=request.deferrals + 1) if outage else request
        self.queue.send_later(again, milliseconds=delay)
        return Outcome("deferred")

    def _failed(self, work: _Work, reason: FailureReason, *, wait: int = 0) -> Outcome:
        now, claim = self.clock(), work.claim
        is_undecodable = reason is FailureReason.UNDECODABLE
        due = next_attempt_at(
            reason,
            failures=claim.failures + 1,
            now=now,
            jitter=random.random(),
            not_before=now + wait,
            hopeless=is_undecodable and failed_before(claim.bad_bytes, work.content_hash, now),
        )
        try:
            self.claims.fail(
                claim,
                reason,
                now=now,
                next_attempt_at=due,
                tried=work.tried,
                bad_bytes=bad_bytes(work.content_hash, now) if is_undecodable else None,
            )
        except LeaseLostError:
            return Outcome("lost", reason)
        return Outcome("failed", reason)
