"""How the system does → what `/api/stats`, `/api/health` and the routes of jobs answer."""

from collections.abc import Callable, Mapping
from typing import Any

from imagecache.api import operation_shapes as shapes
from imagecache.api.fields import Flag, Text, Whole
from imagecache.api.moments import iso8601
from imagecache.clock import Clock
from imagecache.errors import NotFoundError
from imagecache.model.job import JobKind
from imagecache.queues.invocations import Invocations
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.beeper_health import BeeperHealth, BeeperHealthStore
from imagecache.stores.state.jobs import Job, Jobs
from imagecache.stores.state.last_sync import LastSyncStore
from imagecache.stores.state.sweep_statistics import SweepStatisticsStore
from imagecache.usecases.operating.run_job import start_job, told
from imagecache.usecases.reading.count_cache import count_cache

SYNC_BODY = (
    Flag("complete", about="read everything, not only what moved"),
    Flag("force", about="delete even many chats at once that are gone from Beeper"),
)
BACKFILL_BODY = (
    Whole(
        "activeWithinDays", 0, 36_500, default=0, about="only chats that moved within so many days; 0: all"
    ),
)
CLEANUP_BODY = (
    Flag("dryRun", about="only count what would be done, and what it would cost"),
    Flag("force", about="delete even very many at once, and though no sync has succeeded of late"),
)
JOB_PATH = (Text("jobId", 64, required=True, about="as the 202 told it"),)


def health(*, beeper_health_store: BeeperHealthStore) -> shapes.Health:
    """`GET /api/health`: public, so no more than this."""
    return {"status": "ok", "origin": _origin(beeper_health_store.read())}


def stats(
    *,
    catalogue: ImageCatalogue,
    participants: ParticipantsTable,
    last_sync_store: LastSyncStore,
    beeper_health_store: BeeperHealthStore,
    statistics_store: SweepStatisticsStore,
) -> shapes.Stats:
    """`GET /api/stats`."""
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


def accepted(
    *,
    kind: JobKind,
    functions: Mapping[JobKind, str],
    jobs: Jobs,
    invocations: Invocations,
    clock: Clock,
    new_id: Callable[[], str],
    **order: Any,
) -> shapes.Accepted:
    """Any route that answers 202; `order` is what the job is to do."""
    now = clock()
    job = Job(new_id(), kind, created_at=now, updated_at=now, order=order)
    start_job(job, function=functions[kind], jobs=jobs, invocations=invocations, now=now)
    return {"jobId": job.job_id}


def job_told(*, job_id: str, jobs: Jobs, catalogue: ImageCatalogue, clock: Clock) -> shapes.Job:
    """`GET /api/jobs/{jobId}`. Raises NotFoundError."""
    known = jobs.read(job_id)
    if known is None:
        raise NotFoundError("no job has this jobId, or it is over for a week")
    job = told(known, catalogue=catalogue, now=clock())
    return {
        "jobId": job.job_id,
        "kind": job.kind,
        "status": job.status,
        "createdAt": iso8601(job.created_at),
        "updatedAt": iso8601(job.updated_at),
        "progress": job.progress,
        "result": job.result,
    }


def _origin(origin: BeeperHealth) -> shapes.Origin:
    return {
        "state": origin.state,
        "since": iso8601(origin.since),
        "checkedAt": iso8601(origin.checked_at),
    }
