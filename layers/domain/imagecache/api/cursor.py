"""Where a listing goes on, as an opaque text that holds only for the listing it came from."""

import base64
import binascii
import hashlib
import json
from typing import Any

from imagecache.errors import InvalidRequestError

_DIGEST_CHARS = 8


def write(listing: str, position: Any) -> str | None:
    """`position` is anything that JSON can carry; None, the end, has no cursor."""
    if position is None:
        return None
    text = json.dumps(position, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode((_digest(listing, text) + text).encode()).decode().rstrip("=")


def read(listing: str, cursor: str | None) -> Any:
    """The position that was written for the same listing, None for none.

    Raises InvalidRequestError for one that is damaged or of another listing. It is not secret or signed:
    whoever makes one up sees no more than the token lets them see anyway.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        known = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        digest, text = known[:_DIGEST_CHARS], known[_DIGEST_CHARS:]
        if digest == _digest(listing, text):
            return json.loads(text)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRequestError("cursor is not one of ours: leave it out to start again") from error
    raise InvalidRequestError("cursor is of another listing: leave it out to start again")


def _digest(listing: str, text: str) -> str:
    return hashlib.sha256(f"{listing}\n{text}".encode()).hexdigest()[:_DIGEST_CHARS]
