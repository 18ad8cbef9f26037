"""One image, by an operator's wish: fetched anew, tried again, or forgotten."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imagecache.config import Config
from imagecache.errors import BadRequestError, ConflictError, NotFoundError, RejectedSourceError
from imagecache.model.image import ImageStatus
from imagecache.rules.source_urls import image_key
from imagecache.stores.blobs import Blobs
from imagecache.stores.cdn import Cdn, InvalidationError
from imagecache.stores.images.catalogue import ImageCatalogue, ImageFacts
from imagecache.usecases.caching.queue_images import ImageQueueing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_SHOWN = {ImageStatus.CACHED, ImageStatus.FORGOTTEN}


def image_changes(
    *, config: Config, dynamodb: "DynamoDBClient", s3: "S3Client", edge: Cdn, requests: ImageQueueing
) -> "ImageChanges":
    """For the table and the bucket of this configuration."""
    return ImageChanges(
        catalogue=ImageCatalogue(table_name=config.images_table, dynamodb=dynamodb),
        requests=requests,
        blobs=Blobs(bucket=config.image_bucket, s3=s3),
        edge=edge,
        longest_lease=config.claim_lease_seconds * 1000,
    )


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
    edge: Invalidation = Invalidation.NOT_NEEDED
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChanges:
    """Each raises BadRequestError for a URL that is never fetched, NotFoundError for one that is unknown."""

    catalogue: ImageCatalogue
    requests: ImageQueueing
    blobs: Blobs
    edge: Cdn
    longest_lease: int

    def refresh(self, source_url: str) -> None:
        """Fetch it again; the copy there is stays until a better one has come. It lifts a `forget`."""
        facts = self._facts(source_url)
        if facts.status in _SHOWN:
            self.requests.images.request_refresh(facts.image_key, now=self.requests.clock())
        self.requests.request([(facts.image_key, source_url)], retry=True)

    def retry(self, source_url: str) -> None:
        """Try a failed one now, whatever was said of the next time. Raises ConflictError."""
        facts = self._facts(source_url)
        if facts.status in _SHOWN:
            raise ConflictError(
                f"the image is {facts.status.value}, not failed: use refresh to fetch it anew"
            )
        self.requests.request([(facts.image_key, source_url)], retry=True)

    def forget(self, source_url: str) -> Forgotten:
        """No message and no sync brings it back, whatever CloudFront says to it.

        Content that another image is stored for stays, there as well. So does what is younger than a lease: a
        worker may just be storing the same content for another image. That is the sweep's.
        """
        facts = self._facts(source_url)
        if not self.requests.images.forget(facts.image_key):
            raise NotFoundError("no such image is known")
        if facts.blob_id is None or any(
            key != facts.image_key for key in self.catalogue.naming(facts.blob_id)
        ):
            return Forgotten()
        now = self.requests.clock()
        deleted = self.blobs.delete_versions(facts.blob_id, before=now - self.longest_lease).versions
        try:
            self.edge.drop(facts.blob_id, now=now)  # the objects first, or it would fetch them again
        except InvalidationError as error:
            return Forgotten(deleted, Invalidation.NOT_TOLD, str(error))
        return Forgotten(deleted, Invalidation.TOLD)

    def _facts(self, source_url: str) -> ImageFacts:
        try:
            facts = self.catalogue.facts(image_key(source_url))
        except RejectedSourceError as error:
            raise BadRequestError(f"this URL is never fetched: {error.reason.value}") from error
        if facts is None:
            raise NotFoundError("no such image is known")
        return facts
