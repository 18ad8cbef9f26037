"""Counts images, references and bytes by scans, so that no counter has to be updated with every change."""

from collections import Counter
from dataclasses import dataclass

from imagecache.model.image import ImageStatus
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """The contents of the cache in numbers.

    `images` is the number of cached images, `blobs` the number of their distinct contents, and `bytes` the
    size of the stored originals. `references` is the number of places that show a cached image. `bytes_saved`
    is the size that storing one original for each reference would need, minus `bytes`. `chats` is the number
    of chats in which a member other than the owner has a picture.
    """

    images: int
    chats: int
    bytes: int
    pending: int
    failed_by_reason: dict[str, int]
    references: int
    blobs: int
    bytes_saved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCounter:
    """Counts images, their references and their contents."""

    cached_images: CachedImages
    participants_table: ParticipantsTable

    def count(self) -> CacheCounts:
        """Counts by a scan of chatParticipants, and by two indexes of cachedImages.

        Raises StoreUnavailableError.
        """
        size_by_key: dict[str, int] = {}
        size_by_blob: dict[str, int] = {}
        for image in self.cached_images.stored_images():
            size_by_key[image.image_key] = image.file_size
            size_by_blob[image.blob_id] = image.file_size
        references: Counter[str] = Counter()
        chats: set[str] = set()
        for reference in self.participants_table.references():
            references[reference.image_key] += 1
            if not reference.is_self:
                chats.add(reference.chat_id)
        to_cached = {key: count for key, count in references.items() if key in size_by_key}
        stored = sum(size_by_blob.values())
        would_be_stored = sum(count * size_by_key[key] for key, count in to_cached.items())
        failed = self.cached_images.needing_attention(ImageStatus.FAILED)
        failed_by_reason = Counter(image.reason or "" for image in failed)
        return CacheCounts(
            images=len(size_by_key),
            chats=len(chats),
            bytes=stored,
            pending=sum(1 for _ in self.cached_images.needing_attention(ImageStatus.PENDING)),
            failed_by_reason=dict(sorted(failed_by_reason.items())),
            references=sum(to_cached.values()),
            blobs=len(size_by_blob),
            bytes_saved=max(would_be_stored - stored, 0),
        )
