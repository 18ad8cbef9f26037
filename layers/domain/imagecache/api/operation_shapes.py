"""The JSON of health, status, statistics and jobs, field by field.

Docstrings are published in the OpenAPI document.
"""

from typing import Literal

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Moment
from imagecache.model.job import JobKind, JobStatus, ResultValue
from imagecache.stores.state.beeper_health import BeeperState


class Origin(TypedDict):
    """The state of Beeper as the last sync found it, and since when it has been so."""

    state: BeeperState
    since: Moment | None
    checkedAt: Moment | None


class Health(TypedDict):
    """The API answers."""

    status: Literal["ok"]


class Status(TypedDict):
    """Says whether Beeper can be reached, as far as the last sync knows."""

    origin: Origin


class Deduplication(TypedDict):
    """The savings of storing each image once instead of once for each chat that shows it."""

    references: int
    images: int
    blobs: int
    downloadsSaved: int
    bytesSaved: int


class LastSync(TypedDict):
    """The times of the last successful sync, and of the last one that read the whole list of chats."""

    succeededAt: Moment | None
    completedAt: Moment | None


class Storage(TypedDict):
    """Bytes in the bucket, counted by the last sweep: the originals, and the WebP files that pages load."""

    originalBytes: int | None
    servedBytes: int | None


class LastSweep(TypedDict):
    """Images and bytes that the last sweep deleted, and why it refused to delete.

    Nulls before the first sweep.
    """

    finishedAt: Moment | None
    refused: list[str]
    deleted: int | None
    bytesFreed: int | None


class Stats(TypedDict):
    """The content of the cache, counted now.

    Only `orphaned` (images that nothing shows) and `storage` were counted by the last sweep.
    """

    totalCachedImages: int
    totalChatsWithImages: int
    totalStorageBytes: int
    totalStorageMB: float
    pending: int
    failed: int
    failedByReason: dict[str, int]
    orphaned: int | None
    storage: Storage
    deduplication: Deduplication
    lastSync: LastSync
    lastSweep: LastSweep
    origin: Origin


class Accepted(TypedDict):
    """The job runs in the background. `GET /api/jobs/{jobId}` reports its progress."""

    jobId: str


class Job(TypedDict):
    """A job's progress. The names in `progress` and `result` depend on its kind.

    A job that queues images is done once all are queued. `waiting`, `failed` and `done` then say what has
    become of the images. `done` is left out while too many images wait or have failed to count them all;
    `waiting` and `failed` are then the least that there are.
    """

    jobId: str
    kind: JobKind
    status: JobStatus
    createdAt: Moment | None
    updatedAt: Moment | None
    progress: dict[str, int]
    result: dict[str, ResultValue]
