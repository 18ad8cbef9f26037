"""One image, by an operator's wish: fetched anew, tried again, or forgotten."""

from dataclasses import dataclass

from imagecache.errors import BadRequestError, ConflictError, NotFoundError, RejectedSourceError
from imagecache.identity import image_key
from imagecache.model import ImageStatus
from imagecache.stores.blobs import Blobs
from imagecache.stores.image_facts import ImageCatalogue, ImageFacts
from imagecache.usecases.request_images import ImageRequests

_SHOWN = {ImageStatus.CACHED, ImageStatus.FORGOTTEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChanges:
    """Each raises BadRequestError for a URL that is never fetched, NotFoundError for one that is unknown."""

    catalogue: ImageCatalogue
    requests: ImageRequests
    blobs: Blobs
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

    def forget(self, source_url: str) -> int:
        """No message and no sync brings it back. How many versions of its objects were deleted at once.

        Not those of content that another image is stored for, and none that is younger than a lease: a worker
        may just be storing the same content for another image. These are the sweep's.
        """
        facts = self._facts(source_url)
        if not self.requests.images.forget(facts.image_key):
            raise NotFoundError("no such image is known")
        if facts.blob_id is None or any(
            key != facts.image_key for key in self.catalogue.naming(facts.blob_id)
        ):
            return 0
        before = self.requests.clock() - self.longest_lease
        return self.blobs.delete_versions(facts.blob_id, before=before).versions

    def _facts(self, source_url: str) -> ImageFacts:
        try:
            facts = self.catalogue.facts(image_key(source_url))
        except RejectedSourceError as error:
            raise BadRequestError(f"this URL is never fetched: {error.reason.value}") from error
        if facts is None:
            raise NotFoundError("no such image is known")
        return facts
