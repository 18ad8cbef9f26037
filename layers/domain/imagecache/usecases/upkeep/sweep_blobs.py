"""Sweeps the image bucket: counts its objects, and deletes the blobs that no row names.

A cacher stores new versions of a blob's objects before it writes the blob id to a row. So if no row names a
blob, its old versions are not needed, and the sweep deletes them by their version ids. If a cacher stores the
same content meanwhile, its versions are too young to be deleted.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from imagecache.clock import DAY
from imagecache.errors import StoreUnavailableError
from imagecache.key_set import KeySet
from imagecache.model.image import SIZES
from imagecache.parallel import in_parallel
from imagecache.stores.blobs import Blobs, Version
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.upkeep.sweep_costs import LISTS_OF_BLOB, lists_of
from imagecache.usecases.upkeep.sweep_progress import SweepCounts

OBJECT_GRACE = DAY
"""A version that was younger than this (ms) when the sweep began is not deleted, because its row may not
have been written yet."""

_OBJECTS_PER_BLOB = 1 + len(SIZES)


@dataclass(slots=True)
class Stock:
    """The content of the bucket at the time when it was listed. Sizes are in bytes.

    By blob id, `objects` has the number of current objects without the moving copy, `moving` the blobs with a
    current moving copy, and `old_bytes` the size of the old versions.
    `listed` is the number of all versions. `original_bytes` and `served_bytes` are the sizes of the current
    originals and WebP files.
    """

    objects: Counter[str] = field(default_factory=Counter)
    moving: set[str] = field(default_factory=set)
    old_bytes: Counter[str] = field(default_factory=Counter)
    listed: int = 0
    original_bytes: int = 0
    served_bytes: int = 0

    @property
    def blob_count(self) -> int:
        """The number of blobs that have current objects or old versions."""
        return len(self.old_bytes.keys() | self.objects.keys() | self.moving)

    def is_whole(self, blob_id: str, *, is_animated: bool) -> bool:
        """Returns True if none of the blob's current objects is missing.

        `is_animated` means that the blob should have a moving copy.
        """
        has_moving_copy = blob_id in self.moving or not is_animated
        return self.objects[blob_id] == _OBJECTS_PER_BLOB and has_moving_copy

    def counts(self, unnamed: Sequence[str]) -> SweepCounts:
        """Returns the numbers of all and of the `unnamed` blobs, and the bytes that the latter would free."""
        return SweepCounts(
            blobs=self.blob_count,
            unnamed=len(unnamed),
            unnamed_bytes=sum(self.old_bytes[blob_id] for blob_id in unnamed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSweeper:
    """Lists the image bucket, and deletes blobs. Up to `requests_at_once` blobs are checked in parallel."""

    blobs: Blobs
    cached_images: CachedImages
    requests_at_once: int

    def take_stock(self, *, old_before: int) -> Stock:
        """Lists every version in the bucket, and returns the numbers and sizes.

        A version counts as old if it was last modified before `old_before` (ms).
        """
        stock = Stock()
        for version in self.blobs.versions():
            stock.listed += 1
            if version.is_current:
                if version.is_moving:
                    stock.moving.add(version.blob_id)
                else:
                    stock.objects[version.blob_id] += 1
                if version.is_original:
                    stock.original_bytes += version.size
                else:
                    stock.served_bytes += version.size
            if version.modified_at < old_before:
                stock.old_bytes[version.blob_id] += version.size
        return stock

    def unnamed_blobs(self, stock: Stock) -> list[str]:
        """Returns the ids of the blobs that have old versions but that no row names.

        Scans the index byBlob. Raises StoreUnavailableError.
        """
        named = KeySet(image.blob_id for image in self.cached_images.stored_images())
        return sorted(blob_id for blob_id in stock.old_bytes if blob_id not in named)

    def old_versions(
        self, blob_ids: Collection[str], *, listed: int, old_before: int
    ) -> dict[str, list[Version]]:
        """Returns the old versions of each of these blobs. `listed` is the number of versions in the bucket.

        Lists either the whole bucket or one blob after the other, whichever takes fewer requests. Raises
        StoreUnavailableError if S3 does not answer.
        """
        old: dict[str, list[Version]] = {blob_id: [] for blob_id in blob_ids}
        if lists_of(listed) < LISTS_OF_BLOB * len(blob_ids):
            versions: Iterable[Version] = self.blobs.versions()
        else:
            lists = in_parallel(
                lambda blob_id: list(self.blobs.versions(blob_id)), blob_ids, at_once=self.requests_at_once
            )
            versions = chain.from_iterable(lists)
        for version in versions:
            if version.blob_id in old and version.modified_at < old_before:
                old[version.blob_id].append(version)
        return old

    def delete(self, old_versions: Mapping[str, Sequence[Version]]) -> SweepCounts:
        """Deletes these versions, by blob id, unless a row now names the blob.

        Raises StoreUnavailableError if S3 does not answer.
        """
        blob_ids = list(old_versions)
        may_be_named = in_parallel(self._may_be_named, blob_ids, at_once=self.requests_at_once)
        unnamed = [blob_id for blob_id, is_named in zip(blob_ids, may_be_named, strict=True) if not is_named]
        deleted = self.blobs.delete([version for blob_id in unnamed for version in old_versions[blob_id]])
        return SweepCounts(
            unsure=len(blob_ids) - len(unnamed),
            versions_deleted=deleted.versions,
            bytes_freed=deleted.freed_bytes,
        )

    def _may_be_named(self, blob_id: str) -> bool:
        """Returns True if a row names the blob just before its deletion, or if DynamoDB does not answer."""
        try:
            return self.cached_images.names_blob(blob_id)
        except StoreUnavailableError:
            return True
