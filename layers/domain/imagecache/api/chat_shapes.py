"""The JSON of chats and their members, field by field."""

from typing import (
    Literal,
    NotRequired,  # typing's own cannot be turned into JSON Schema before 3.12
)

from typing_extensions import (
    TypedDict,
)

from imagecache.api.shapes import Image, Moment


class Participant(TypedDict):
    """A member of a chat. Fields without a value are left out.

    Lists of chats have only what draws the face, unless `participantFields` is `all`: they have no
    `participantId`, the `username` only of members without a name, and of the `image` neither `width`,
    `height`, `placeholder` nor `color`.
    """

    participantId: NotRequired[str]
    fullName: NotRequired[str]
    username: NotRequired[str]
    isSelf: NotRequired[bool]
    image: Image


class Chat(TypedDict):
    """A chat. Fields that would be null, false, 0 or empty are left out, but for `participantCount`.

    `facepile` has up to four members' pictures if the chat is a group without a cached picture. They are
    drawn small, so they have a `color`, but neither `placeholder`, `width` nor `height`.
    `isMarkedUnread` means that the owner has marked the chat as unread, though it may have no `unreadCount`.
    `mergedInto` is the id of the union that Beeper shows instead of this chat; lists do not have such chats.
    """

    chatId: str
    accountId: str
    network: NotRequired[str]
    type: Literal["single", "group"]
    title: NotRequired[str]
    lastActivity: NotRequired[Moment]
    unreadCount: NotRequired[int]
    isArchived: NotRequired[bool]
    isMuted: NotRequired[bool]
    isPinned: NotRequired[bool]
    isLowPriority: NotRequired[bool]
    isMarkedUnread: NotRequired[bool]
    mergedInto: NotRequired[str]
    lastMessage: NotRequired[str]
    image: Image
    facepile: NotRequired[list[Image]]
    participants: NotRequired[list[Participant]]
    participantCount: int
    hasMoreParticipants: NotRequired[bool]


class Chats(TypedDict):
    """A page of chats, newest first. `nextCursor` is null on the last page."""

    chats: list[Chat]
    nextCursor: str | None


class ChatDetail(TypedDict):
    """A chat and a page of its full roster. `nextParticipantsCursor` is null on the last page."""

    chat: Chat
    participants: list[Participant]
    nextParticipantsCursor: str | None
