"""Beeper's JSON → pages of Chat and Participant, forgiving: fields may be missing, null, extra or wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagecache.errors import ListingError, UnreadableChatError
from imagecache.model.chat import Chat, Participant
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.rules.source_urls import image_ref

Json = Mapping[str, Any]

# DynamoDB's limit for a sort key.
_MAX_ID_BYTES = 1024
# Names may be as long as a Matrix event, 64 KB, and a row with twenty of them must stay below 400 KB.
_LONGEST_TEXT = 1000
# Data URLs have up to 64 KB.
_LONGEST_URL = 100_000
# Far beyond any date in ms, and exact wherever a JSON number goes.
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class ChatPage:
    """Chats as listed, the ids of those that cannot be read (or ""), and the next cursor, None at the end."""

    chats: list[Chat]
    unreadable: list[str]
    next_cursor: str | None


def parse_page(answer: Json) -> ChatPage:
    """Raises ListingError. A server that does not say whether there is more is asked until it has none."""
    items, cursor = answer.get("items"), _cursor(answer.get("oldestCursor"))
    if not isinstance(items, list):
        raise ListingError("no items")
    has_more = bool(items and cursor) if answer.get("hasMore") is None else _flag(answer, "hasMore")
    if has_more and cursor is None:
        raise ListingError("more, but no cursor")
    chats, unreadable = [], []
    for item in items:
        try:
            chats.append(parse_chat(item))
        except UnreadableChatError as error:
            unreadable.append(error.chat_id)
    return ChatPage(chats, unreadable, cursor if has_more else None)


def parse_chat(item: object) -> Chat:
    """A list item or a single chat. Raises UnreadableChatError."""
    if not isinstance(item, Mapping):
        raise UnreadableChatError
    if not (chat_id := _id(item)):
        raise UnreadableChatError(_text(item, "id", None) or "")
    participants, count, has_more = _roster(_mapping(item, "participants"))
    source_url, image = _image_of(item)
    return Chat(
        chat_id=chat_id,
        account_id=_text(item, "accountID") or "",
        network=_text(item, "network"),
        type="group" if _text(item, "type") == "group" else "single",
        title=_text(item, "title"),
        description=_text(item, "description"),
        last_activity=_milliseconds(item.get("lastActivity")),
        unread_count=_count(item.get("unreadCount")),
        is_archived=_flag(item, "isArchived"),
        is_muted=_flag(item, "isMuted"),
        is_pinned=_flag(item, "isPinned"),
        last_message=_text(_mapping(item, "preview"), "text"),
        merged_into=_text(item, "mergedIntoChatID", None),
        source_url=source_url,
        image=image,
        participants=participants,
        participant_count=count,
        has_more_participants=has_more,
    )


def _roster(roster: Json) -> tuple[tuple[Participant, ...], int, bool]:
    """Members, how many there are in all, and whether some are not among them.

    A list that is absent, or holds what cannot be read, is a part and not the whole: nobody has left.
    """
    items = roster.get("items")
    members = items if isinstance(items, list) else []
    readable = tuple(parse_participant(one) for one in members if isinstance(one, Mapping) and _id(one))
    total = max(_count(roster.get("total")), len(members))
    whole = bool(members) and len(readable) == total and not _flag(roster, "hasMore")
    return readable, total, not whole


def parse_participant(member: Json) -> Participant:
    source_url, image = _image_of(member)
    return Participant(
        participant_id=_id(member) or "",
        full_name=_text(member, "fullName"),
        username=_text(member, "username"),
        phone_number=_text(member, "phoneNumber"),
        email=_text(member, "email"),
        is_self=_flag(member, "isSelf"),
        is_network_bot=_flag(member, "isNetworkBot"),
        source_url=source_url,
        image=image,
    )


def _cursor(value: object) -> str | None:
    """As the server spells it: opaque."""
    return str(value) if isinstance(value, str | int) and value != "" else None


def _image_of(item: Json) -> tuple[str | None, ImageRef | None]:
    """The picture's URL, and what it amounts to."""
    url = _text(item, "imgURL", None)
    if url is None:
        return None, None
    if len(url) > _LONGEST_URL:
        return url[:_LONGEST_TEXT], ImageRef(None, RejectionReason.TOO_LONG)
    image = image_ref(url)
    return (url[:_LONGEST_TEXT] if image.rejected else url), image


def _id(item: Json) -> str | None:
    """An id that can be a key."""
    value = _text(item, "id", None)
    return value if value and len(value.encode()) <= _MAX_ID_BYTES else None


def _text(item: Json, name: str, most: int | None = _LONGEST_TEXT) -> str | None:
    """A non-empty text of at most so many characters; numbers count as such."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # What UTF-8 cannot carry, DynamoDB cannot store.
    return str(value).strip()[:most].encode(errors="replace").decode() or None


def _mapping(item: Json, name: str) -> Json:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def _flag(item: Json, name: str) -> bool:
    value = item.get(name)
    return value.lower() in {"true", "1"} if isinstance(value, str) else value in (True, 1)


def _count(value: object) -> int:
    try:
        return min(max(0, int(value)), _LARGEST) if isinstance(value, str | int | float) else 0
    except (ValueError, OverflowError):
        return 0


def _milliseconds(value: object) -> int:
    """ISO 8601 or epoch milliseconds (Beeper's documents disagree) → ms, 0 if neither."""
    if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return 0
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(moment.timestamp() * 1000))
    return _count(value)
