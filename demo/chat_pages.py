"""Divides the lists of chats and of contacts into pages.

A cursor contains the activity and the id of a chat, or the id of a contact, instead of an index, so it is
valid even if chats are added, removed or moved.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from demo.chats import Chat, Json, Person

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
    item = chat.as_json(PARTICIPANTS_OF_OLD_SERVERS if is_old else PARTICIPANTS, is_old=is_old)
    preview = chat.preview(is_old=is_old)
    return {**item, "preview": preview} if preview else item


def contacts_page(contacts: Sequence[Person], *, cursor: str | None, limit: int) -> Json:
    """Returns the page of contacts after the cursor. `contacts` must be sorted by id.

    Raises InvalidCursorError.
    """
    last_id = _decode(cursor) if cursor else ""
    if not isinstance(last_id, str):
        raise InvalidCursorError(cursor)
    matching = [person for person in contacts if person.id > last_id]
    page = matching[:limit]
    return {
        "items": [person.as_user_json() for person in page],
        "hasMore": len(matching) > len(page),
        "newestCursor": _encode(page[0].id) if page else None,
        "oldestCursor": _encode(page[-1].id) if page else None,
    }


def _position(chat: Chat) -> Position:
    return chat.activity_ms, chat.id


def _make_cursor(chat: Chat) -> str:
    return _encode(_position(chat))


def _read_cursor(cursor: str) -> Position:
    try:
        activity_ms, chat_id = _decode(cursor)
        return int(activity_ms), str(chat_id)
    except (ValueError, TypeError) as error:
        raise InvalidCursorError(cursor) from error


def _encode(position: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _decode(cursor: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursorError(cursor) from error
