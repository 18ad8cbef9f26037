"""The JSON that all routes share. The OpenAPI document is generated from this and from the other shapes.

The others are in `chat_shapes.py`, `image_shapes.py`, `contact_shapes.py` and `operation_shapes.py`.
"""

# Before 3.12 typing has no TypeAliasType, and its TypedDict cannot be turned into JSON Schema.
from typing_extensions import TypeAliasType, TypedDict

from imagecache.rules.image_choice import ShownFor, ShownStatus

Moment = TypeAliasType("Moment", str)
"""ISO 8601 in UTC, to the second."""


class Error(TypedDict):
    """An error: what is wrong and what to do about it.

    `message` is for a person, `code` for a program. `requestId` finds the request in the server's logs.
    """

    message: str
    code: str
    requestId: str


class Image(TypedDict):
    """A picture with everything that the first paint needs.

    `url` is the WebP of 192 px, `sizes` has those of 96, 192 and 640 px. Both are empty unless the picture is
    cached. `placeholder` is a ThumbHash in base64. `width` and `height` are the original's. `reason` says why
    there is no picture: why it failed, or `forgotten`.
    """

    status: ShownStatus
    source: ShownFor | None
    url: str | None
    sizes: dict[str, str]
    width: int | None
    height: int | None
    placeholder: str | None
    color: str | None
    initials: str
    reason: str | None


class Shown(TypedDict):
    """A place that shows a picture: a member of a chat, or the chat itself if `participantId` is null."""

    chatId: str
    chatTitle: str | None
    participantId: str | None
