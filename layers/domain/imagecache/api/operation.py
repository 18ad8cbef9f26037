"""Handlers of `/api/health`, `/api/status`, `/api/stats` and of the routes that start and read jobs."""

from imagecache.api import operation_shapes as shapes
from imagecache.api.fields import Flag, Text, Whole
from imagecache.api.moments import iso8601
from imagecache.errors import NotFoundError
from imagecache.model.job import (
    BackfillOrder,
    CleanupOrder,
    JobOrder,
    RedriveOrder,
    RetryFailedOrder,
    SyncOrder,
)
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.beeper_health import BeeperHealth, BeeperHealthStore
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.operating.read_job import JobReader
from imagecache.usecases.operating.start_job import JobStarter
from imagecache.usecases.reading.count_cache import count_cache

SYNC_BODY = (
    Flag("complete", about="read the whole list of chats, not only what has changed since the last sync"),
    Flag("force", about="delete chats that are gone from Beeper even if they are very many"),
)
BACKFILL_BODY = (
    Whole(
        "activeWithinDays",
        0,
        36_500,
        default=0,
        about="only chats with activity in the last so many days; 0 means all chats",
    ),
)
CLEANUP_BODY = (
    Flag("dryRun", about="change nothing, and count what would be done and what it would cost"),
    Flag(
        "force", about="delete even if it is very much, or if no complete sync has succeeded within 48 hours"
    ),
)
JOB_PATH = (Text("jobId", 64, required=True, about="the `jobId` of the answer that accepted the job"),)


def read_health() -> shapes.Health:
    """Answers `GET /api/health`.

    The route is public, so the answer must not depend on anything: the state of Beeper, for example, would
    tell strangers when the owner's computer is switched on.
    """
    return {"status": "ok"}


def read_status(*, beeper_health_store: BeeperHealthStore) -> shapes.Status:
    """Answers `GET /api/status`."""
    return {"origin": _origin(beeper_health_store.read())}


def stats(
    *,
    catalogue: ImageCatalogue,
    participants: ParticipantsTable,
    last_sync_store: LastSyncStore,
    beeper_health_store: BeeperHealthStore,
    statistics_store: SweepStatisticsStore,
) -> shapes.Stats:
    """Answers `GET /api/stats`."""
    counts = count_cache(catalogue=catalogue, participants=participants)
    last_sync = last_sync_store.read()
    swept = statistics_store.read()
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
        "origin": _origin(beeper_health_store.read()),
    }


def start_sync(*, starter: JobStarter, complete: bool, force: bool) -> shapes.Accepted:
    """Answers `POST /api/sync`."""
    return _start(starter, SyncOrder(complete=complete, force=force))


def start_backfill(*, starter: JobStarter, active_within_days: int) -> shapes.Accepted:
    """Answers `POST /api/images/backfill`."""
    return _start(starter, BackfillOrder(active_within_days))


def start_retry_failed(*, starter: JobStarter) -> shapes.Accepted:
    """Answers `POST /api/images/retry-failed`."""
    return _start(starter, RetryFailedOrder())


def start_cleanup(*, starter: JobStarter, dry_run: bool, force: bool) -> shapes.Accepted:
    """Answers `POST /api/cleanup`."""
    return _start(starter, CleanupOrder(dry_run=dry_run, force=force))


def start_redrive(*, starter: JobStarter) -> shapes.Accepted:
    """Answers `POST /api/redrive`."""
    return _start(starter, RedriveOrder())


def read_job(*, job_id: str, jobs: JobReader) -> shapes.Job:
    """Answers `GET /api/jobs/{jobId}`. Raises NotFoundError."""
    job = jobs.read(job_id)
    if job is None:
        raise NotFoundError("No job has this jobId. Jobs are kept for 7 days.")
    return {
        "jobId": job.job_id,
        "kind": job.kind,
        "status": job.status,
        "createdAt": iso8601(job.created_at),
        "updatedAt": iso8601(job.updated_at),
        "progress": dict(job.progress),
        "result": dict(job.result),
    }


def _start(starter: JobStarter, order: JobOrder) -> shapes.Accepted:
    return {"jobId": starter.start(order).job_id}


def _origin(beeper: BeeperHealth) -> shapes.Origin:
    return {
        "state": beeper.state,
        "since": iso8601(beeper.since),
        "checkedAt": iso8601(beeper.checked_at),
    }
