"""The routes that start jobs, and the route that shows the progress of a job."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from imagecache.api import operation_shapes as shapes
from imagecache.api.fields import Field, Flag, Text, Whole
from imagecache.api.http import Route, Routes
from imagecache.api.values import iso8601
from imagecache.errors import NotFoundError
from imagecache.model.access import Role
from imagecache.model.job import (
    BackfillOrder,
    CleanupOrder,
    JobOrder,
    RedriveOrder,
    RetryFailedOrder,
    SyncOrder,
)
from imagecache.usecases.operating.jobs import JobReader, JobStarter

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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStartRoutes:
    """Starts jobs. Each route answers 202 with the id of its job."""

    starter: JobStarter

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "POST /api/images/retry-failed": _job_route(
                summary="Try every failed image again now", answer=self.start_retry_failed
            ),
            "POST /api/images/backfill": _job_route(
                summary="Queue every image that chats show and the cache does not have",
                body=BACKFILL_BODY,
                answer=self.start_backfill,
            ),
            "POST /api/redrive": _job_route(
                summary="Send the messages in the dead-letter queue to the queue of images again",
                answer=self.start_redrive,
            ),
            "POST /api/sync": _job_route(
                summary="Read Beeper's chats now", body=SYNC_BODY, answer=self.start_sync
            ),
            "POST /api/cleanup": _job_route(
                summary="Sweep now, or count what a sweep would do",
                body=CLEANUP_BODY,
                answer=self.start_cleanup,
            ),
        }

    def start_sync(self, *, complete: bool, force: bool) -> shapes.Accepted:
        """Answers `POST /api/sync`."""
        return self._start(SyncOrder(complete=complete, force=force))

    def start_backfill(self, *, active_within_days: int) -> shapes.Accepted:
        """Answers `POST /api/images/backfill`."""
        return self._start(BackfillOrder(active_within_days))

    def start_retry_failed(self) -> shapes.Accepted:
        """Answers `POST /api/images/retry-failed`."""
        return self._start(RetryFailedOrder())

    def start_cleanup(self, *, dry_run: bool, force: bool) -> shapes.Accepted:
        """Answers `POST /api/cleanup`."""
        return self._start(CleanupOrder(dry_run=dry_run, force=force))

    def start_redrive(self) -> shapes.Accepted:
        """Answers `POST /api/redrive`."""
        return self._start(RedriveOrder())

    def _start(self, order: JobOrder) -> shapes.Accepted:
        return {"jobId": self.starter.start(order).job_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRoutes:
    """Reports on single jobs."""

    reader: JobReader

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/jobs/{jobId}": Route(
                summary="Show the progress and the result of a job",
                role=Role.ADMIN,
                path=JOB_PATH,
                gives=shapes.Job,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.detail,
            ),
        }

    def detail(self, *, job_id: str) -> shapes.Job:
        """Answers `GET /api/jobs/{jobId}`. Raises NotFoundError."""
        job = self.reader.read(job_id)
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


def _job_route(*, summary: str, answer: Callable[..., shapes.Accepted], body: Sequence[Field] = ()) -> Route:
    return Route(
        summary=summary,
        role=Role.ADMIN,
        body=body,
        gives=shapes.Accepted,
        status=HTTPStatus.ACCEPTED,
        answer=answer,
    )
