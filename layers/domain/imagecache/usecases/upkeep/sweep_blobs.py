"""Sweeps the image bucket: counts what it holds, and deletes the content that no row names.

A cacher stores a new version of every object before its row names the blob. A blob that no row names
therefore needs none of its old versions, and the sweep deletes these by their ids. A cacher that stores the
same content meanwhile has a version of its own, which is too young to be deleted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from imagecache.clock import DAY
from imagecache.errors import StoreUnavailableError
from imagecache.model.image import SIZES
from imagecache.stores.blobs import Blobs
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.upkeep.sweep_progress import SweepCounts

OBJECT_GRACE = DAY
"""A version younger than this (ms) when the sweep began is not deleted, as its row may not exist yet."""

_OBJECTS_PER_BLOB = 1 + len(SIZES)


@dataclass(slots=True)
class Stock:
    """The content of the bucket at the moment when it was listed.

    `objects` counts the current objects of each blob, `old_bytes` the bytes of its old versions. `listed` is
    the number of versions in all, `original_bytes` and `served_bytes` the bytes of current objects.
    """

    objects: Counter[str] = field(default_factory=Counter)
    old_bytes: Counter[str] = field(default_factory=Counter)
    listed: int = 0
    original_bytes: int = 0
    served_bytes: int = 0

    @property
    def blob_count(self) -> int:
        """The number of blobs of which anything is left."""
        return len(self.old_bytes.keys() | self.objects.keys())

    def is_whole(self, blob_id: str) -> bool:
        """Returns True if all objects of the blob were listed."""
        return self.objects[blob_id] == _OBJECTS_PER_BLOB

    def counts(self, unnamed: Sequence[str]) -> SweepCounts:
        """Returns how much the bucket holds, and how much of that belongs to these unnamed blobs."""
        return SweepCounts(
            blobs=self.blob_count,
            unnamed=len(unnamed),
            unnamed_bytes=sum(self.old_bytes[blob_id] for blob_id in unnamed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSweeper:
    """Lists the image bucket, and deletes blobs."""

    blobs: Blobs
    cached_images: CachedImages

    def take_stock(self, *, old_before: int) -> Stock:
        """Lists the whole bucket.

        A version counts as old if it was last modified before `old_before` (ms).
        """
        stock = Stock()
        for version in self.blobs.versions():
            stock.listed += 1
            if version.is_current:
                stock.objects[version.blob_id] += 1
                if version.is_original:
                    stock.original_bytes += version.size
                else:
                    stock.served_bytes += version.size
            if version.modified_at < old_before:
                stock.old_bytes[version.blob_id] += version.size
        return stock

    def unnamed_blobs(self, stock: Stock) -> list[str]:
        """Returns the blobs that have old versions and that no row names, by a scan of the index.

        Raises StoreUnavailableError.
        """
        named = {image.blob_id for image in self.cached_images.stored_images()}
        return sorted(blob_id for blob_id in stock.old_bytes if blob_id not in named)

    def delete(self, blob_ids: Sequence[str], *, old_before: int) -> SweepCounts:
        """Deletes the old versions of these blobs, except of those that a row names by now."""
        unnamed = [blob_id for blob_id in blob_ids if not self._may_be_named(blob_id)]
        deleted = self.blobs.delete_versions(*unnamed, before=old_before)
        return SweepCounts(
            unsure=len(blob_ids) - len(unnamed),
            versions_deleted=deleted.versions,
            bytes_freed=deleted.freed_bytes,
        )

    def _may_be_named(self, blob_id: str) -> bool:
        """Asks once more right before the deletion. Without an answer, the blob counts as named."""
        try:
            return any(self.cached_images.images_of_blob(blob_id))
        except StoreUnavailableError:
            return True
