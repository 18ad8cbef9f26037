"""Chats → what `/api/chats` and `/api/chat` answer."""

from typing import Any

from imagecache.api import chat_shapes as shapes
from imagecache.api import cursor as cursors
from imagecache.api.fields import CURSOR, MOST_CURSOR_CHARS, Choice, Text, Whole
from imagecache.api.image import image_json
from imagecache.api.moments import iso8601
from imagecache.errors import InvalidRequestError, NotFoundError
from imagecache.model.chat import Chat, Folder, Participant
from imagecache.rules.image_choice import ShownImage, other_person
from imagecache.stores.chats.chat_reader import ChatReader, Position
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.reading.list_chats import ChatFilter, Positions, ShownChat, folders, list_chats
from imagecache.usecases.reading.show_chat import show_chat

# DynamoDB's limit for a key.
_MOST_ID_CHARS = 1024
# DynamoDB's largest number key is 38 digits; 2**53 ms is far beyond any date.
_LATEST = 2**53

CHATS_QUERY = (
    Whole("limit", 1, 100, default=50, about="chats on a page"),
    CURSOR,
    Choice(
        "filter",
        ChatFilter,
        default=ChatFilter.INBOX,
        about="which chats; archived ones are in `archived` and `all`",
    ),
    Text("accountId", _MOST_ID_CHARS, about="only chats of this account"),
    Whole("participants", 0, 20, default=4, about="members shown with each chat"),
)
CHAT_QUERY = (
    Text("chatId", _MOST_ID_CHARS, required=True),
    Text(
        "participantsCursor",
        MOST_CURSOR_CHARS,
        about="`nextParticipantsCursor` of the page before; leave it out to begin",
    ),
)


def chats_page(
    *,
    limit: int,
    cursor: str | None,
    filter: ChatFilter,  # noqa: A002 - the API's own word
    account_id: str | None,
    participants: int,
    chats: ChatReader,
    images: CachedImages,
    base_url: str,
) -> shapes.Chats:
    """`GET /api/chats`. Raises InvalidRequestError."""
    listing = f"chats {filter.value} {account_id or ''}"
    position = cursors.read(listing, cursor)
    page = list_chats(
        chats=chats,
        images=images,
        chosen=filter,
        account_id=account_id,
        limit=limit,
        after=folders(filter) if position is None else _positions(position, folders(filter)),
        participants=participants,
    )
    return {
        "chats": [chat_json(shown, base_url) for shown in page.chats],
        "nextCursor": cursors.write(listing, _to_json(page.positions)),
    }


def chat_detail(
    *,
    chat_id: str,
    participants_cursor: str | None,
    chats: ChatReader,
    participants: ParticipantsTable,
    images: CachedImages,
    base_url: str,
) -> shapes.ChatDetail:
    """`GET /api/chat`. Raises InvalidRequestError, NotFoundError."""
    listing = f"roster {chat_id}"
    after = cursors.read(listing, participants_cursor)
    if after is not None and not isinstance(after, str):
        raise InvalidRequestError("participantsCursor is not one of ours: leave it out to start again")
    found = show_chat(chat_id, after=after, chats=chats, participants=participants, images=images)
    if found is None:
        raise NotFoundError("no chat has this chatId")
    return {
        "chat": chat_json(found.chat, base_url),
        "participants": [_participant(one, image, base_url) for one, image in found.members],
        "nextParticipantsCursor": cursors.write(listing, found.last),
    }


def chat_json(shown: ShownChat, base_url: str) -> shapes.Chat:
    chat, title = shown.chat, title_of(shown.chat)
    return {
        "chatId": chat.chat_id,
        "accountId": chat.account_id,
        "network": chat.network,
        "type": "group" if chat.type == "group" else "single",
        "title": title,
        "lastActivity": iso8601(chat.last_activity),
        "unreadCount": chat.unread_count,
        "isArchived": chat.is_archived,
        "isMuted": chat.is_muted,
        "isPinned": chat.is_pinned,
        "lastMessage": chat.last_message,
        "image": image_json(shown.image, title, base_url),
        "facepile": [image_json(face, _name(one), base_url) for one, face in shown.faces],
        "participants": [_participant(one, image, base_url) for one, image in shown.participants],
        "participantCount": chat.participant_count,
        "hasMoreParticipants": chat.participant_count > len(shown.participants),
    }


def title_of(chat: Chat) -> str | None:
    """A single chat without a title bears the other person's name."""
    other = other_person(chat)
    return chat.title or (other.full_name if other else None)


def _participant(participant: Participant, image: ShownImage, base_url: str) -> shapes.Participant:
    return {
        "participantId": participant.participant_id,
        "fullName": participant.full_name,
        "username": participant.username,
        "isSelf": participant.is_self,
        "image": image_json(image, _name(participant), base_url),
    }


def _name(participant: Participant) -> str | None:
    return participant.full_name or participant.username


def _to_json(positions: Positions) -> list[Any] | None:
    """`[folder, lastActivity, chatId]` for each that goes on, without the last two for a beginning."""
    known = [
        [folder.value, *([at.last_activity, at.chat_id] if at else [])] for folder, at in positions.items()
    ]
    return known or None


def _positions(known: Any, listed: Positions) -> Positions:
    """Raises InvalidRequestError for what `_to_json` does not write."""
    positions: dict[Folder, Position | None] = {}
    for one in known if isinstance(known, list) else [None]:
        match one:
            case [str(name)] if name in listed:
                positions[Folder(name)] = None
            case [str(name), int(moment), str(chat_id)] if name in listed and _is_key(moment, chat_id):
                positions[Folder(name)] = Position(chat_id, moment)
            case _:
                raise InvalidRequestError("cursor is not one of ours: leave it out to start again")
    return positions


def _is_key(moment: int, chat_id: str) -> bool:
    return 0 <= moment <= _LATEST and 1 <= len(chat_id.encode()) <= _MOST_ID_CHARS
