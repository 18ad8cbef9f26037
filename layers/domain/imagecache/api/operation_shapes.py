"""The JSON of how the system does, field by field."""

from typing import Literal

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Moment
from imagecache.model.job import JobKind, JobStatus
from imagecache.stores.state.beeper_health import BeeperState


class Origin(TypedDict):
    """How Beeper answered sync when it was last asked."""

    state: BeeperState
    since: Moment | None
    checkedAt: Moment | None


class Health(TypedDict):
    """The API answers; and Beeper?"""

    status: Literal["ok"]
    origin: Origin


class Deduplication(TypedDict):
    """What caching by image instead of by chat has saved."""

    references: int
    images: int
    blobs: int
    downloadsSaved: int
    bytesSaved: int


class LastSync(TypedDict):
    """When sync last succeeded, and when it last read everything."""

    succeededAt: Moment | None
    completedAt: Moment | None


class Storage(TypedDict):
    """Bytes in the bucket when the last sweep counted them: as fetched, and as pages load them."""

    originalBytes: int | None
    servedBytes: int | None


class LastSweep(TypedDict):
    """What the last sweep deleted, images and bytes, and why it refused to go on; nulls before the first."""

    finishedAt: Moment | None
    refused: list[str]
    deleted: int | None
    bytesFreed: int | None


class Stats(TypedDict):
    """What the cache holds, counted now; `orphaned` (shown by nobody) and `storage` by the last sweep."""

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
    """It goes on in the background: ask `/api/jobs/{jobId}`."""

    jobId: str


class Job(TypedDict):
    """How far a job has come. Numbers in `progress` and `result` depend on its kind."""

    jobId: str
    kind: JobKind
    status: JobStatus
    createdAt: Moment | None
    updatedAt: Moment | None
    progress: dict[str, int]
    result: dict[str, str | int | bool | list[str] | dict[str, float]]
