"""The JSON of chats and their members, field by field."""

from typing import Literal

from typing_extensions import TypedDict  # typing's own cannot be turned into JSON Schema before 3.12

from imagecache.api.shapes import Image, Moment


class Participant(TypedDict):
    """A member of a chat."""

    participantId: str
    fullName: str | None
    username: str | None
    isSelf: bool
    image: Image


class Chat(TypedDict):
    """A chat. `facepile` has up to four members' pictures if the chat is a group without a cached picture.

    `isMarkedUnread` means that the owner has marked the chat as unread, though `unreadCount` may be 0.
    `mergedInto` is the id of the union that Beeper shows instead of this chat; it is null in lists, because
    they do not have such chats.
    """

    chatId: str
    accountId: str
    network: str | None
    type: Literal["single", "group"]
    title: str | None
    lastActivity: Moment | None
    unreadCount: int
    isArchived: bool
    isMuted: bool
    isPinned: bool
    isLowPriority: bool
    isMarkedUnread: bool
    mergedInto: str | None
    lastMessage: str | None
    image: Image
    facepile: list[Image]
    participants: list[Participant]
    participantCount: int
    hasMoreParticipants: bool


class Chats(TypedDict):
    """A page of chats, newest first. `nextCursor` is null on the last page."""

    chats: list[Chat]
    nextCursor: str | None


class ChatDetail(TypedDict):
    """A chat and a page of its full roster. `nextParticipantsCursor` is null on the last page."""

    chat: Chat
    participants: list[Participant]
    nextParticipantsCursor: str | None
