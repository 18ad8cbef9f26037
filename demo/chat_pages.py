"""Divides the list of chats into pages.

A cursor contains the activity and the id of a chat instead of an index, so it is valid even if chats are
added, removed or moved.
"""

import base64
import binascii
import json
from collections.abc import Sequence

from demo.chats import Chat, Json

# How many of a chat's participants its entry in the list has.
PARTICIPANTS = 20
PARTICIPANTS_OF_OLD_SERVERS = 5

Position = tuple[int, str]
"""The place of a chat in the list: its latest activity (ms), then its id."""


class InvalidCursorError(Exception):
    """The cursor was not made by this server."""


def list_page(
    chats: Sequence[Chat], *, cursor: str | None, is_forward: bool, limit: int, is_old: bool
) -> Json:
    """Returns the page of chats older than the cursor or, if `is_forward`, newer than it.

    `chats` must be sorted, newest first. Without a cursor, the page has the newest chats, in both directions.
    Raises InvalidCursorError.
    """
    matching = chats
    page = chats[:limit]
    if cursor:
        start = _read_cursor(cursor)
        matching = [
            chat for chat in chats if (_position(chat) > start if is_forward else _position(chat) < start)
        ]
        # A page of newer chats is also sorted newest first. It has the chats that are nearest to the cursor.
        page = matching[-limit:] if is_forward else matching[:limit]
    return {
        "items": [_item(chat, is_old) for chat in page],
        "hasMore": len(matching) > len(page),
        "newestCursor": _make_cursor(page[0]) if page else None,
        "oldestCursor": _make_cursor(page[-1]) if page else None,
    }


def _item(chat: Chat, is_old: bool) -> Json:
    item = chat.as_json(PARTICIPANTS_OF_OLD_SERVERS if is_old else PARTICIPANTS)
    if is_old:
        del item["network"]
    preview = chat.preview()
    return {**item, "preview": preview} if preview else item


def _position(chat: Chat) -> Position:
    return chat.activity_ms, chat.id


def _make_cursor(chat: Chat) -> str:
    return base64.urlsafe_b64encode(json.dumps(_position(chat)).encode()).decode()


def _read_cursor(cursor: str) -> Position:
    try:
        activity_ms, chat_id = json.loads(base64.urlsafe_b64decode(cursor))
        return int(activity_ms), str(chat_id)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidCursorError(cursor) from error
