"""The JSON of single images and of lists of images, field by field."""

from typing import Literal

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment, Shown
from imagecache.model.image import ImageStatus, LocationKind, OriginName
from imagecache.rules.image_choice import ShownFor
from imagecache.stores.state.circuits import Cause
from imagecache.usecases.operating.change_image import Invalidation


class Images(TypedDict):
    """The image of each source URL, by the URL as it was sent."""

    images: dict[str, Image]


class ImageRow(TypedDict):
    """The stored state of one image. `fileSize` is the size of the original in bytes."""

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
    """A page of images with one status. `nextCursor` is null on the last page."""

    images: list[ImageRow]
    nextCursor: str | None


class Reference(TypedDict):
    """A place that shows a picture which is not cached: a member, or the chat if `participantId` is null.

    `source` says whose picture it is, because a member may have a picture and a contact with another one.
    `chatTitle` is null if nobody in the chat has a name.
    """

    chatId: str
    chatTitle: str | None
    participantId: str | None
    fullName: str | None
    source: ShownFor
    sourceUrl: str
    status: ImageStatus | Literal["none"]
    reason: str | None


class References(TypedDict):
    """A page of references, in undefined order. `nextCursor` is null on the last page."""

    references: list[Reference]
    nextCursor: str | None


class ShownPicture(TypedDict):
    """A picture that a member may show, or the chat if `participantId` is null.

    A member may have several: `source` says whose picture it is, and pages show the one with `isShown`.
    `sourceUrl` is what `explain`, `refresh`, `retry` and `forget` take. `chatTitle` is null if nobody in the
    chat has a name.
    """

    chatId: str
    chatTitle: str | None
    participantId: str | None
    fullName: str | None
    source: ShownFor
    sourceUrl: str
    status: ImageStatus | Literal["none"]
    reason: str | None
    cachedAt: Moment | None
    isShown: bool


class ShownPictures(TypedDict):
    """A page of pictures, in undefined order. `nextCursor` is null on the last page."""

    pictures: list[ShownPicture]
    nextCursor: str | None


class PicturesOfPlace(TypedDict):
    """The pictures that a member, or the chat itself, may show, the preferred one first."""

    pictures: list[ShownPicture]


class Attempt(TypedDict):
    """A request to an origin, and the origin's answer."""

    at: Moment | None
    origin: str
    answer: str


class ClosedOrigin(TypedDict):
    """An origin that is not asked before `until`, because its circuit is open.

    `cause` is `outage` if the origin cannot be reached or something else answers in its place,
    `unauthorized` if it refuses the token, and `busy` if it has asked for a pause. `answer` is the answer
    that opened the circuit.
    """

    origin: OriginName
    cause: Cause
    answer: str
    until: Moment | None


class Story(TypedDict):
    """The state and the history of one image. `summary` explains them in sentences.

    `failures` is the number of consecutive failures. If a worker has claimed the image, the claim ends at
    `heldUntil`. If the image waits to be fetched, `closedOrigins` has the origins that may not be asked now.
    `moreShownBy` is true if further chats or members show the image.
    """

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
    closedOrigins: list[ClosedOrigin]
    image: Image
    shownBy: list[Shown]
    moreShownBy: bool


class Queued(TypedDict):
    """The image was queued."""

    status: Literal["pending"]


class Forgotten(TypedDict):
    """The image was forgotten.

    `deletedVersions` is the number of deleted versions of its objects. `hiddenObjects` is the number of
    objects that were stored in the last minutes: they are no longer served, and the sweep deletes them after
    a day. `edge` says whether CloudFront deletes
    its copies: `told` if it does, `not_told` if the request to CloudFront has failed, `not_needed` if the
    image was not stored or another image has the same content. The stack of `make run` has no CloudFront: a
    part of its engine answers in that place, so `edge` says nothing there.
    """

    status: Literal["forgotten"]
    deletedVersions: int
    hiddenObjects: int
    edge: Invalidation
