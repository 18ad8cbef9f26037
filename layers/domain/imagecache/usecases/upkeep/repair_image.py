"""Repairs an image whose objects seem to be missing from the bucket."""

from dataclasses import dataclass

from imagecache.clock import DAY
from imagecache.errors import ImageFailedError
from imagecache.imaging.pictures import render
from imagecache.model.image import ImageRecord
from imagecache.stores.blobs import Blobs, Version, object_keys
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.upkeep.sweep_progress import RowOutcome

# In ms. A missing original is requested again at most once in this time.
_ASKED_AGAIN_AFTER = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRepair:
    """Restores the missing objects of an image by the first of these ways that is possible.

    UNDELETED: the objects were deleted but their versions still exist, so the delete markers are removed
    REBUILT: the WebP files are made again from the original
    REFETCHED: the original is missing, so it is downloaded again while the WebP files are still shown
    LOST: the original and WebP files are missing, so the image is downloaded as if for the first time
    DAMAGED: the WebP files cannot be made, because the stored original is damaged; a person must act
    """

    blobs: Blobs
    cached_images: CachedImages

    def repair(
        self, row: ImageRecord, *, now: int, dry_run: bool, may_refetch: bool = True
    ) -> RowOutcome | None:
        """Repairs the image and returns how, or only returns how it would in a dry run. `now` is in ms.

        Returns None if nothing is missing, or if only the original is missing and it was requested less than
        a week ago or must not be requested (`may_refetch`). Raises StoreUnavailableError.
        """
        if row.blob_id is None:
            return None
        versions = list(self.blobs.versions(row.blob_id))
        markers = _hiding_markers(versions)
        available = {version.key for version in versions if version.is_current}
        available |= {marker.key for marker in markers}
        keys = object_keys(row.blob_id, is_animated=row.is_animated)
        missing = [key for key in keys if key not in available]
        needed = _needed(row, missing, now)
        if needed is RowOutcome.REFETCHED and not may_refetch:
            needed = None
        if needed is None and markers:
            needed = RowOutcome.UNDELETED
        if dry_run:
            return needed
        self.blobs.undelete(markers)
        return self._do(needed, row, row.blob_id, now)

    def _do(self, needed: RowOutcome | None, row: ImageRecord, blob_id: str, now: int) -> RowOutcome | None:
        match needed:
            case RowOutcome.REBUILT:
                return self._rebuild(blob_id)
            case RowOutcome.REFETCHED:
                self.cached_images.request_refresh(row.image_key, now=now)
            case RowOutcome.LOST:
                is_reset = self.cached_images.reset_to_pending(row.image_key, blob_id=blob_id, now=now)
                return RowOutcome.LOST if is_reset else None
        return needed

    def _rebuild(self, blob_id: str) -> RowOutcome:
        try:
            self.blobs.put_thumbnails(blob_id, render(self.blobs.original(blob_id)))
        except ImageFailedError:  # It was decoded when it was stored, so the stored bytes are damaged.
            return RowOutcome.DAMAGED
        return RowOutcome.REBUILT


def _hiding_markers(versions: list[Version]) -> list[Version]:
    """Returns each delete marker that hides an older version, which still exists."""
    kept = {version.key for version in versions if not version.is_marker}
    return [
        version for version in versions if version.is_marker and version.is_latest and version.key in kept
    ]


def _needed(row: ImageRecord, missing: list[str], now: int) -> RowOutcome | None:
    """Returns the repair that the missing objects need.

    Returns None if no object is missing, or if it is too early to request the original again.
    """
    if not missing:
        return None
    original, *_ = object_keys(row.blob_id or "")
    if original not in missing:
        return RowOutcome.REBUILT
    if missing != [original]:
        return RowOutcome.LOST
    return RowOutcome.REFETCHED if row.checked_at <= now - _ASKED_AGAIN_AFTER else None
