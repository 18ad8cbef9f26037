"""The routes that show chats: `/api/chats` and `/api/chat`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from imagecache.api import chat_shapes as shapes
from imagecache.api import cursor as cursors
from imagecache.api.fields import CURSOR, MOST_CURSOR_CHARS, Choice, Text, Whole
from imagecache.api.http import Route, Routes
from imagecache.api.shapes import Image
from imagecache.api.values import FirstPaint, image_json, iso8601
from imagecache.model.chat import MOST_ID_BYTES, Folder
from imagecache.rules.image_choice import ShownChat, ShownImage, ShownMember
from imagecache.rules.names import name_of, title_of
from imagecache.stores.chats.shown import Position
from imagecache.usecases.reading.list_chats import (
    ChatFilter,
    ChatListing,
    Positions,
    folders_of,
)

if TYPE_CHECKING:
    from imagecache.usecases.reading.show_chat import ChatViewer


MOST_TITLE_CHARS = 200
"""The longest part of a title that a list of chats can be searched for."""


class ParticipantFields(StrEnum):
    """The fields of the members that a list of chats shows: what draws their faces, or all."""

    FACE = "face"
    ALL = "all"


CHATS_QUERY = (
    Whole("limit", 1, 100, default=50, about="chats on a page"),
    CURSOR,
    Choice(
        "filter",
        ChatFilter,
        default=ChatFilter.INBOX,
        about="which chats; archived ones are only in `archived` and `all`, those of low priority only in "
        "`low-priority` and `all`; `unread` includes those that the owner has marked as unread",
    ),
    Text("accountId", MOST_ID_BYTES, about="only chats of this account"),
    Text(
        "title",
        MOST_TITLE_CHARS,
        about="only chats whose title contains this text, whatever the case and the accents",
    ),
    Whole("participants", 0, 20, default=4, about="members shown with each chat"),
    Choice(
        "participantFields",
        ParticipantFields,
        default=ParticipantFields.FACE,
        about="what each of these members has: what draws the face, or all that `/api/chat` shows of them",
    ),
)
CHAT_QUERY = (
    Text("chatId", MOST_ID_BYTES, required=True),
    Text(
        "participantsCursor",
        MOST_CURSOR_CHARS,
        about="`nextParticipantsCursor` of the previous page; leave it out for the first page",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRoutes:
    """Shows chats with their pictures. `viewer` is called when a single chat is first requested."""

    listing: ChatListing
    viewer: Callable[[], "ChatViewer"]
    base_url: str

    def routes(self) -> Routes:
        """Returns the routes by API Gateway's route key."""
        return {
            "GET /api/chats": Route(
                summary="List chats with every picture, newest first",
                query=CHATS_QUERY,
                gives=shapes.Chats,
                answer=self.page,
            ),
            "GET /api/chat": Route(
                summary="Show one chat and a page of its full roster",
                query=CHAT_QUERY,
                gives=shapes.ChatDetail,
                errors=[HTTPStatus.NOT_FOUND],
                answer=self.detail,
            ),
        }

    def page(
        self,
        *,
        limit: int,
        cursor: str | None,
        filter: ChatFilter,  # noqa: A002 - the name of the query parameter
        account_id: str | None,
        title: str | None,
        participants: int,
        participant_fields: ParticipantFields,
    ) -> shapes.Chats:
        """Answers `GET /api/chats`. Raises InvalidRequestError."""
        listing = f"chats {filter.value} {account_id or ''}"
        if title is not None:
            listing += f" titled {title}"
        page = self.listing.page(
            filter,
            account_id=account_id,
            limit=limit,
            member_limit=participants,
            title=title,
            after=cursors.read(listing, cursor, partial(_positions, folders=folders_of(filter))),
        )
        return {
            "chats": [chat_json(shown, self.base_url, participant_fields) for shown in page.chats],
            "nextCursor": cursors.write(listing, _positions_json(page.positions)),
        }

    def detail(self, *, chat_id: str, participants_cursor: str | None) -> shapes.ChatDetail:
        """Answers `GET /api/chat`. Raises InvalidRequestError and NotFoundError."""
        listing = f"roster {chat_id}"
        shown = self.viewer().show(chat_id, after=cursors.read(listing, participants_cursor, _participant_id))
        return {
            "chat": chat_json(shown.chat, self.base_url, ParticipantFields.ALL),
            "participants": [_participant_json(member, self.base_url) for member in shown.members],
            "nextParticipantsCursor": cursors.write(listing, shown.last),
        }


def chat_json(shown: ShownChat, base_url: str, fields: ParticipantFields) -> shapes.Chat:
    """Converts a chat to the JSON of the API. `fields` says what its members have."""
    chat = shown.chat
    title = title_of(chat)
    if_set = {
        "network": chat.network,
        "title": title,
        "lastActivity": iso8601(chat.last_activity),
        "unreadCount": chat.unread_count,
        "isArchived": chat.is_archived,
        "isMuted": chat.is_muted,
        "isPinned": chat.is_pinned,
        "isLowPriority": chat.is_low_priority,
        "isMarkedUnread": chat.is_marked_unread,
        "mergedInto": chat.merged_into,
        "lastMessage": chat.last_message,
        "facepile": [
            image_json(face.image, name_of(face.participant), base_url, FirstPaint.COLOR)
            for face in shown.faces
        ],
        "participants": [_participant_json(member, base_url, fields) for member in shown.members],
        "hasMoreParticipants": chat.roster_is_partial or len(chat.participants) > len(shown.members),
    }
    required: shapes.Chat = {
        "chatId": chat.chat_id,
        "accountId": chat.account_id,
        "type": "group" if chat.type == "group" else "single",
        "image": image_json(shown.image, title, base_url),
        "participantCount": chat.participant_count,
    }
    return required | cast("shapes.Chat", {name: value for name, value in if_set.items() if value})


def _participant_json(
    member: ShownMember, base_url: str, fields: ParticipantFields = ParticipantFields.ALL
) -> shapes.Participant:
    participant = member.participant
    name = participant.shown_name
    if fields is ParticipantFields.FACE:
        username = None if name else participant.username
        return _face_json(member.image, name, username, base_url, participant.is_self)
    image = image_json(member.image, name or participant.username, base_url)
    shown = _named(image, name, participant.username, is_self=participant.is_self)
    shown["participantId"] = participant.participant_id
    return shown


# The same faces are on many pages, and nothing changes the JSON of a face that was made. All arguments are
# positional, because the cache finds those in half the time.
@lru_cache(maxsize=4096)
def _face_json(
    image: ShownImage,
    name: str | None,
    username: str | None,
    base_url: str,
    is_self: bool,
) -> shapes.Participant:
    """Returns what draws the face of a member in a list of chats."""
    shown = image_json(image, name or username, base_url, FirstPaint.NOTHING)
    return _named(shown, name, username, is_self=is_self)


def _named(image: Image, name: str | None, username: str | None, *, is_self: bool) -> shapes.Participant:
    shown: shapes.Participant = {"image": image}
    if name:
        shown["fullName"] = name
    if username:
        shown["username"] = username
    if is_self:
        shown["isSelf"] = True
    return shown


def _positions_json(positions: Positions) -> list[list[Any]] | None:
    """Converts positions to JSON for a cursor, or returns None if no folder has further chats.

    The JSON has `[folder, lastActivity, chatId]` for each folder, or `[folder]` for its beginning.
    """
    listed = [
        [folder.value, *([position.last_activity, position.chat_id] if position else [])]
        for folder, position in positions.items()
    ]
    return listed or None


def _positions(listed: Any, *, folders: Collection[Folder]) -> Positions | None:
    """Returns the positions that `_positions_json` has written, or None if the JSON is not valid.

    It is valid only if each folder is one of `folders`.
    """
    positions: dict[Folder, Position | None] = {}
    for entry in listed if isinstance(listed, list) else []:
        match entry:
            case [str(name)] if name in folders:
                positions[Folder(name)] = None
            case [str(name), moment, chat_id] if (
                name in folders
                and cursors.is_moment(moment)
                and cursors.is_key(chat_id, max_bytes=MOST_ID_BYTES)
            ):
                positions[Folder(name)] = Position(chat_id, moment)
            case _:
                return None
    return positions or None


def _participant_id(position: Any) -> str | None:
    return position if cursors.is_key(position, max_bytes=MOST_ID_BYTES) else None
