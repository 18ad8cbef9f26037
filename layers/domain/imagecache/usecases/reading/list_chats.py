"""A page of chats with every picture: one Query a folder, then one wave of look-ups over distinct keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.chat import Chat, Folder
from imagecache.rules.image_choice import (
    Face,
    ShownImage,
    Views,
    chat_image,
    faces,
    keys_of,
    participant_image,
)
from imagecache.stores.chats.chat_reader import ChatConditions, ChatReader, ChatsPage, Position
from imagecache.stores.images.cached_images import CachedImages

# Chats looked at for a page of those that match: so many a Query (1 MB ends it earlier), so many Queries.
_LOOKED_AT = 250
_MOST_QUERIES = 8

Positions = Mapping[Folder, Position | None]
"""Where each folder goes on, None: at its beginning. A folder that has come to its end is not in it."""


class ChatFilter(StrEnum):
    """Which chats are listed."""

    INBOX = "inbox"
    UNREAD = "unread"
    GROUPS = "groups"
    PINNED = "pinned"
    ARCHIVED = "archived"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ShownChat:
    """A chat with its picture, its members with theirs, and a pictureless group's faces."""

    chat: Chat
    image: ShownImage
    faces: list[Face]
    participants: list[Face]


@dataclass(frozen=True, slots=True)
class ChatList:
    """Empty `positions`: the end."""

    chats: list[ShownChat]
    positions: Positions


def folders(chosen: ChatFilter) -> Positions:
    """The folders of a listing, at their beginning."""
    match chosen:
        case ChatFilter.ALL:
            return {Folder.INBOX: None, Folder.ARCHIVE: None}
        case ChatFilter.ARCHIVED:
            return {Folder.ARCHIVE: None}
        case _:
            return {Folder.INBOX: None}


def list_chats(
    *,
    chats: ChatReader,
    images: CachedImages,
    chosen: ChatFilter,
    account_id: str | None,
    limit: int,
    after: Positions,
    participants: int,
) -> ChatList:
    """At most `limit` chats, newest first, each with its first `participants` members."""
    only = ChatConditions(
        unread=chosen is ChatFilter.UNREAD,
        groups=chosen is ChatFilter.GROUPS,
        pinned=chosen is ChatFilter.PINNED,
        account_id=account_id,
    )
    found = {folder: _matching(chats, folder, only, limit, start) for folder, start in after.items()}
    page = _newest(found, limit)
    views = images.views(key for chat in page for key in keys_of(chat, participants))
    return ChatList([show(chat, views, participants) for chat in page], _go_on(found, page, after))


def _matching(
    chats: ChatReader, folder: Folder, only: ChatConditions, limit: int, start: Position | None
) -> ChatsPage:
    """At least `limit` chats that match, unless there are no more or the work is bounded; where to go on."""
    found: list[Chat] = []
    position = start
    for _ in range(_MOST_QUERIES):
        looked_at = limit if only.everything else _LOOKED_AT
        page = chats.newest(folder, limit=looked_at, after=position, only=only)
        found += page.chats
        position = page.position
        if position is None or len(found) >= limit:
            break
    return ChatsPage(found, position)


def _newest(found: Mapping[Folder, ChatsPage], limit: int) -> list[Chat]:
    """The newest of all folders, but none older than what a folder may still hold."""
    unseen = max((page.position.last_activity for page in found.values() if page.position), default=0)
    chats = [chat for page in found.values() for chat in page.chats if chat.last_activity >= unseen]
    return sorted(chats, key=lambda chat: -chat.last_activity)[:limit]


def _go_on(found: Mapping[Folder, ChatsPage], page: list[Chat], after: Positions) -> Positions:
    """After what was taken of each folder, which may be less than what was found."""
    positions: dict[Folder, Position | None] = {}
    for folder, known in found.items():
        taken = [chat for chat in page if chat.folder is folder]
        if len(taken) < len(known.chats):
            last = Position(taken[-1].chat_id, taken[-1].last_activity) if taken else after[folder]
            positions[folder] = last
        elif known.position:
            positions[folder] = known.position
    return positions


def show(chat: Chat, views: Views, participants: int) -> ShownChat:
    """The chat with every picture chosen."""
    image = chat_image(chat, views)
    members = [(one, participant_image(one, views)) for one in chat.participants[:participants]]
    return ShownChat(chat, image, faces(chat, image, views), members)
