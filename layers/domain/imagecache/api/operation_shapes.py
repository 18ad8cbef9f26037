"""The JSON of health, status, statistics and jobs, field by field.

Docstrings are published in the OpenAPI document.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Moment
from imagecache.model.account import AccountStatus
from imagecache.model.agent import AgentState
from imagecache.model.job import JobKind, JobStatus, ResultValue
from imagecache.stores.state.beeper_health import BeeperState


class Origin(TypedDict):
    """The state of Beeper at the last sync (`checkedAt`), and the time since which it has this state."""

    state: BeeperState
    since: Moment | None
    checkedAt: Moment | None


class Agent(TypedDict):
    """The agent on the owner's computer, which syncs and fetches pictures if the functions do not.

    It runs without a break since `since`, as far as it has been seen, which it was last at `lastSeenAt`.
    """

    state: AgentState
    since: Moment | None
    lastSeenAt: Moment | None


class Health(TypedDict):
    """The API answers."""

    status: Literal["ok"]


class AccountName(TypedDict):
    """An account of the owner in Beeper, by whose id a list of chats can be filtered."""

    accountId: str
    network: str | None


class Status(TypedDict):
    """The state of Beeper at the last sync. It had these `accounts` then, if the request asks for them.

    `agent` is null if the functions ask Beeper themselves.
    """

    origin: Origin
    agent: Agent | None
    accounts: NotRequired[list[AccountName]]


class Deduplication(TypedDict):
    """The savings of storing each content once instead of once for each reference.

    `references` is the number of places that show a cached image. They show `images` images, which have
    `blobs` different contents.
    """

    references: int
    images: int
    blobs: int
    downloadsSaved: int
    bytesSaved: int


class LastSync(TypedDict):
    """The times of the last successful sync, and of the last successful sync of the whole list of chats."""

    succeededAt: Moment | None
    completedAt: Moment | None


class Storage(TypedDict):
    """The sizes of all originals and of all WebP files in the bucket, counted by the last sweep."""

    originalBytes: int | None
    servedBytes: int | None


class LastSweep(TypedDict):
    """The numbers of images and bytes that the last sweep deleted.

    `refused` has the reasons for which it deleted nothing. Before the first sweep the other fields are null.
    """

    finishedAt: Moment | None
    refused: list[str]
    deleted: int | None
    bytesFreed: int | None


class Account(TypedDict):
    """An account of the owner in Beeper, with the status that it has had since `since`.

    `text` says what the status means, and `advice` what to do about it (null if there is nothing to do).
    `statusText` is Beeper's own text about it. `waiting` is the number of pictures that chats of this account
    show and that are pending or have failed; it is null unless the account needs a person.
    """

    accountId: str
    network: str | None
    status: AccountStatus
    statusText: str | None
    since: Moment | None
    needsPerson: bool
    text: str
    advice: str | None
    waiting: int | None


class Stats(TypedDict):
    """The counts of the cache at the time of the request.

    `accounts` is empty if Beeper has not listed any; some accounts that have chats may be missing from it.
    Only `orphaned` (the number of images that nothing shows) and `storage` are from the last sweep.
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
    accounts: list[Account]


class Accepted(TypedDict):
    """The job was started in the background. `GET /api/jobs/{jobId}` shows its progress."""

    jobId: str


class Job(TypedDict):
    """The progress and the result of a job. Their names depend on the kind of job.

    A job that queues images is done once all images are queued. In its progress, `waiting`, `failed` and
    `done` are the numbers of queued images that wait, have failed and are done. If there are too many images
    to count, `waiting` and `failed` are lower bounds, and `done` is left out.
    """

    jobId: str
    kind: JobKind
    status: JobStatus
    createdAt: Moment | None
    updatedAt: Moment | None
    progress: dict[str, int]
    result: dict[str, ResultValue]
