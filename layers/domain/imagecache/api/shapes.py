"""The JSON that several routes share. The OpenAPI document is generated from all shapes and their docstrings.

The other shapes are in `chat_shapes.py`, `image_shapes.py`, `contact_shapes.py` and `operation_shapes.py`.
"""

# Before 3.12 typing has no TypeAliasType, and its TypedDict cannot be turned into JSON Schema.
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
    """A picture, with all fields that a page needs to draw it at once.

    `url` is the URL of the WebP file that fills a square of 192 px. `sizes` has the URLs of the files for
    squares of 96 and 192 px, and of one whose longest side has 640 px, by size. Without a cached picture,
    `url` is null and `sizes` is empty. `placeholder` is a ThumbHash in base64. `backdrop` is a color on which
    a transparent picture can be seen, and null for an opaque one. `animated` is the URL of an animated WebP
    of at most 192 px, and null for a picture without a moving copy. `width` and `height` are the original's,
    in pixels. `reason` is the reason of a failure, or `forgotten`.
    """

    status: ShownStatus
    source: ShownFor | None
    url: str | None
    sizes: dict[str, str]
    width: int | None
    height: int | None
    placeholder: str | None
    color: str | None
    backdrop: str | None
    animated: str | None
    initials: str
    reason: str | None


class Shown(TypedDict):
    """A place that shows a picture: a member of a chat, or the chat itself if `participantId` is null."""

    chatId: str
    chatTitle: str | None
    participantId: str | None
