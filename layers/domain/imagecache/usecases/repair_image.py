"""A row whose objects seem to be missing → served again from its original, or fetched anew."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.clock import DAY
from imagecache.errors import ImageFailedError
from imagecache.pictures import render
from imagecache.stores.blobs import Blobs, object_keys
from imagecache.stores.image_upkeep import ImageUpkeep, SweptRow
from imagecache.stores.images import CachedImages

_ASKED_AGAIN_AFTER = 7 * DAY


class Repair(StrEnum):
    """What it took; empty for what turned out to be whole."""

    NONE = ""
    REBUILT = "rebuilt"
    REFETCHED = "refetched"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """In a dry run nothing is written, and it is told what it would take."""

    blobs: Blobs
    upkeep: ImageUpkeep
    images: CachedImages

    def repair(self, row: SweptRow, *, now: int, dry_run: bool) -> Repair:
        """Raises ClientError for what S3 does not answer."""
        if row.blob_id is None:
            return Repair.NONE
        needed = self._needed(row, row.blob_id, now)
        if dry_run:
            return needed
        match needed:
            case Repair.REBUILT:
                return self._rebuilt(row, row.blob_id, now)
            case Repair.REFETCHED:
                self.images.request_refresh(row.image_key, now=now)
            case Repair.LOST:
                return self._lost(row, row.blob_id, now)
        return needed

    def _needed(self, row: SweptRow, blob_id: str, now: int) -> Repair:
        """Without the original the picture goes on being shown, while we ask for it now and then."""
        original, *_ = object_keys(blob_id)
        missing = self.blobs.missing(blob_id)
        if not missing:
            return Repair.NONE
        if original not in missing:
            return Repair.REBUILT
        if missing != [original]:
            return Repair.LOST
        return Repair.REFETCHED if row.checked_at <= now - _ASKED_AGAIN_AFTER else Repair.NONE

    def _rebuilt(self, row: SweptRow, blob_id: str, now: int) -> Repair:
        try:
            self.blobs.put_thumbnails(blob_id, render(self.blobs.original(blob_id)))
        except ImageFailedError:  # it was decoded once: these are not the bytes that were stored
            return self._lost(row, blob_id, now)
        return Repair.REBUILT

    def _lost(self, row: SweptRow, blob_id: str, now: int) -> Repair:
        return Repair.LOST if self.upkeep.lose(row.image_key, blob_id=blob_id, now=now) else Repair.NONE
