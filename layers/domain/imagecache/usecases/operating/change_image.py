"""Changes one image at the request of an operator: fetch it again, try it again, or forget it."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.clock import Clock
from imagecache.errors import (
    ConflictError,
    InvalidationError,
    InvalidRequestError,
    NotFoundError,
    RejectedSourceError,
)
from imagecache.model.image import ImageRecord, ImageSource, ImageStatus
from imagecache.rules.failure_reasons import REJECTIONS
from imagecache.rules.source_urls import image_key, may_change
from imagecache.stores.blobs import Blobs
from imagecache.stores.cdn import Cdn
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.chats.people import is_person
from imagecache.stores.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.queue_images import ImageQueueing

# An operator may refresh an image with one of these states, and retry one with any other state.
_REFRESHABLE = {ImageStatus.CACHED, ImageStatus.FORGOTTEN}
# A person has up to three records of a picture. A picture of this many people is no former picture of one.
_MOST_REFERENCES = 1000


class Invalidation(StrEnum):
    """The state of CloudFront's copies of a forgotten image.

    `told`: CloudFront deletes them within minutes. `not_told`: the request failed, so CloudFront may serve
    its copies for up to a year to clients that know their URLs. `not_needed`: the image was not stored, or
    another image shows the same content.
    """

    # The values differ from the names because they are part of the API, which must not change.
    REQUESTED = "told"
    FAILED = "not_told"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """The result of a forget. `deleted_versions` counts the deleted versions of the image's objects.

    `hidden_objects` counts the objects that were stored just now: they are no longer served, and the sweep
    deletes them after a day. `trouble` is the name of the error if the invalidation failed.
    """

    deleted_versions: int = 0
    hidden_objects: int = 0
    invalidation: Invalidation = Invalidation.NOT_NEEDED
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChanges:
    """Changes the image of a source URL.

    Every method raises InvalidRequestError if the URL is rejected, and NotFoundError if its image was never
    queued. `longest_lease` (ms) is the longest time for which a worker may claim an image.
    """

    cached_images: CachedImages
    participants_table: ParticipantsTable
    contacts_table: ContactsTable
    image_queueing: ImageQueueing
    blobs: Blobs
    cdn: Cdn
    clock: Clock
    longest_lease: int

    def refresh(self, source_url: str) -> None:
        """Queues the image to be downloaded again, also if it was forgotten.

        The cached copy is shown until the new one is stored. Raises ConflictError if the image is on the web
        and only a former picture: its URL may have another picture now, which would replace the copy.
        """
        image = self._image(source_url)
        if image.status is ImageStatus.CACHED and may_change(source_url) and self._is_former(image.image_key):
            raise ConflictError(
                "The image is a former picture, which Beeper no longer sends: the stored copy is kept,"
                " because its URL may have another picture now"
            )
        if image.status in _REFRESHABLE:
            self.cached_images.request_refresh(image.image_key, now=self.clock())
        self.image_queueing.request([ImageSource(image.image_key, source_url)], retry=True)

    def retry(self, source_url: str) -> None:
        """Queues a failed image now, before its next attempt is due.

        Raises ConflictError if the image is cached or forgotten.
        """
        image = self._image(source_url)
        if image.status in _REFRESHABLE:
            raise ConflictError(
                f"The image is {image.status.value}, not failed: use refresh to fetch it again"
            )
        self.image_queueing.request([ImageSource(image.image_key, source_url)], retry=True)

    def forget(self, source_url: str) -> ForgetResult:
        """Deletes an image for good: neither queued messages nor later syncs restore it, only a refresh does.

        The image is forgotten even if the CloudFront invalidation fails. Content that another image shows is
        kept, in the bucket and in CloudFront.

        A worker may be storing the same content for another image now. So versions younger than
        `longest_lease` are not deleted but hidden: nobody can load them any more, and the sweep deletes them
        after a day, or shows them again if a row then names them.
        """
        image = self._image(source_url)
        if not self.cached_images.forget(image.image_key):
            raise _unknown_image()
        if image.blob_id is None or self._is_shared(image.blob_id, image.image_key):
            return ForgetResult()
        now = self.clock()
        # The objects are deleted before the invalidation, or CloudFront could fetch them again after it.
        deleted = self.blobs.delete_versions(image.blob_id, before=now - self.longest_lease).versions
        hidden = self.blobs.hide(image.blob_id)
        try:
            self.cdn.drop(image.blob_id, now=now)
        except InvalidationError as error:
            return ForgetResult(deleted, hidden, Invalidation.FAILED, str(error))
        return ForgetResult(deleted, hidden, Invalidation.REQUESTED)

    def _is_former(self, image_key: str) -> bool:
        """Returns True if the image is recorded as a picture of people, and nothing has it now."""
        references = self.participants_table.referring(image_key, limit=_MOST_REFERENCES)
        is_recorded = any(is_person(each.chat_id) for each in references)
        is_current = any(not is_person(each.chat_id) for each in references)
        return is_recorded and not is_current and not self.contacts_table.referring(image_key, limit=1)

    def _is_shared(self, blob_id: str, image_key: str) -> bool:
        return any(key != image_key for key in self.cached_images.images_of_blob(blob_id))

    def _image(self, source_url: str) -> ImageRecord:
        try:
            image = self.cached_images.record(image_key(source_url))
        except RejectedSourceError as error:
            raise InvalidRequestError(f"This URL is never fetched: {REJECTIONS[error.reason]}") from error
        if image is None:
            raise _unknown_image()
        return image


def _unknown_image() -> NotFoundError:
    return NotFoundError(
        "No image of this URL is known: it was never queued, or the sweep has deleted it."
        " A look-up with enqueue queues it (`imagecache lookup URL --enqueue`)"
    )
