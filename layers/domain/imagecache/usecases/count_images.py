"""The nightly snapshot: what the cache holds, counted once and read by everybody."""

from imagecache.model import Clock, ImageStatus
from imagecache.stores.chats import BeeperChats
from imagecache.stores.images import CachedImages
from imagecache.stores.sync_state import SyncState


def count_images(
    *, images: CachedImages, chats: BeeperChats, state: SyncState, clock: Clock
) -> dict[str, int]:
    """Counts rows and bytes by two scans, and stores them as the statistics snapshot."""
    counts = images.counts()
    statistics = {
        "totalCachedImages": counts.by_status.get(ImageStatus.CACHED, 0),
        "pending": counts.by_status.get(ImageStatus.PENDING, 0),
        "failed": counts.by_status.get(ImageStatus.FAILED, 0),
        "totalChatsWithImages": chats.count_with_images(),
        "totalStorageBytes": counts.original_bytes,
        "countedAt": clock(),
    }
    state.record_statistics(statistics)
    return statistics
