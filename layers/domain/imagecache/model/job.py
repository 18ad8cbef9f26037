"""Background jobs that the API starts."""

from enum import StrEnum


class JobKind(StrEnum):
    """What goes on in the background."""

    SYNC = "sync"
    BACKFILL = "backfill"
    RETRY_FAILED = "retry-failed"
    CLEANUP = "cleanup"
    REDRIVE = "redrive"


class JobStatus(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
