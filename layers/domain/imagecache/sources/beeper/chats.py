"""Requests pages of the list of chats, and single chats, from Beeper's client API, and parses the JSON.

Servers differ: any field may be missing, null, or of another type, and there may be additional fields. A
value that cannot be read becomes None, 0 or False. Only these are errors: an answer that is too large or not
JSON, a list without items or without the cursor of its next page, and a chat whose id is missing or cannot be
a key.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import accumulate
from threading import RLock
from typing import Any
from urllib.parse import quote

import requests

from imagecache.errors import (
    AnswerTooLargeError,
    ChatNotRequestedError,
    ChatUnavailableError,
    ListingError,
    OriginBusyError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
    OriginUnreachableError,
    UnreadableChatError,
)
from imagecache.model.chat import (
    MOST_ID_BYTES,
    PERSON_KEY_PREFIX,
    Chat,
    Participant,
    lacks_at_most_oneself,
)
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.model.message import Attachment, Message
from imagecache.rules.last_message import MAX_TEXT_CHARS, last_message_line
from imagecache.rules.names import better_name
from imagecache.rules.source_urls import image_ref
from imagecache.sources.beeper.answers import GATEWAY_STATUSES, check_answer, connection_error
from imagecache.sources.beeper.auth import beeper_headers
from imagecache.sources.transport import NO_COMPRESSION, Deadline, read_json

# New servers accept 1 to 200 chats a page. Old ones ignore the limit and send 25.
_CHATS_PER_PAGE = 200
# Seconds to connect and to read. Beeper's own MCP server allows a request 30 s.
_TIMEOUT = (5.0, 30.0)
LONGEST_PAGE_MS = int(sum(_TIMEOUT) * 1000)
"""The longest time that a request for a page takes, unless its server has several addresses."""

# A single chat comes from Beeper's own database, unless Beeper asks the network for its members.
_TIMEOUT_FOR_ONE_CHAT = (5.0, 5.0)
# The time that slow answers for single chats may take after each page of the list. With 200 answers that are
# nearly slow, a page then takes less than an invocation lasts, so that every invocation makes progress.
_SLOW_SECONDS = 2.0
_MOST_SLOW_SECONDS = 60.0
# New servers send the whole roster for -1. Old servers refuse -1, and accept 0 to 500.
_WHOLE_ROSTER = -1
_LARGEST_PART_OF_A_ROSTER = 500
# A name may be as long as a Matrix event, 64 KB. A row with twenty of them must stay below DynamoDB's 400 KB.
_MAX_TEXT_CHARS = 1000
# The longest valid URL is a data URL of this length.
_MAX_URL_BYTES = 64 * 1024
# A row with ids of this total length stays below DynamoDB's 400 KB.
_MOST_MERGED_BYTES = 100 * MOST_ID_BYTES
# A server may also answer 404 because it has no such route, for example if the base URL has a wrong path.
_NO_SUCH_ROUTE = re.compile(r"route|endpoint|path|url|cannot get", re.IGNORECASE)
_NO_SUCH_CHAT = re.compile(r"\bchat\b.*\bnot found", re.IGNORECASE)
# Larger than any date in ms, and exact in every JSON implementation.
_LARGEST_NUMBER = 2**53

Parameters = Mapping[str, str | int]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatPage:
    """A page of the list of chats.

    `unreadable` has an entry for each chat that cannot be stored: its id if the id cannot be a key, or "" if
    it has no id. `next_cursor` is None on the last page.
    """

    chats: list[Chat]
    unreadable: list[str]
    next_cursor: str | None


class ChatApi:
    """`GET /v1/chats` and `GET /v1/chats/{id}` of one Beeper.

    `secrets` has the value of each of BEEPER_SECRETS that is set. `timeout` and `timeout_for_one_chat` have
    the seconds to connect and to read. `clock` returns seconds.

    Every method raises OriginDownError if Beeper cannot be reached, and its subclass OriginUnauthorizedError
    if Beeper or the tunnel refuses the secrets. If only the request for a single chat fails, and Beeper still
    sends its list, the error concerns this chat alone. If Beeper has answered requests for single chats
    slowly for a minute, further ones are not sent before the next call of `begin_page`.

    Several threads may call the methods. Their requests are sent one after the other, so that Beeper answers
    each within its own timeout, and because a session is made for one thread at a time.
    """

    def __init__(
        self,
        *,
        base_url: str,
        secrets: Mapping[str, str],
        session: requests.Session,
        chats_per_page: int = _CHATS_PER_PAGE,
        timeout: tuple[float, float] = _TIMEOUT,
        timeout_for_one_chat: tuple[float, float] = _TIMEOUT_FOR_ONE_CHAT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._session = session
        self._headers = beeper_headers(secrets)
        self._chats_per_page = chats_per_page
        self._timeout = timeout
        self._timeout_for_one_chat = timeout_for_one_chat
        self._clock = clock
        self._slow_seconds = 0.0
        self._turn = RLock()

    def begin_page(self) -> None:
        """Allows another minute of slow answers for single chats, before the chats of a page are stored."""
        with self._turn:
            self._slow_seconds = 0.0

    def page(self, cursor: str | None) -> ChatPage:
        """Returns the page of the list that starts at the cursor, or the first page if `cursor` is None.

        Raises ListingError if the answer is not a list of chats.
        """
        older: Parameters = {} if cursor is None else {"cursor": cursor, "direction": "before"}
        return self._page({"limit": self._chats_per_page, **older})

    def _page(self, parameters: Parameters) -> ChatPage:
        try:
            status, answer = self._get("/v1/chats", parameters)
        except AnswerTooLargeError as error:
            raise ListingError(str(error)) from error
        if status == HTTPStatus.FORBIDDEN:
            raise OriginUnauthorizedError("status 403")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise OriginDownError(f"status {status}")
        if status != HTTPStatus.OK:
            raise ListingError(f"status {status}")
        return parse_page(answer)

    def with_full_roster(self, chat: Chat) -> Chat:
        """Returns the chat with all its members, or with as many members as the server sends.

        Raises ChatUnavailableError if Beeper answers the request for this chat with an error, and its
        subclass ChatNotRequestedError if no request is sent.
        """
        status, answer = self._get_chat(chat.chat_id, most_members=_WHOLE_ROSTER)
        if status == HTTPStatus.BAD_REQUEST:
            status, answer = self._get_chat(chat.chat_id, most_members=_LARGEST_PART_OF_A_ROSTER)
        if status != HTTPStatus.OK:
            raise ChatUnavailableError(f"status {status}")
        try:
            full = parse_chat(answer)
        except UnreadableChatError as error:
            raise ChatUnavailableError("the answer is not a chat that can be read") from error
        if full.chat_id != chat.chat_id:
            raise ChatUnavailableError("the answer is another chat")
        count = max(full.participant_count, chat.participant_count)
        return replace(
            chat,
            participants=full.participants,
            participant_count=count,
            roster_is_partial=full.roster_is_partial or not lacks_at_most_oneself(full.participants, count),
        )

    def look_up(self, chat_id: str) -> Chat | None:
        """Returns the chat without its members, or None if Beeper answers that it does not have the chat.

        Raises ListingError if Beeper answers with another error, or with something that is not this chat.
        """
        try:
            status, answer = self._get_chat(chat_id, most_members=0)
        except ChatUnavailableError as error:
            raise ListingError(str(error)) from error
        if status == HTTPStatus.NOT_FOUND and _says_that_chat_is_gone(answer):
            return None
        if status != HTTPStatus.OK:
            raise ListingError(f"status {status}")
        try:
            chat = parse_chat(answer)
        except UnreadableChatError as error:
            raise ListingError("the answer is not a chat that can be read") from error
        if chat.chat_id != chat_id:
            raise ListingError("the answer is another chat")
        return chat

    def _get_chat(self, chat_id: str, *, most_members: int) -> tuple[int, dict[str, Any]]:
        """Requests a single chat with up to this many members, and returns the status and the answer.

        Counts the time if the answer is slow. Raises ChatNotRequestedError if that has taken too long.
        """
        if self._slow_seconds > _MOST_SLOW_SECONDS:
            raise ChatNotRequestedError("other chats were answered too slowly")
        with self._turn:  # The time until then does not count: Beeper answers another request meanwhile.
            started = self._clock()
            try:
                return self._request_chat(chat_id, most_members)
            finally:
                seconds = self._clock() - started
                if seconds > _SLOW_SECONDS:
                    self._slow_seconds += seconds

    def _request_chat(self, chat_id: str, most_members: int) -> tuple[int, dict[str, Any]]:
        """Requests a single chat with up to this many members, and returns the status and the answer.

        A chat that Beeper answers slowly, or with an error that a tunnel may have sent as well, must not end
        every run at the same place. So after such an error the list is requested. Raises ChatUnavailableError
        if only the chat cannot be read, and OriginDownError if the list cannot be read either.
        """
        try:
            return self._get(
                _path(chat_id), {"maxParticipantCount": most_members}, self._timeout_for_one_chat
            )
        except AnswerTooLargeError as error:
            raise ChatUnavailableError(str(error)) from error
        except (OriginUnreachableError, OriginBusyError):  # No single chat is the cause of these.
            raise
        except OriginDownError as error:
            try:
                self._page({"limit": 1})
            except ListingError:
                raise error from None
            raise ChatUnavailableError(str(error)) from error

    def get(
        self, path: str, parameters: Parameters, timeout: tuple[float, float] | None = None
    ) -> tuple[int, Any]:
        """Sends a GET request, and returns the status and the JSON value of Beeper's answer.

        `timeout` has the seconds to connect and to read. Raises AnswerTooLargeError.
        """
        timeout = timeout or self._timeout
        with self._turn:
            deadline = Deadline(sum(timeout))
            try:
                response = self._session.get(
                    self._base_url + path,
                    params=dict(parameters),
                    headers={**self._headers, **NO_COMPRESSION},
                    timeout=timeout,
                    stream=True,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise connection_error(error) from error
            with response:
                return response.status_code, _answer_of_beeper(response, deadline)

    def _get(
        self, path: str, parameters: Parameters, timeout: tuple[float, float] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Does the same as `get` for an answer that is an object. Any other value becomes an empty object."""
        status, answer = self.get(path, parameters, timeout)
        return status, answer if isinstance(answer, dict) else {}


def _path(chat_id: str) -> str:
    return f"/v1/chats/{quote(chat_id, safe='')}"


def _says_that_chat_is_gone(answer: Json) -> bool:
    """Returns True if the body of an answer with the status 404 is Beeper's error for an unknown chat.

    Beeper's errors are `{"message": "Chat not found", "code": "NOT_FOUND"}`. Old ones are `{"error": "..."}`.
    """
    code = text_of(answer, "code")
    message = text_of(answer, "message") or text_of(answer, "error") or ""
    # An error for an unknown route has the path in its text, and with it the id of the chat.
    if _NO_SUCH_ROUTE.search(f"{code} {message}"):
        return False
    if code is None:
        return _NO_SUCH_CHAT.search(message) is not None
    return code.upper().endswith("NOT_FOUND")


def _answer_of_beeper(response: requests.Response, deadline: Deadline) -> Any:
    """Returns the JSON value of an answer of Beeper, which may have any status.

    Raises OriginDownError or OriginUnauthorizedError if a tunnel or a login answered instead of Beeper.
    Raises AnswerTooLargeError.
    """
    status = response.status_code
    check_answer(response)
    if status in GATEWAY_STATUSES:
        raise OriginDownError(f"status {status}")
    try:
        return read_json(response.raw, deadline)
    except OriginFaultyError as error:  # for a list there is no other answer to compare it with
        raise OriginDownError(f"status {status}, and {error}") from error
    except (ValueError, RecursionError) as error:  # ValueError also for a number of thousands of digits
        raise OriginDownError(
            f"status {status}, with a body that is not JSON, probably an error page of the tunnel"
        ) from error


def parse_page(answer: Json) -> ChatPage:
    """Parses a page of the list of chats. Raises ListingError if the answer is not one.

    If the answer does not say whether more pages follow, they follow until a page is empty. Of several
    entries for one chat, the first one counts: DynamoDB refuses a batch that writes a row twice.
    """
    items, next_cursor = items_of_page(answer)
    chats: dict[str, Chat] = {}
    unreadable: list[str] = []
    for item in items:
        try:
            chat = parse_chat(item)
        except UnreadableChatError as error:
            unreadable.append(error.chat_id)
        else:
            chats.setdefault(chat.chat_id, chat)
    return ChatPage(list(chats.values()), unreadable, next_cursor)


def items_of_page(answer: Json) -> tuple[list[Any], str | None]:
    """Returns the items of a page, and the cursor of the next page or None on the last one.

    Raises ListingError if the answer is not a page.
    """
    items = answer.get("items")
    cursor = _cursor(answer.get("oldestCursor"))
    if not isinstance(items, list):
        raise ListingError("Beeper's answer has no list `items`: check that BeeperUrl leads to Beeper's API")
    has_more = _flag(answer, "hasMore")
    if not has_more and not _is_false(answer.get("hasMore")):  # the answer does not say it, or not clearly
        has_more = bool(items and cursor)
    if has_more and cursor is None:
        raise ListingError("Beeper's answer says that there are more items, but it has no cursor")
    return items, cursor if has_more else None


def parse_chat(item: object) -> Chat:
    """Parses an item of the list, or the answer for a single chat.

    Raises UnreadableChatError if it has no id that can be a key.
    """
    if not isinstance(item, Mapping):
        raise UnreadableChatError
    chat_id = _id(item)
    if chat_id is None or chat_id.startswith(PERSON_KEY_PREFIX):
        raise UnreadableChatError(text_of(item, "id", max_chars=None) or "")
    roster = _parse_roster(_mapping(item, "participants"))
    source_url, image = _picture(item)
    # A channel, or a type that is not known yet, has no other person whose picture the chat's would be.
    is_group = (text_of(item, "type") or "single").casefold() != "single"
    newest_message = parse_message(_mapping(item, "preview"), roster.participants)
    return Chat(
        chat_id=chat_id,
        account_id=text_of(item, "accountID") or "",
        network=text_of(item, "network"),
        type="group" if is_group else "single",
        title=text_of(item, "title"),
        description=text_of(item, "description"),
        last_activity=_milliseconds(item.get("lastActivity")),
        unread_count=_count(item.get("unreadCount")),
        is_archived=_flag(item, "isArchived"),
        is_muted=_flag(item, "isMuted"),
        is_pinned=_flag(item, "isPinned"),
        merged_into=_merged_into(item, chat_id),
        last_message=last_message_line(newest_message, in_group=is_group),
        source_url=source_url,
        image=image,
        participants=roster.participants,
        participant_count=roster.total,
        roster_is_partial=roster.is_partial,
        is_marked_unread=_flag(item, "isMarkedUnread"),
        is_low_priority=_flag(item, "isLowPriority"),
        merged_chat_ids=_merged_chat_ids(item, chat_id),
    )


def _merged_into(item: Json, chat_id: str) -> str | None:
    """Returns the id of the union that a chat is merged into, or None.

    A chat that names itself is not merged, or it would hide itself.
    """
    value = item.get("mergedIntoChatID")
    union_id = _key(text_of(item, "mergedIntoChatID", max_chars=None)) if isinstance(value, str) else None
    return None if union_id == chat_id else union_id


def _merged_chat_ids(item: Json, chat_id: str) -> tuple[str, ...]:
    """Returns the ids of the chats that are merged into this one, sorted, without the chat's own.

    A chat that is itself merged into another one is a member, not a union.
    """
    if _merged_into(item, chat_id):
        return ()
    listed = _mapping(item, "merge").get("chatIDs")
    members = listed if isinstance(listed, list) else []
    texts = (_key(text_of({"id": member}, "id", max_chars=None)) for member in members)
    ids = sorted({text for text in texts if text and text != chat_id})
    total_bytes = accumulate(len(text.encode()) for text in ids)
    return tuple(text for text, total in zip(ids, total_bytes, strict=True) if total <= _MOST_MERGED_BYTES)


def parse_participant(member: Json) -> Participant:
    """Parses a member of a chat."""
    source_url, image = _picture(member)
    return Participant(
        participant_id=_id(member) or "",
        full_name=text_of(member, "fullName"),
        username=text_of(member, "username"),
        phone_number=text_of(member, "phoneNumber"),
        email=text_of(member, "email"),
        is_self=_flag(member, "isSelf"),
        is_network_bot=_flag(member, "isNetworkBot"),
        source_url=source_url,
        image=image,
    )


def parse_message(message: Json, members: Iterable[Participant]) -> Message:
    """Parses a message of a chat with these members.

    The sender's name is taken from the list of members if the message has none, or an identifier instead.
    """
    sender_id = text_of(message, "senderID", max_chars=None)
    sender = next((member for member in members if member.participant_id == sender_id), None)
    listed_name = sender.full_name if sender else None
    attachments = message.get("attachments")
    return Message(
        type=(text_of(message, "type") or "").upper(),
        text=text_of(message, "text", max_chars=MAX_TEXT_CHARS),
        sender_name=better_name(text_of(message, "senderName"), listed_name) or listed_name,
        is_own=_flag(message, "isSender") or (sender is not None and sender.is_self),
        is_deleted=_may_be_set(message, "isDeleted"),
        is_hidden=_may_be_set(message, "isHidden"),
        attachments=tuple(
            _parse_attachment(attachment)
            for attachment in (attachments if isinstance(attachments, list) else [])
            if isinstance(attachment, Mapping)
        ),
    )


def _parse_attachment(attachment: Json) -> Attachment:
    return Attachment(
        type=text_of(attachment, "type") or "",
        file_name=text_of(attachment, "fileName"),
        is_gif=_flag(attachment, "isGif"),
        is_sticker=_flag(attachment, "isSticker"),
        is_voice_note=_flag(attachment, "isVoiceNote"),
    )


@dataclass(frozen=True, slots=True)
class _RosterJson:
    participants: tuple[Participant, ...]
    total: int
    is_partial: bool


def _parse_roster(roster: Json) -> _RosterJson:
    """Parses the members of a chat.

    A roster also counts as partial if its list is missing or empty, if a member cannot be read, or if the
    server says neither that there are no more members nor how many there are. As a whole roster it would mean
    that the missing members have left the chat. Only if there are no more members may oneself be missing.
    """
    items = roster.get("items")
    members = items if isinstance(items, list) else []
    entries = (parse_participant(member) for member in members if isinstance(member, Mapping))
    parsed = [member for member in entries if member.participant_id]
    unreadable = len(members) - len(parsed)
    by_id: dict[str, Participant] = {}
    for member in parsed:  # Of several entries for one member, the first one counts.
        by_id.setdefault(member.participant_id, member)
    readable = tuple(by_id.values())
    total = max(_count(roster.get("total")), len(readable) + unreadable)
    if not readable or unreadable or _flag(roster, "hasMore"):
        is_whole = False
    elif _is_false(roster.get("hasMore")):
        is_whole = lacks_at_most_oneself(readable, total)
    else:
        is_whole = len(readable) == _count(roster.get("total"))
    return _RosterJson(readable, total, is_partial=not is_whole)


def _picture(item: Json) -> tuple[str | None, ImageRef | None]:
    """Returns a picture's source URL, and its image key or the reason why the URL is rejected."""
    url = text_of(item, "imgURL", max_chars=None)
    if url is None:
        return None, None
    if len(url.encode()) > _MAX_URL_BYTES:
        return url[:_MAX_TEXT_CHARS], ImageRef(None, RejectionReason.TOO_LONG)
    image = image_ref(url)
    return (url[:_MAX_TEXT_CHARS] if image.rejected else url), image


def _cursor(value: object) -> str | None:
    """Returns the cursor unchanged, because only the server knows its format, or None if there is none."""
    return str(value) if isinstance(value, str | int) and value != "" else None


def _id(item: Json) -> str | None:
    """Returns the id, or None if it is missing or too long for a key in DynamoDB."""
    return _key(text_of(item, "id", max_chars=None))


def _key(text: str | None) -> str | None:
    """Returns the text, or None if it is empty or too long for a key in DynamoDB."""
    return text if text and len(text.encode()) <= MOST_ID_BYTES else None


def text_of(item: Json, name: str, *, max_chars: int | None = _MAX_TEXT_CHARS) -> str | None:
    """Returns the first `max_chars` characters of a text or a number, or None if there are none."""
    value = item.get(name)
    if not isinstance(value, str):
        if value is None or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        value = str(value)
    text = value.strip()[:max_chars]
    # Characters that UTF-8 cannot encode are replaced, because DynamoDB cannot store them.
    return (text if text.isascii() else text.encode(errors="replace").decode()) or None


def _mapping(item: Json, name: str) -> Json:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def _flag(item: Json, name: str) -> bool:
    value = item.get(name)
    return value.lower() in {"true", "1"} if isinstance(value, str) else value in (True, 1)


def _may_be_set(item: Json, name: str) -> bool:
    """Returns True if a flag is set, or has a value that cannot be read. Returns False if it is missing."""
    value = item.get(name)
    return bool(value) and not _is_false(value)


def _is_false(value: object) -> bool:
    """Returns True if the value says no, and False if it says yes or is missing or not a flag."""
    return value.lower() in {"false", "0"} if isinstance(value, str) else value in (False, 0)


def _count(value: object) -> int:
    try:
        return min(max(0, int(value)), _LARGEST_NUMBER) if isinstance(value, str | int | float) else 0
    except (ValueError, OverflowError):
        return 0


def _milliseconds(value: object) -> int:
    """Returns ms since 1970, or 0 if the value is not a date.

    Both forms occur in Beeper's documentation: a text in ISO 8601, and a number of ms since 1970.
    """
    if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return 0
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(moment.timestamp() * 1000))
    return _count(value)
