"""The routes that show the state of the system: `/api/stats`, `/api/status` and `/api/health`."""

from dataclasses import dataclass

from imagecache.api import operation_shapes as shapes
from imagecache.api.http import Route, Routes
from imagecache.api.values import iso8601
from imagecache.model.access import Role
from imagecache.stores.state.beeper_health import BeeperHealth, BeeperHealthStore
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.reading.count_cache import CacheCounter


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRoutes:
    """Shows counts, the health of Beeper, and that the API answers."""

    cache_counter: CacheCounter
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    statistics_store: SweepStatisticsStore

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/stats": Route(
                summary="Count what the cache holds",
                gives=shapes.Stats,
                answer=self.stats,
            ),
            "GET /api/status": Route(
                summary="Show whether Beeper can be reached",
                gives=shapes.Status,
                answer=self.status,
            ),
            "GET /api/health": Route(
                summary="Show whether the API answers",
                role=Role.NONE,
                gives=shapes.Health,
                answer=self.health,
            ),
        }

    def health(self) -> shapes.Health:
        """Answers `GET /api/health`.

        The route is public, so the answer must always be the same. For example, the state of Beeper would
        show strangers when the owner's computer is switched on.
        """
        return {"status": "ok"}

    def status(self) -> shapes.Status:
        """Answers `GET /api/status`."""
        return {"origin": _origin(self.beeper_health_store.read())}

    def stats(self) -> shapes.Stats:
        """Answers `GET /api/stats`."""
        counts = self.cache_counter.count()
        last_sync = self.last_sync_store.read()
        swept = self.statistics_store.read()
        return {
            "totalCachedImages": counts.images,
            "totalChatsWithImages": counts.chats,
            "totalStorageBytes": counts.bytes,
            "totalStorageMB": round(counts.bytes / 1e6, 2),
            "pending": counts.pending,
            "failed": sum(counts.failed_by_reason.values()),
            "failedByReason": counts.failed_by_reason,
            "orphaned": swept.get("orphaned"),
            "storage": {
                "originalBytes": swept.get("original_bytes"),
                "servedBytes": swept.get("served_bytes"),
            },
            "deduplication": {
                "references": counts.references,
                "images": counts.images,
                "blobs": counts.blobs,
                "downloadsSaved": max(counts.references - counts.images, 0),
                "bytesSaved": counts.bytes_saved,
            },
            "lastSync": {
                "succeededAt": iso8601(last_sync.succeeded_at),
                "completedAt": iso8601(last_sync.completed_at),
            },
            "lastSweep": {
                "finishedAt": iso8601(swept.get("swept_at")),
                "refused": swept.get("refused", []),
                "deleted": swept.get("deleted"),
                "bytesFreed": swept.get("bytes_freed"),
            },
            "origin": _origin(self.beeper_health_store.read()),
        }


def _origin(beeper: BeeperHealth) -> shapes.Origin:
    return {
        "state": beeper.state,
        "since": iso8601(beeper.since),
        "checkedAt": iso8601(beeper.checked_at),
    }
