"""Background jobs: their kinds, the order of each kind, and the state of one job.

A job kind is defined here alone: a member of JobKind, a dataclass for its order, which joins the union
JobOrder, and one line in JOB_TYPES. docs/adding.md has what a new kind takes elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
"""Any value that JSON can represent."""

ResultValue: TypeAlias = str | int | bool | list[str] | dict[str, float]


class JobKind(StrEnum):
    """The kinds of work that the API can start in the background."""

    SYNC = "sync"
    BACKFILL = "backfill"
    RETRY_FAILED = "retry-failed"
    CLEANUP = "cleanup"
    REDRIVE = "redrive"


class JobStatus(StrEnum):
    """The states of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OVER = frozenset({JobStatus.DONE, JobStatus.FAILED})
"""The statuses of a job that has ended."""


class QueueCount(StrEnum):
    """The names in the progress of a job that queues images.

    The job counts the CHATS that it has read and the images that it has QUEUED. WAITING, FAILED and DONE are
    the numbers of these images with each outcome, which JobReader counts when it reads the job.
    """

    CHATS = "chats"
    QUEUED = "queued"
    WAITING = "waiting"
    FAILED = "failed"
    DONE = "done"


class Worker(StrEnum):
    """The Lambda functions that work on jobs, by the environment variable that has the function's name."""

    SYNC = "SYNC_FUNCTION"
    JOBS = "JOBS_FUNCTION"
    CLEANUP = "CLEANUP_FUNCTION"


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """Orders a sync of Beeper's chats.

    `complete` reads the whole list of chats instead of only chats with new activity. `force` switches the
    deletion brake off, so that any number of chats that Beeper no longer has is deleted.
    """

    complete: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class BackfillOrder:
    """Orders that the missing images of chats are queued.

    Only chats active within the last `active_within_days` days are included; 0 means all chats.
    """

    active_within_days: int = 0


@dataclass(frozen=True, slots=True)
class RetryFailedOrder:
    """Orders that every failed image is queued again, also images that failed for good."""


@dataclass(frozen=True, slots=True)
class CleanupOrder:
    """Orders a sweep.

    `dry_run` counts the changes but does not make them. `force` switches the deletion brake off, and deletes
    even without a complete sync within the last two days.
    """

    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """Orders that messages in the dead-letter queue are sent to the queue of images again."""


JobOrder: TypeAlias = SyncOrder | BackfillOrder | RetryFailedOrder | CleanupOrder | RedriveOrder


@dataclass(frozen=True, slots=True)
class JobType:
    """The form of a kind's orders, and the function that works on them.

    `reports_images` adds what has become of the queued images to the progress: see QueueCount. The worker
    of such a job counts CHATS and QUEUED.
    """

    order: type[JobOrder]
    worker: Worker
    reports_images: bool


JOB_TYPES: Mapping[JobKind, JobType] = {
    JobKind.SYNC: JobType(SyncOrder, Worker.SYNC, reports_images=False),
    JobKind.BACKFILL: JobType(BackfillOrder, Worker.JOBS, reports_images=True),
    JobKind.RETRY_FAILED: JobType(RetryFailedOrder, Worker.JOBS, reports_images=True),
    JobKind.CLEANUP: JobType(CleanupOrder, Worker.CLEANUP, reports_images=False),
    JobKind.REDRIVE: JobType(RedriveOrder, Worker.JOBS, reports_images=False),
}

_KIND_OF_ORDER: Mapping[type[JobOrder], JobKind] = {
    job_type.order: kind for kind, job_type in JOB_TYPES.items()
}


@dataclass(frozen=True, slots=True)
class Job:
    """One job as its row describes it. All times are in ms.

    `position` is the place where the next invocation continues, in the format of the job's use case; None at
    the start and at the end. `worker` identifies the invocation that has claimed the job until `held_until`,
    or is None.
    """

    job_id: str
    order: JobOrder
    created_at: int
    updated_at: int
    status: JobStatus = JobStatus.QUEUED
    progress: Mapping[str, int] = field(default_factory=dict)
    result: Mapping[str, ResultValue] = field(default_factory=dict)
    position: Json = None
    worker: str | None = None
    held_until: int = 0

    @property
    def kind(self) -> JobKind:
        """The kind of job, which the class of the order determines."""
        return _KIND_OF_ORDER[type(self.order)]

    @property
    def is_over(self) -> bool:
        """True if the job is done or has failed."""
        return self.status in OVER

    def progress_with(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Returns the sums of the progress and these counts, by name."""
        return {
            name: self.progress.get(name, 0) + counts.get(name, 0) for name in {**self.progress, **counts}
        }


def new_job(job_id: str, order: JobOrder, *, now: int) -> Job:
    """Returns a job that no invocation has worked on yet."""
    return Job(job_id, order, created_at=now, updated_at=now)
