"""One chat with a page of its full roster: who is in it, with their pictures."""

from dataclasses import dataclass

from imagecache.rules.image_choice import Face, keys_of, participant_image, participant_keys
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.reading.list_chats import ShownChat, show

_MEMBERS_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class ChatWithRoster:
    """`last` is the id of the last member, if there are more."""

    chat: ShownChat
    members: list[Face]
    last: str | None


def show_chat(
    chat_id: str,
    *,
    after: str | None,
    chats: ChatReader,
    participants: ParticipantsTable,
    images: CachedImages,
) -> ChatWithRoster | None:
    """None when there is no such chat. Two reads, then one wave of look-ups."""
    chat = chats.one(chat_id)
    if chat is None:
        return None
    members, last = participants.page(chat_id, limit=_MEMBERS_A_PAGE, after=after)
    views = images.views([*keys_of(chat, 0), *participant_keys(members)])
    return ChatWithRoster(
        show(chat, views, participants=0), [(one, participant_image(one, views)) for one in members], last
    )
