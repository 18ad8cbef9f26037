"""Cursors: opaque texts that say where a listing continues. Each is valid for one listing only."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

from imagecache.errors import InvalidRequestError

Position = TypeVar("Position")

_DIGEST_CHARS = 8
# DynamoDB takes larger numbers as keys, but no time in ms is later than this one.
_LARGEST_MOMENT = 2**53


def write(listing: str, position: Any) -> str | None:
    """Returns the cursor of a position, which is anything that JSON can carry; None for None, the end."""
    if position is None:
        return None
    text = json.dumps(position, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode((_digest(listing, text) + text).encode()).decode().rstrip("=")


def read(listing: str, cursor: str | None, parse: Callable[[Any], Position | None]) -> Position | None:
    """Returns the position that a cursor was made of; None, the beginning, without a cursor.

    `parse` turns the JSON into a position, and returns None for JSON that no position of this listing has.
    Raises InvalidRequestError for a cursor that is damaged, invented, or of another listing. A cursor is
    neither secret nor signed: an invented one shows nothing that its token could not read anyway.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        digest, text = content[:_DIGEST_CHARS], content[_DIGEST_CHARS:]
        belongs = digest == _digest(listing, text)
        position = parse(json.loads(text)) if belongs else None
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRequestError("The cursor is damaged: leave it out to start again") from error
    if not belongs:
        raise InvalidRequestError("The cursor is of another listing: leave it out to start again")
    if position is None:
        raise InvalidRequestError("The cursor is damaged: leave it out to start again")
    return position


def is_key(value: object, *, max_bytes: int) -> TypeGuard[str]:
    """Returns True if DynamoDB takes the value as a key: a text of 1 to `max_bytes` bytes in UTF-8."""
    try:
        return isinstance(value, str) and 1 <= len(value.encode()) <= max_bytes
    except UnicodeEncodeError:  # JSON can carry half of a surrogate pair
        return False


def is_moment(value: object) -> TypeGuard[int]:
    """Returns True if the value is a time in ms, or 0, which means that there is none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_MOMENT


def _digest(listing: str, text: str) -> str:
    return hashlib.sha256(f"{listing}\n{text}".encode()).hexdigest()[:_DIGEST_CHARS]
