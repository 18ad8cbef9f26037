"""The bucket → what it holds of each blob; what no row names, deleted version by version.

A cacher puts a fresh version of every object before its row names the blob. So a blob that no row names has
no version that matters but young ones, and old ones are deleted by their ids: whoever adopts the same content
meanwhile has a version of their own.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from imagecache.clock import DAY
from imagecache.model.image import SIZES
from imagecache.rules import deletion_brake
from imagecache.stores.blobs import Blobs
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.usecases.upkeep.sweep_rows import UNANSWERED

OBJECT_GRACE = DAY
"""A version younger than this (ms) when the sweep began is not deleted: its row may still be written."""

_OBJECTS_OF_A_BLOB = 1 + len(SIZES)


@dataclass(slots=True)
class Stock:
    """What the bucket held when it was listed: current objects and old bytes by blob; bytes in all."""

    objects: Counter[str] = field(default_factory=Counter)
    old_bytes: Counter[str] = field(default_factory=Counter)
    listed: int = 0
    original_bytes: int = 0
    served_bytes: int = 0

    @property
    def blobs(self) -> int:
        """How many there are, of which anything is left."""
        return len(self.old_bytes.keys() | self.objects.keys())

    def is_whole(self, blob_id: str) -> bool:
        """Whether all its objects seem to be there."""
        return self.objects[blob_id] == _OBJECTS_OF_A_BLOB

    def unnamed(self, named: Collection[str]) -> list[str]:
        """Blobs with old versions that no row names."""
        return sorted(blob_id for blob_id in self.old_bytes if blob_id not in named)

    def is_too_much(self, blobs: Collection[str]) -> bool:
        """Whether deleting them all looks like a mistake."""
        return is_too_much(len(blobs), of=self.blobs)


def is_too_much(count: int, *, of: int) -> bool:
    """The brake: a sweep that would delete so much is more likely wrong than right."""
    return deletion_brake.is_too_much(count, of=of, more_than=50, share=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSweeper:
    """Works on the image bucket."""

    blobs: Blobs
    catalogue: ImageCatalogue

    def take_stock(self, *, old_before: int) -> Stock:
        """One listing of the bucket; `old_before` in ms."""
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

    def named(self) -> set[str]:
        """Every blob that a row names, by a scan of the index."""
        return {blob_id for _, blob_id, _ in self.catalogue.storage()}

    def collect(self, blob_ids: Iterable[str], *, old_before: int) -> Counter[str]:
        """Delete old versions of what no row names, as each blob is asked once more right before."""
        counts = Counter[str]()
        for blob_id in blob_ids:
            if self._is_named(blob_id):
                counts["unsure"] += 1
                continue
            deleted = self.blobs.delete_versions(blob_id, before=old_before)
            counts["versionsDeleted"] += deleted.versions
            counts["bytesFreed"] += deleted.bytes
        return counts

    def _is_named(self, blob_id: str) -> bool:
        """What is not answered counts as named."""
        try:
            return any(self.catalogue.naming(blob_id))
        except UNANSWERED:
            return True
