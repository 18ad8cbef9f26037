"""The JSON of images by themselves, field by field."""

from typing import Literal

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment, Shown
from imagecache.model.image import ImageStatus, LocationKind
from imagecache.rules.image_choice import ShownFor
from imagecache.usecases.operating.change_image import Invalidation


class Images(TypedDict):
    """The images by their source URLs, as these were sent."""

    images: dict[str, Image]


class ImageRow(TypedDict):
    """An image as the cache has it."""

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
    """A page of images with one status; `nextCursor` is null at the end."""

    images: list[ImageRow]
    nextCursor: str | None


class Reference(TypedDict):
    """A picture that is shown and not cached, by a member or, if `participantId` is null, by the chat itself.

    `source` is whose picture it is: a member may have a picture of their own and that of their contact.
    """

    chatId: str
    participantId: str | None
    fullName: str | None
    source: ShownFor
    sourceUrl: str
    status: ImageStatus | Literal["none"]
    reason: str | None


class References(TypedDict):
    """A page of references, in no order; `nextCursor` is null at the end."""

    references: list[Reference]
    nextCursor: str | None


class Attempt(TypedDict):
    """A request to an origin, and what came of it."""

    at: Moment | None
    origin: str
    answer: str


class Story(TypedDict):
    """Everything that is known of one image; `summary` tells it in sentences."""

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
    """The image is queued."""

    status: Literal["pending"]


class Forgotten(TypedDict):
    """The image is forgotten.

    `deletedVersions` counts the versions of its objects that were deleted. `edge` says whether CloudFront
    drops its copies: `told` if it does, `not_told` if it could not be asked to, `not_needed` if there are
    none to drop.
    """

    status: Literal["forgotten"]
    deletedVersions: int
    edge: Invalidation
