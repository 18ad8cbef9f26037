"""Beeper's client API: every chat, page by page, newest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from imagecache.errors import ImageCacheError, OriginDownError, OriginUnauthorizedError
from imagecache.model import Chat
from imagecache.sources.chat_json import UnreadableChatError, parse_chat

# New servers take 1 to 200; old ones ignore it and send 25.
_PAGE_LIMIT = 200
# (connect, read) seconds: Beeper's own MCP server allows a request 30 s.
_TIMEOUT = (5, 30)


class ListingError(ImageCacheError):
    """The list of chats does not end, or is not one: nothing may be inferred from it."""


@dataclass(frozen=True, slots=True)
class ChatPage:
    """Chats as listed, and how many items could not be read."""

    chats: list[Chat]
    unreadable: int


class ChatApi:
    """`GET /v1/chats` and `GET /v1/chats/{id}` of one Beeper Desktop or Server."""

    def __init__(self, *, base_url: str, token: str, session: requests.Session) -> None:
        self._base_url = base_url
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}

    def pages(self) -> Iterator[ChatPage]:
        """Every page until the last. Raises OriginDownError, OriginUnauthorizedError, ListingError."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            answer = self._get("/v1/chats", {"limit": _PAGE_LIMIT} | _older_than(cursor))
            yield _parse_page(answer)
            cursor = answer.get("oldestCursor")
            if answer.get("hasMore") is not True or cursor is None:
                return
            if cursor in seen:
                raise ListingError("the same cursor came again")
            seen.add(cursor)

    def with_full_roster(self, chat: Chat) -> Chat:
        """The chat with all its participants, or as many as the server gives."""
        path = f"/v1/chats/{quote(chat.chat_id, safe='')}"
        try:
            answer = self._get(path, {"maxParticipantCount": -1})
        except ListingError:
            answer = self._get(path, {"maxParticipantCount": 500})  # servers that refuse -1 allow 0 to 500
        return parse_chat(answer)

    def _get(self, path: str, parameters: Mapping[str, str | int]) -> dict[str, Any]:
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
            return _answer(response)


def _older_than(cursor: str | None) -> dict[str, str | int]:
    return {} if cursor is None else {"cursor": cursor, "direction": "before"}


def _answer(response: requests.Response) -> dict[str, Any]:
    if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise OriginUnauthorizedError(f"status {response.status_code}")
    # 429, and all that a tunnel says of a laptop asleep: 502-504, 520-527, 530.
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or response.status_code >= 500:
        raise OriginDownError(f"status {response.status_code}")
    if response.status_code != HTTPStatus.OK:
        raise ListingError(f"status {response.status_code}")
    try:
        answer = response.json()
    except requests.JSONDecodeError as error:
        raise OriginDownError("not JSON: a tunnel's page?") from error
    if not isinstance(answer, dict):
        raise ListingError("not an object")
    return answer


def _parse_page(answer: Mapping[str, Any]) -> ChatPage:
    items = answer.get("items")
    if not isinstance(items, list):
        raise ListingError("no items")
    chats, unreadable = [], 0
    for item in items:
        try:
            chats.append(parse_chat(item))
        except UnreadableChatError:
            unreadable += 1
    return ChatPage(chats, unreadable)
