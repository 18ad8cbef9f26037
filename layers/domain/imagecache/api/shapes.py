"""The JSON that all routes share. The OpenAPI document is made from this and the shapes of each kind.

`chat_shapes.py`, `image_shapes.py`, `contact_shapes.py` and `operation_shapes.py` have the rest.
"""

# Before 3.12 typing has no TypeAliasType, and its TypedDict cannot be turned into JSON Schema.
from typing_extensions import TypeAliasType, TypedDict

from imagecache.rules.image_choice import ShownFor, ShownStatus

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
    """Where a picture is shown; `participantId` null: as the chat's own."""

    chatId: str
    chatTitle: str | None
    participantId: str | None
