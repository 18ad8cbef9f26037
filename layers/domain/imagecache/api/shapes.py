"""The JSON that several routes share. The OpenAPI document is generated from all shapes and their docstrings.

The other shapes are in `chat_shapes.py`, `image_shapes.py`, `contact_shapes.py` and `operation_shapes.py`.
"""

# Before 3.12 typing has no TypeAliasType, and its TypedDict cannot be turned into JSON Schema.
from typing import NotRequired

from typing_extensions import TypeAliasType, TypedDict

from imagecache.rules.image_choice import ShownFor, ShownStatus

Moment = TypeAliasType("Moment", str)
"""A time in ISO 8601, in UTC and with seconds."""


class Error(TypedDict):
    """An error. `message` says what is wrong and what to do; programs should read `code`.

    `requestId` is the id of the request in the server's logs.
    """

    message: str
    code: str
    requestId: str


class Image(TypedDict):
    """A picture, with all fields that a page needs to draw it at once. Fields without a value are left out.

    `url` is the URL of the WebP file that fills a square of 192 px; only a cached picture has one. The other
    files are beside it: replace `192.webp`, at the end of `url`, by `96.webp` for the file that fills a
    square of 96 px, by `640.webp` for one whose longest side has 640 px, and if `isAnimated` is true by
    `anim.webp` for an animated one of at most 192 px. `placeholder` is a ThumbHash in base64. A transparent
    picture has a `backdrop`, a color on which it can be seen. `width` and `height` are the original's, in
    pixels. `initials` are those of the person or chat, and are left out if the picture is cached. `reason` is
    the reason of a failure, or `forgotten`.
    """

    status: ShownStatus
    source: NotRequired[ShownFor]
    url: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    placeholder: NotRequired[str]
    color: NotRequired[str]
    backdrop: NotRequired[str]
    isAnimated: NotRequired[bool]
    initials: NotRequired[str]
    reason: NotRequired[str]


class Shown(TypedDict):
    """A place that shows a picture: a member of a chat, or the chat itself if `participantId` is null."""

    chatId: str
    chatTitle: str | None
    participantId: str | None
