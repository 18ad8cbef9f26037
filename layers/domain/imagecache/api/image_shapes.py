"""The JSON of images by themselves, field by field."""

from typing import Literal

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment, Shown
from imagecache.model.image import ImageStatus, LocationKind
from imagecache.rules.image_choice import ShownFor
from imagecache.usecases.operating.change_image import Invalidation


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
    """A chat or a member that shows a picture which is not cached; `participantId` null: the chat's own.

    `source` is whose picture it is: a member may have one of their own and that of their contact.
    """

    chatId: str
    participantId: str | None
    fullName: str | None
    source: ShownFor
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


class Story(TypedDict):
    """The whole story of one image; `summary` tells it in sentences."""

    sourceUrl: str
    source: LocationKind
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


class Queued(TypedDict):
    """The image is on its way."""

    status: Literal["pending"]


class Forgotten(TypedDict):
    """The image is gone; `deletedVersions` are its objects' versions that were deleted at once."""

    status: Literal["forgotten"]
    deletedVersions: int
    edge: Invalidation
