"""Lists chats with their pictures: Queries for each folder, then one look-up of all images of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.chat import Chat, Folder
from imagecache.rules.image_choice import ShownChat, image_keys_of_chat, shown_chat
from imagecache.rules.names import is_part_of, title_of
from imagecache.stores.chats.shown import ChatConditions, ChatsPage, Position, ShownChats
from imagecache.stores.images.views import ImageViews

Positions = Mapping[Folder, Position | None]
"""Maps each folder to the position after which it continues, None for its beginning.

A folder without further chats has no entry.
"""


class ChatFilter(StrEnum):
    """The filters for a list of chats."""

    INBOX = "inbox"
    UNREAD = "unread"
    GROUPS = "groups"
    PINNED = "pinned"
    LOW_PRIORITY = "low-priority"
    ARCHIVED = "archived"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ChatList:
    """A page of chats, newest first. `positions` is empty on the last page."""

    chats: list[ShownChat]
    positions: Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatListing:
    """Lists chats page by page.

    If a filter matches few chats, one page may need several Queries of a folder: at most `most_queries`, each
    of which reads `chats_per_query` chats, or fewer if they are larger than 1 MB. A search for a title reads
    `chats_per_search` with each, because most searches have to read all chats.
    """

    shown_chats: ShownChats
    image_views: ImageViews
    chats_per_query: int = 250
    chats_per_search: int = 1_000
    most_queries: int = 8

    def page(
        self,
        chat_filter: ChatFilter,
        *,
        account_id: str | None,
        limit: int,
        member_limit: int,
        title: str | None = None,
        after: Positions | None = None,
    ) -> ChatList:
        """Returns at most `limit` chats, each with its first `member_limit` members.

        With `title`, only chats whose title contains this text are listed, whatever the case and the accents.
        `after` must be the `positions` of the page before with the same filter, or None for the first page.
        """
        starts = after or dict.fromkeys(folders_of(chat_filter))
        conditions = ChatConditions(
            unread=chat_filter is ChatFilter.UNREAD,
            groups=chat_filter is ChatFilter.GROUPS,
            pinned=chat_filter is ChatFilter.PINNED,
            account_id=account_id,
        )
        matches = {
            folder: self._matches(folder, conditions, title=title, limit=limit, after=start)
            for folder, start in starts.items()
        }
        chats = _newest(matches, limit)
        views = self.image_views.views(
            key for chat in chats for key in image_keys_of_chat(chat, member_limit)
        )
        shown = [shown_chat(chat, views, member_limit) for chat in chats]
        return ChatList(shown, _positions_after(chats, matches, starts))

    def _matches(
        self,
        folder: Folder,
        conditions: ChatConditions,
        *,
        title: str | None,
        limit: int,
        after: Position | None,
    ) -> ChatsPage:
        """Returns `limit` chats of one folder or more, but fewer at its end or after `most_queries`."""
        if title is not None:
            chats_to_read = self.chats_per_search
        else:
            chats_to_read = limit if conditions.everything else self.chats_per_query
        chats: list[Chat] = []
        position = after
        for _ in range(self.most_queries):
            page = self.shown_chats.newest(folder, limit=chats_to_read, after=position, only=conditions)
            # DynamoDB's own filters know the case of letters, and no titles that are made of members' names.
            chats += [chat for chat in page.chats if title is None or is_part_of(title, title_of(chat))]
            position = page.position
            if position is None or len(chats) >= limit:
                break
        return ChatsPage(chats, position)


def folders_of(chat_filter: ChatFilter) -> tuple[Folder, ...]:
    """Returns the folders that a filter lists."""
    match chat_filter:
        case ChatFilter.ALL:
            return tuple(Folder)
        case ChatFilter.LOW_PRIORITY:
            return (Folder.LOW_PRIORITY,)
        case ChatFilter.ARCHIVED:
            return (Folder.ARCHIVE,)
        case _:
            return (Folder.INBOX,)


def _newest(matches: Mapping[Folder, ChatsPage], limit: int) -> list[Chat]:
    """Returns at most `limit` chats of all folders, newest first.

    A folder that was not read to its end may have further matches up to the time of its position. Older chats
    of another folder are left for a later page, so that the pages together stay sorted.
    """
    unread_since = max((page.position.last_activity for page in matches.values() if page.position), default=0)
    chats = [chat for page in matches.values() for chat in page.chats if chat.last_activity >= unread_since]
    return sorted(chats, key=lambda chat: -chat.last_activity)[:limit]


def _positions_after(chats: list[Chat], matches: Mapping[Folder, ChatsPage], starts: Positions) -> Positions:
    """Returns where each folder continues.

    If the page shows only some of a folder's matches, the folder continues after its last chat on the page.
    """
    positions: dict[Folder, Position | None] = {}
    for folder, page in matches.items():
        shown = [chat for chat in chats if chat.folder is folder]
        if len(shown) < len(page.chats):
            last = Position(shown[-1].chat_id, shown[-1].last_activity) if shown else starts[folder]
            positions[folder] = last
        elif page.position:
            positions[folder] = page.position
    return positions
