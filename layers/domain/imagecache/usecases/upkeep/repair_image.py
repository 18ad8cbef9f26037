"""A row whose objects seem to be missing → undeleted, rebuilt from its original, or fetched anew."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.clock import DAY
from imagecache.errors import ImageFailedError
from imagecache.imaging.pictures import render
from imagecache.model.image import ImageRecord
from imagecache.stores.blobs import Blobs, Version, object_keys
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.upkeep import ImageUpkeep

_ASKED_AGAIN_AFTER = 7 * DAY


class Repair(StrEnum):
    """What it took; empty for what turned out to be whole."""

    NONE = ""
    UNDELETED = "undeleted"
    REBUILT = "rebuilt"
    REFETCHED = "refetched"
    LOST = "lost"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRepair:
    """In a dry run nothing is written, and it is told what it would take."""

    blobs: Blobs
    upkeep: ImageUpkeep
    cached_images: CachedImages

    def repair(self, row: ImageRecord, *, now: int, dry_run: bool) -> Repair:
        """Nothing that S3 still has a version of is given up. Raises ClientError."""
        if row.blob_id is None:
            return Repair.NONE
        versions = list(self.blobs.versions(row.blob_id))
        hidden = _hidden(versions)
        there = {one.key for one in versions if one.is_current} | {one.key for one in hidden}
        missing = [key for key in object_keys(row.blob_id) if key not in there]
        needed = _needed(row, missing, now) or (Repair.UNDELETED if hidden else Repair.NONE)
        if dry_run:
            return needed
        for marker in hidden:
            self.blobs.undelete(marker)
        return self._do(needed, row, row.blob_id, now)

    def _do(self, needed: Repair, row: ImageRecord, blob_id: str, now: int) -> Repair:
        match needed:
            case Repair.REBUILT:
                return self._rebuilt(blob_id)
            case Repair.REFETCHED:
                self.cached_images.request_refresh(row.image_key, now=now)
            case Repair.LOST if not self.upkeep.lose(row.image_key, blob_id=blob_id, now=now):
                return Repair.NONE
        return needed

    def _rebuilt(self, blob_id: str) -> Repair:
        try:
            self.blobs.put_thumbnails(blob_id, render(self.blobs.original(blob_id)))
        except ImageFailedError:  # it was decoded once: a person must look at what has become of it
            return Repair.DAMAGED
        return Repair.REBUILT


def _hidden(versions: list[Version]) -> list[Version]:
    """Marks of deletions with something left below them: somebody deleted the object, not its versions."""
    kept = {one.key for one in versions if not one.is_marker}
    return [one for one in versions if one.is_marker and one.is_latest and one.key in kept]


def _needed(row: ImageRecord, missing: list[str], now: int) -> Repair:
    """Without the original the picture goes on being shown, while we ask for it now and then."""
    if not missing:
        return Repair.NONE
    original, *_ = object_keys(row.blob_id or "")
    if original not in missing:
        return Repair.REBUILT
    if missing != [original]:
        return Repair.LOST
    return Repair.REFETCHED if row.checked_at <= now - _ASKED_AGAIN_AFTER else Repair.NONE
