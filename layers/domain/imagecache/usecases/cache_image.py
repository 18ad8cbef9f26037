"""One queue message → the image stored and committed, downloaded once however often it is delivered."""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from imagecache.claims import MAX_UNFINISHED_ATTEMPTS, Answer, next_attempt_at
from imagecache.errors import ImageCacheError, ImageFailedError, OriginDownError, RejectedSourceError
from imagecache.identity import parse_source
from imagecache.model import Blob, Clock, FailureReason, ImageRequest
from imagecache.pictures import render
from imagecache.sources.images import ImageSources
from imagecache.stores.blobs import Blobs, blob_id
from imagecache.stores.images import CachedImages, Claim, LeaseLostError


class ClaimHeldError(ImageCacheError):
    """Another worker has this image until `held_until` (ms). Not acknowledged: that worker may die."""

    def __init__(self, held_until: int) -> None:
        super().__init__("held by another worker")
        self.held_until = held_until


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message, for the log: `result` is cached, deduplicated, lost or failed."""

    result: str
    reason: FailureReason | None = None
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCacher:
    """Claim, fetch, store, commit."""

    images: CachedImages
    sources: ImageSources
    blobs: Blobs
    salt: Callable[[], bytes]
    lease_seconds: int
    clock: Clock
    nonce: Callable[[], str] = secrets.token_hex

    def cache(self, request: ImageRequest) -> Outcome:
        """Raises ClaimHeldError when the message must come again; every other ending is recorded."""
        claim = self.images.claim(
            request, now=self.clock(), lease_seconds=self.lease_seconds, nonce=self.nonce()
        )
        match claim.answer:
            case Answer.HELD:
                raise ClaimHeldError(claim.held_until)
            case Answer.DONE | Answer.NOT_DUE:
                return Outcome("deduplicated")
            case Answer.WON:
                return self._work(claim, request)

    def _work(self, claim: Claim, request: ImageRequest) -> Outcome:
        try:
            if claim.attempts >= MAX_UNFINISHED_ATTEMPTS:
                raise ImageFailedError(FailureReason.CRASHED)
            blob = self._store(request.source_url)
            self.images.commit(claim, blob, now=self.clock())
        except LeaseLostError:
            return Outcome("lost")
        except ImageFailedError as error:
            return self._failed(claim, error.reason)
        except RejectedSourceError:
            return self._failed(claim, FailureReason.REFUSED)
        except OriginDownError:
            return self._failed(claim, FailureReason.ORIGIN_DOWN)
        return Outcome("cached", bytes=blob.file_size)

    def _store(self, source_url: str) -> Blob:
        """Objects before the row: a row never names what is not there."""
        original = self.sources.fetch(parse_source(source_url))
        picture = render(original)
        stored = Blob(
            blob_id=blob_id(self.salt(), original),
            content_type=picture.content_type,
            file_size=len(original),
            width=picture.width,
            height=picture.height,
        )
        self.blobs.put(stored.blob_id, original, picture)
        return stored

    def _failed(self, claim: Claim, reason: FailureReason) -> Outcome:
        due = next_attempt_at(reason, failures=claim.failures + 1, now=self.clock(), jitter=random.random())
        try:
            self.images.fail(claim, reason, next_attempt_at=due)
        except LeaseLostError:
            return Outcome("lost", reason)
        return Outcome("failed", reason)
