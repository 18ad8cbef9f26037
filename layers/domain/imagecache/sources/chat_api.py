"""Beeper's client API: every chat, page by page, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from imagecache.errors import ImageCacheError, OriginDownError, OriginUnauthorizedError
from imagecache.model import Chat
from imagecache.sources.chat_json import UnreadableChatError, parse_chat

# New servers take 1 to 200; old ones ignore it and send 25.
_PAGE_LIMIT = 200
_MOST_PARTICIPANTS = 500
# (connect, read) seconds: Beeper's own MCP server allows a request 30 s.
_TIMEOUT = (5, 30)


Parameters = Mapping[str, str | int]


class ListingError(ImageCacheError):
    """What answers is not a list of chats: nothing may be inferred from it."""


class ChatUnavailableError(ImageCacheError):
    """Beeper lists this chat but does not give it: skipped until the next run."""


@dataclass(frozen=True, slots=True)
class ChatPage:
    """Chats as listed, how many items could not be read, and the cursor of the next page, None at the end."""

    chats: list[Chat]
    unreadable: int
    next_cursor: str | None


class ChatApi:
    """`GET /v1/chats` and `GET /v1/chats/{id}` of one Beeper Desktop or Server."""

    def __init__(self, *, base_url: str, token: str, session: requests.Session) -> None:
        self._base_url = base_url
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}

    def page(self, cursor: str | None) -> ChatPage:
        """The newest page, or the one that a cursor names. Raises OriginDownError, ListingError."""
        older: Parameters = {} if cursor is None else {"cursor": cursor, "direction": "before"}
        status, answer = self._get("/v1/chats", {"limit": _PAGE_LIMIT, **older})
        if status != HTTPStatus.OK:
            raise ListingError(f"status {status}")
        return _parse_page(answer)

    def with_full_roster(self, chat: Chat) -> Chat:
        """The chat with all its participants, or as many as the server gives.

        Raises OriginDownError, ChatUnavailableError.
        """
        status, answer = self._get(_path(chat.chat_id), {"maxParticipantCount": -1})
        if status == HTTPStatus.BAD_REQUEST:  # servers that refuse -1 allow 0 to 500
            status, answer = self._get(_path(chat.chat_id), {"maxParticipantCount": _MOST_PARTICIPANTS})
        if status != HTTPStatus.OK:
            raise ChatUnavailableError(f"status {status}")
        try:
            full = parse_chat(answer)
        except UnreadableChatError as error:
            raise ChatUnavailableError("unreadable") from error
        count = max(full.participant_count, chat.participant_count)
        return replace(
            chat,
            participants=full.participants,
            participant_count=count,
            has_more_participants=len(full.participants) < count,
        )

    def exists(self, chat_id: str) -> bool:
        """False only for a 404 of this very chat. Raises OriginDownError, ListingError."""
        status, _ = self._get(_path(chat_id), {"maxParticipantCount": 0})
        if status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise ListingError(f"status {status}")
        return status == HTTPStatus.OK

    def _get(self, path: str, parameters: Parameters) -> tuple[int, dict[str, Any]]:
        """Status and JSON object; what only the tunnel or a person can mend is raised."""
        try:
            response = self._session.get(
                self._base_url + path,
                params=dict(parameters),
                headers=self._headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise OriginDownError(type(error).__name__) from error
        with response:
            return response.status_code, _object(response)


def _path(chat_id: str) -> str:
    return f"/v1/chats/{quote(chat_id, safe='')}"


def _object(response: requests.Response) -> dict[str, Any]:
    if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise OriginUnauthorizedError(f"status {response.status_code}")
    # 429, and all that a tunnel says of a laptop asleep: 502-504, 520-527, 530.
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or response.status_code >= 500:
        raise OriginDownError(f"status {response.status_code}")
    try:
        answer = response.json()
    except requests.JSONDecodeError as error:
        raise OriginDownError("not JSON: a tunnel's page?") from error
    return answer if isinstance(answer, dict) else {}


def _parse_page(answer: Mapping[str, Any]) -> ChatPage:
    items, cursor = answer.get("items"), answer.get("oldestCursor")
    if not isinstance(items, list):
        raise ListingError("no items")
    if answer.get("hasMore") is True and not isinstance(cursor, str):
        raise ListingError("more, but no cursor")
    chats, unreadable = [], 0
    for item in items:
        try:
            chats.append(parse_chat(item))
        except UnreadableChatError:
            unreadable += 1
    return ChatPage(chats, unreadable, cursor if answer.get("hasMore") is True else None)
