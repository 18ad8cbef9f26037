"""The JSON that routes answer, field by field. The OpenAPI document is made from these."""

from typing import Literal

# Before 3.12 typing has no TypeAliasType, and its TypedDict cannot be turned into JSON Schema.
from typing_extensions import TypeAliasType, TypedDict

from imagecache.model import ImageStatus, JobKind, JobStatus
from imagecache.stores.sync_state import OriginState
from imagecache.usecases.choose_image import ImageSource, ShownStatus
from imagecache.usecases.explain_image import SourceKind

Moment = TypeAliasType("Moment", str)
"""ISO 8601 in UTC, to the second."""


class Error(TypedDict):
    """What went wrong and what to do about it, for a person; `code` for a program."""

    message: str
    code: str


class Image(TypedDict):
    """A picture with everything that the first paint needs.

    `url` is the 192 px WebP, `sizes` holds 96, 192 and 640; both are empty unless it is cached. `placeholder`
    is a ThumbHash in base64. `width` and `height` are the original's.
    """

    status: ShownStatus
    source: ImageSource | None
    url: str | None
    sizes: dict[str, str]
    width: int | None
    height: int | None
    placeholder: str | None
    color: str | None
    initials: str
    reason: str | None


class Participant(TypedDict):
    """A member of a chat."""

    participantId: str
    fullName: str | None
    username: str | None
    isSelf: bool
    image: Image


class Chat(TypedDict):
    """A chat. `facepile` are up to four members' pictures, for a group that has none of its own."""

    chatId: str
    accountId: str
    network: str | None
    type: Literal["single", "group"]
    title: str | None
    lastActivity: Moment | None
    unreadCount: int
    isArchived: bool
    isMuted: bool
    isPinned: bool
    lastMessage: str | None
    image: Image
    facepile: list[Image]
    participants: list[Participant]
    participantCount: int
    hasMoreParticipants: bool


class Chats(TypedDict):
    """A page of chats, newest first; `nextCursor` is null at the end."""

    chats: list[Chat]
    nextCursor: str | None


class ChatDetail(TypedDict):
    """A chat and a page of its full roster."""

    chat: Chat
    participants: list[Participant]
    nextParticipantsCursor: str | None


class Images(TypedDict):
    """Every source URL that was asked for, as it was sent."""

    images: dict[str, Image]


class ImageRow(TypedDict):
    """An image as the cache knows it."""

    sourceUrl: str | None
    status: ImageStatus
    reason: str | None
    queuedAt: Moment | None
    failedAt: Moment | None
    nextAttemptAt: Moment | None
    cachedAt: Moment | None
    contentType: str | None
    fileSize: int | None
    url: str | None


class ImageRows(TypedDict):
    """A page of images by status."""

    images: list[ImageRow]
    nextCursor: str | None


class Reference(TypedDict):
    """A chat or a member that shows a picture which is not cached; `participantId` null: the chat's own."""

    chatId: str
    participantId: str | None
    fullName: str | None
    sourceUrl: str
    status: ImageStatus | Literal["none"]
    reason: str | None


class References(TypedDict):
    """A page of them, in no order."""

    references: list[Reference]
    nextCursor: str | None


class Attempt(TypedDict):
    """One question to an origin."""

    at: Moment | None
    origin: str
    answer: str


class Shown(TypedDict):
    """Where a picture is shown; `participantId` null: as the chat's own."""

    chatId: str
    chatTitle: str | None
    participantId: str | None


class Story(TypedDict):
    """The whole story of one image; `summary` tells it in sentences."""

    sourceUrl: str
    source: SourceKind
    status: ImageStatus | Literal["none"]
    reason: str | None
    summary: list[str]
    attempts: list[Attempt]
    failures: int
    queuedAt: Moment | None
    heldUntil: Moment | None
    failedAt: Moment | None
    nextAttemptAt: Moment | None
    cachedAt: Moment | None
    image: Image
    shownBy: list[Shown]
    moreShownBy: bool


class Origin(TypedDict):
    """How Beeper answered sync when it was last asked."""

    state: OriginState
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


class Stats(TypedDict):
    """What the cache holds, counted now."""

    totalCachedImages: int
    totalChatsWithImages: int
    totalStorageBytes: int
    totalStorageMB: float
    pending: int
    failed: int
    failedByReason: dict[str, int]
    deduplication: Deduplication
    lastSync: LastSync
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
    result: dict[str, str | int | bool]


class Queued(TypedDict):
    """The image is on its way."""

    status: Literal["pending"]


class Forgotten(TypedDict):
    """The image is gone; `deletedVersions` are its objects' versions that were deleted at once."""

    status: Literal["forgotten"]
    deletedVersions: int
