"""One image, by an operator's wish: fetched anew, tried again, or forgotten."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imagecache.clock import Clock
from imagecache.errors import (
    ConflictError,
    InvalidationError,
    InvalidRequestError,
    NotFoundError,
    RejectedSourceError,
)
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.rules.source_urls import image_key
from imagecache.stores.blobs import Blobs
from imagecache.stores.cdn import Cdn
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.usecases.caching.queue_images import ImageQueueing

if TYPE_CHECKING:
    pass

_SHOWN = {ImageStatus.CACHED, ImageStatus.FORGOTTEN}


class Invalidation(StrEnum):
    """Whether CloudFront was told to drop its copies.

    `not_told`: it goes on serving them to whoever knows their URLs. `not_needed`: there was no copy, or it is
    another image's as well.
    """

    TOLD = "told"
    NOT_TOLD = "not_told"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many versions of its objects were deleted at once, and what CloudFront heard; else why not."""

    deleted_versions: int = 0
    invalidation: Invalidation = Invalidation.NOT_NEEDED
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChanges:
    """Changes one image. Each method raises InvalidRequestError or NotFoundError for an unsuitable URL."""

    catalogue: ImageCatalogue
    cached_images: CachedImages
    image_queueing: ImageQueueing
    blobs: Blobs
    cdn: Cdn
    clock: Clock
    longest_lease: int

    def refresh(self, source_url: str) -> None:
        """Fetch it again; the copy there is stays until a better one has come. It lifts a `forget`."""
        facts = self._facts(source_url)
        if facts.status in _SHOWN:
            self.cached_images.request_refresh(facts.image_key, now=self.clock())
        self.image_queueing.request([(facts.image_key, source_url)], retry=True)

    def retry(self, source_url: str) -> None:
        """Try a failed one now, whatever was said of the next time. Raises ConflictError."""
        facts = self._facts(source_url)
        if facts.status in _SHOWN:
            raise ConflictError(
                f"the image is {facts.status.value}, not failed: use refresh to fetch it anew"
            )
        self.image_queueing.request([(facts.image_key, source_url)], retry=True)

    def forget(self, source_url: str) -> Forgotten:
        """No message and no sync brings it back, whatever CloudFront says to it.

        Content that another image is stored for stays, there as well. So does what is younger than a lease: a
        worker may just be storing the same content for another image. That is the sweep's.
        """
        facts = self._facts(source_url)
        if not self.cached_images.forget(facts.image_key):
            raise NotFoundError("no such image is known")
        if facts.blob_id is None or any(
            key != facts.image_key for key in self.catalogue.naming(facts.blob_id)
        ):
            return Forgotten()
        now = self.clock()
        deleted = self.blobs.delete_versions(facts.blob_id, before=now - self.longest_lease).versions
        try:
            self.cdn.drop(facts.blob_id, now=now)  # the objects first, or it would fetch them again
        except InvalidationError as error:
            return Forgotten(deleted, Invalidation.NOT_TOLD, str(error))
        return Forgotten(deleted, Invalidation.TOLD)

    def _facts(self, source_url: str) -> ImageRecord:
        try:
            facts = self.catalogue.record(image_key(source_url))
        except RejectedSourceError as error:
            raise InvalidRequestError(f"this URL is never fetched: {error.reason.value}") from error
        if facts is None:
            raise NotFoundError("no such image is known")
        return facts
