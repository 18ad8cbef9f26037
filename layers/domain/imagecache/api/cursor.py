"""Where a listing goes on, as an opaque text that holds only for the listing it came from."""

import base64
import binascii
import json

from imagecache.api.http import Request
from imagecache.errors import BadRequestError
from imagecache.model import Folder
from imagecache.stores.chats import Position

# DynamoDB's largest number key is 38 digits; 2**53 ms is far beyond any date.
_LATEST = 2**53


def write(position: Position | None, folder: Folder) -> str | None:
    """None at the end of a listing."""
    if position is None:
        return None
    fields = [folder.value, position.last_activity, position.chat_id]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def read(request: Request, folder: Folder) -> Position | None:
    """Raises BadRequestError for a cursor that is damaged or of another listing."""
    text = request.get("cursor")
    if text is None:
        return None
    try:
        fields = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadRequestError("cursor is not one of ours: leave it out to start again") from error
    match fields:
        case [folder.value, int(last_activity), str(chat_id)] if chat_id and 0 <= last_activity <= _LATEST:
            return Position(chat_id, last_activity)
    raise BadRequestError("cursor is of another listing: leave it out to start again")
