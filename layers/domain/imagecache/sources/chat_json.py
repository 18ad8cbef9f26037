"""Beeper's JSON → Chat and Participant, forgiving: fields may be missing, null, extra or of another type."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from imagecache.errors import ImageCacheError, RejectedSourceError
from imagecache.identity import image_key
from imagecache.model import Chat, ImageRef, Participant

Json = Mapping[str, Any]

# DynamoDB's limit for a sort key.
_MAX_ID_BYTES = 1024
# Far beyond any date in ms, and exact wherever a JSON number goes.
_LARGEST = 2**53


class UnreadableChatError(ImageCacheError):
    """A chat without what no chat can be without: it is skipped, counted and logged, and stops nothing."""


def parse_chat(item: object) -> Chat:
    """A list item or a single chat. Raises UnreadableChatError when it has no id."""
    if not isinstance(item, Mapping) or not (chat_id := _id(item)):
        raise UnreadableChatError
    roster = _mapping(item, "participants")
    participants = tuple(
        parse_participant(member)
        for member in _sequence(roster, "items")
        if isinstance(member, Mapping) and _id(member)
    )
    img_url, image = _image_of(item)
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
        merged_into=_text(item, "mergedIntoChatID"),
        img_url=img_url,
        image=image,
        participants=participants,
        participant_count=max(_count(roster.get("total")), len(participants)),
        has_more_participants=_flag(roster, "hasMore"),
    )


def parse_participant(member: Json) -> Participant:
    img_url, image = _image_of(member)
    return Participant(
        participant_id=_id(member) or "",
        full_name=_text(member, "fullName"),
        username=_text(member, "username"),
        phone_number=_text(member, "phoneNumber"),
        email=_text(member, "email"),
        is_self=_flag(member, "isSelf"),
        is_network_bot=_flag(member, "isNetworkBot"),
        img_url=img_url,
        image=image,
    )


def _image_of(item: Json) -> tuple[str | None, ImageRef | None]:
    """The picture's URL, and what it amounts to."""
    url = _text(item, "imgURL")
    if url is None:
        return None, None
    try:
        return url, ImageRef(image_key(url))
    except RejectedSourceError as error:
        return url, ImageRef(None, error.reason)


def _id(item: Json) -> str | None:
    """An id that can be a key."""
    value = _text(item, "id")
    return value if value and len(value.encode()) <= _MAX_ID_BYTES else None


def _text(item: Json, name: str) -> str | None:
    """A non-empty text; numbers count as such."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # What UTF-8 cannot carry, DynamoDB cannot store.
    return str(value).strip().encode(errors="replace").decode() or None


def _mapping(item: Json, name: str) -> Json:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def _sequence(item: Json, name: str) -> list[Any]:
    value = item.get(name)
    return value if isinstance(value, list) else []


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
