"""Shows one chat with a page of its full roster and their pictures."""

from dataclasses import dataclass

from imagecache.errors import NotFoundError
from imagecache.rules.image_choice import (
    ShownChat,
    ShownMember,
    image_keys_of_chat,
    image_keys_of_members,
    shown_chat,
    shown_members,
)
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages


@dataclass(frozen=True, slots=True)
class ChatWithRoster:
    """A chat and a page of its members. `last` is the id of the last member, or None on the last page."""

    chat: ShownChat
    members: list[ShownMember]
    last: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatViewer:
    """Shows single chats, with `members_per_page` members on a page."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    cached_images: CachedImages
    members_per_page: int = 100

    def show(self, chat_id: str, *, after: str | None) -> ChatWithRoster:
        """Returns the chat with the members after the participant id `after`. Raises NotFoundError.

        This needs one read of the chat, one of members, and one look-up of images.
        """
        chat = self.chats_table.one(chat_id)
        if chat is None:
            raise NotFoundError("No chat has this chatId")
        members, last = self.participants_table.page(chat_id, limit=self.members_per_page, after=after)
        views = self.cached_images.views([*image_keys_of_chat(chat, 0), *image_keys_of_members(members)])
        return ChatWithRoster(shown_chat(chat, views, member_limit=0), shown_members(members, views), last)
