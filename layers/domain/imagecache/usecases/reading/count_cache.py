"""What the cache holds, counted: by scans, so that it can be asked at any time and is right."""

from collections import Counter
from dataclasses import dataclass

from imagecache.model.image import ImageStatus
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.catalogue import ImageCatalogue


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """`chats` are those that show somebody's picture, the owner's own apart.

    `references` are places that show a cached image, `images` the rows they lead to, `blobs` the distinct
    contents of these; `bytes_saved` is what storing an original for each reference would take beyond `bytes`.
    """

    images: int
    chats: int
    bytes: int
    pending: int
    failed_by_reason: dict[str, int]
    references: int
    blobs: int
    bytes_saved: int


def count_cache(*, catalogue: ImageCatalogue, participants: ParticipantsTable) -> CacheCounts:
    """Scans members for what they show, and of images only a small index."""
    sizes: dict[str, int] = {}
    blobs: dict[str, int] = {}
    for key, blob_id, size in catalogue.storage():
        sizes[key] = blobs[blob_id] = size
    shown: Counter[str] = Counter()
    chats: set[str] = set()
    for one in participants.references():
        shown[one.image_key] += 1
        if not one.is_self:
            chats.add(one.chat_id)
    cached = {key: count for key, count in shown.items() if key in sizes}
    stored = sum(blobs.values())
    failed = Counter(one.reason or "" for one in catalogue.needing_attention(ImageStatus.FAILED))
    return CacheCounts(
        images=len(sizes),
        chats=len(chats),
        bytes=stored,
        pending=sum(1 for _ in catalogue.needing_attention(ImageStatus.PENDING)),
        failed_by_reason=dict(sorted(failed.items())),
        references=sum(cached.values()),
        blobs=len(blobs),
        bytes_saved=max(sum(count * sizes[key] for key, count in cached.items()) - stored, 0),
    )
