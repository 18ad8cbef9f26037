"""Pages of the chat list, by a cursor that outlives changes: it names a position, not an index."""

import base64
import binascii
import json
from collections.abc import Sequence

from demo.chats import Chat, Json

# At most this many participants stand in a list (reference B 2.2).
PARTICIPANTS = 20
PARTICIPANTS_OF_OLD_SERVERS = 5

Position = tuple[int, str]


class InvalidCursorError(Exception):
    """A cursor that this server has not made."""


def list_page(
    chats: Sequence[Chat], *, cursor: str | None, is_forward: bool, limit: int, is_old: bool
) -> Json:
    """`chats` newest first; without a cursor the page starts at the newest, whatever the direction."""
    matching, page = chats, chats[:limit]
    if cursor:
        here = _read_cursor(cursor)
        matching = [c for c in chats if (_position(c) > here if is_forward else _position(c) < here)]
        # Forward, too, the nearest ones come first and a page is newest first.
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
