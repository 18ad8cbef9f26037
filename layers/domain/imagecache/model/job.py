"""Background jobs: their kinds, what each kind can be ordered to do, and the state of one job.

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
"""The states in which nothing more will be done for a job."""


class QueueCount(StrEnum):
    """The progress of a job that queues images.

    Its worker counts CHATS and QUEUED. The others say what has become of the queued images. They are
    counted when the job is read.
    """

    CHATS = "chats"
    QUEUED = "queued"
    WAITING = "waiting"
    FAILED = "failed"
    DONE = "done"


class Worker(StrEnum):
    """The functions that work on jobs. A value is the environment variable that holds the function's name."""

    SYNC = "SYNC_FUNCTION"
    JOBS = "JOBS_FUNCTION"
    CLEANUP = "CLEANUP_FUNCTION"


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """Orders a sync of Beeper's chats.

    `complete` reads the whole list of chats instead of only what is newer than the last run. `force` deletes
    chats that are gone from Beeper even if they are suspiciously many.
    """

    complete: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class BackfillOrder:
    """Orders that every missing image is queued.

    `active_within_days` leaves out chats without activity in the last so many days; 0 means all chats.
    """

    active_within_days: int = 0


@dataclass(frozen=True, slots=True)
class RetryFailedOrder:
    """Orders that every failed image is tried again, also those that failed for good."""


@dataclass(frozen=True, slots=True)
class CleanupOrder:
    """Orders a sweep.

    `dry_run` only counts what would be done. `force` deletes even very many images at once, and without a
    recent sync.
    """

    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class RedriveOrder:
    """Orders that dead letters are sent to the queue of images again."""


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
    """One job as its row describes it. All times in ms.

    `position` is where the next invocation continues, as the job's own use case has written it; None at the
    start and at the end. `worker` identifies the invocation that works on the job, which no other may do
    before `held_until`; None while no invocation does.
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
        """The kind that the order belongs to."""
        return _KIND_OF_ORDER[type(self.order)]

    @property
    def is_over(self) -> bool:
        """True if the job is done or has failed."""
        return self.status in OVER

    def progress_with(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Returns the progress with these counts added to it."""
        return {
            name: self.progress.get(name, 0) + counts.get(name, 0) for name in {**self.progress, **counts}
        }


def new_job(job_id: str, order: JobOrder, *, now: int) -> Job:
    """Returns a job that no invocation has worked on yet."""
    return Job(job_id, order, created_at=now, updated_at=now)
