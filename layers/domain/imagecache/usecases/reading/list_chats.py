"""Lists chats with every picture: one Query for each folder, then one look-up of all images of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.chat import Chat, Folder
from imagecache.rules.image_choice import (
    ShownImage,
    ShownMember,
    Views,
    chat_image,
    faces,
    image_keys_of_chat,
    participant_image,
)
from imagecache.stores.chats.chats import ChatConditions, ChatsPage, ChatsTable, Position
from imagecache.stores.images.cached_images import CachedImages

Positions = Mapping[Folder, Position | None]
"""The position after which each folder continues, None for its beginning. A finished folder is left out."""


class ChatFilter(StrEnum):
    """The selections of chats that can be listed."""

    INBOX = "inbox"
    UNREAD = "unread"
    GROUPS = "groups"
    PINNED = "pinned"
    ARCHIVED = "archived"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ShownChat:
    """A chat with its picture, the faces that stand for a group without one, and its first members."""

    chat: Chat
    image: ShownImage
    faces: list[ShownMember]
    members: list[ShownMember]


@dataclass(frozen=True, slots=True)
class ChatList:
    """A page of chats, newest first. Without `positions` it is the last one."""

    chats: list[ShownChat]
    positions: Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatListing:
    """Lists chats page by page.

    A filter may match few chats. `chats_per_query` chats are read by each Query for them (DynamoDB ends one
    at 1 MB), and one page makes at most `most_queries` in a folder.
    """

    chats_table: ChatsTable
    cached_images: CachedImages
    chats_per_query: int = 250
    most_queries: int = 8

    def page(
        self,
        chat_filter: ChatFilter,
        *,
        account_id: str | None,
        limit: int,
        after: Positions,
        member_limit: int,
    ) -> ChatList:
        """Returns at most `limit` chats, each with its first `member_limit` members."""
        conditions = ChatConditions(
            unread=chat_filter is ChatFilter.UNREAD,
            groups=chat_filter is ChatFilter.GROUPS,
            pinned=chat_filter is ChatFilter.PINNED,
            account_id=account_id,
        )
        matches = {
            folder: self._matches(folder, conditions, limit=limit, after=start)
            for folder, start in after.items()
        }
        chats = _newest(matches, limit)
        views = self.cached_images.views(
            key for chat in chats for key in image_keys_of_chat(chat, member_limit)
        )
        shown = [with_pictures(chat, views, member_limit) for chat in chats]
        return ChatList(shown, _positions_after(chats, matches, after))

    def _matches(
        self, folder: Folder, conditions: ChatConditions, *, limit: int, after: Position | None
    ) -> ChatsPage:
        """Returns at least `limit` chats of one folder, or fewer at its end or after `most_queries`."""
        chats: list[Chat] = []
        position = after
        for _ in range(self.most_queries):
            chats_to_read = limit if conditions.everything else self.chats_per_query
            page = self.chats_table.newest(folder, limit=chats_to_read, after=position, only=conditions)
            chats += page.chats
            position = page.position
            if position is None or len(chats) >= limit:
                break
        return ChatsPage(chats, position)


def first_positions(chat_filter: ChatFilter) -> Positions:
    """Returns the folders that a filter lists, each at its beginning."""
    match chat_filter:
        case ChatFilter.ALL:
            return {Folder.INBOX: None, Folder.ARCHIVE: None}
        case ChatFilter.ARCHIVED:
            return {Folder.ARCHIVE: None}
        case _:
            return {Folder.INBOX: None}


def with_pictures(chat: Chat, views: Views, member_limit: int) -> ShownChat:
    """Chooses every picture of a chat and of its first `member_limit` members."""
    image = chat_image(chat, views)
    members = [
        ShownMember(member, participant_image(member, views)) for member in chat.participants[:member_limit]
    ]
    return ShownChat(chat, image, faces(chat, image, views), members)


def _newest(matches: Mapping[Folder, ChatsPage], limit: int) -> list[Chat]:
    """Returns the newest chats of all folders.

    A folder that was not read to its end may still have matches as new as its position. Chats older than that
    have to wait for a later page, or they would overtake them.
    """
    unread_since = max((page.position.last_activity for page in matches.values() if page.position), default=0)
    chats = [chat for page in matches.values() for chat in page.chats if chat.last_activity >= unread_since]
    return sorted(chats, key=lambda chat: -chat.last_activity)[:limit]


def _positions_after(chats: list[Chat], matches: Mapping[Folder, ChatsPage], after: Positions) -> Positions:
    """Returns where each folder continues: after its last chat on this page if not all its matches are."""
    positions: dict[Folder, Position | None] = {}
    for folder, page in matches.items():
        shown = [chat for chat in chats if chat.folder is folder]
        if len(shown) < len(page.chats):
            last = Position(shown[-1].chat_id, shown[-1].last_activity) if shown else after[folder]
            positions[folder] = last
        elif page.position:
            positions[folder] = page.position
    return positions
