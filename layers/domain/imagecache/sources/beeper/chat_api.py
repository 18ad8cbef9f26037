"""Beeper's client API: every chat, page by page, newest first."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from imagecache.errors import (
    ChatUnavailableError,
    ListingError,
    OriginDownError,
    OriginUnauthorizedError,
    UnreadableChatError,
)
from imagecache.model.chat import Chat
from imagecache.sources.beeper.answers import GATEWAY_STATUSES, check_answer, connection_error
from imagecache.sources.beeper.auth import beeper_headers
from imagecache.sources.beeper.chat_json import ChatPage, parse_chat, parse_page

# New servers take 1 to 200; old ones ignore it and send 25.
_PAGE_LIMIT = 200
_MOST_PARTICIPANTS = 500
# (connect, read) seconds: Beeper's own MCP server allows a request 30 s.
_TIMEOUT = (5, 30)

Parameters = Mapping[str, str | int]


class ChatApi:
    """`GET /v1/chats` and `GET /v1/chats/{id}` of one Beeper; `secrets` are those of BEEPER_SECRETS."""

    def __init__(self, *, base_url: str, secrets: Mapping[str, str], session: requests.Session) -> None:
        self._base_url = base_url
        self._session = session
        self._headers = beeper_headers(secrets)

    def page(self, cursor: str | None) -> ChatPage:
        """The newest page, or the one that a cursor names. Raises OriginDownError, ListingError."""
        older: Parameters = {} if cursor is None else {"cursor": cursor, "direction": "before"}
        status, answer = self._get("/v1/chats", {"limit": _PAGE_LIMIT, **older})
        if status == HTTPStatus.FORBIDDEN:
            raise OriginUnauthorizedError("status 403")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise OriginDownError(f"status {status}")
        if status != HTTPStatus.OK:
            raise ListingError(f"status {status}")
        return parse_page(answer)

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
            has_more_participants=full.has_more_participants or len(full.participants) < count,
        )

    def exists(self, chat_id: str) -> bool:
        """False only for a 404 of this very chat. Raises OriginDownError, ListingError."""
        status, _ = self._get(_path(chat_id), {"maxParticipantCount": 0})
        if status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise ListingError(f"status {status}")
        return status == HTTPStatus.OK

    def _get(self, path: str, parameters: Parameters) -> tuple[int, dict[str, Any]]:
        """Status and JSON object. Raises OriginDownError for what only the tunnel or a person can mend."""
        try:
            response = self._session.get(
                self._base_url + path,
                params=dict(parameters),
                headers=self._headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise connection_error(error) from error
        with response:
            return response.status_code, _object(response)


def _path(chat_id: str) -> str:
    return f"/v1/chats/{quote(chat_id, safe='')}"


def _object(response: requests.Response) -> dict[str, Any]:
    """Beeper's own words, whatever its status. Raises OriginDownError where somebody else answers."""
    status = response.status_code
    check_answer(response)
    if status in GATEWAY_STATUSES:
        raise OriginDownError(f"status {status}")
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise OriginDownError(f"status {status}, not JSON: a tunnel's page?") from error
    return answer if isinstance(answer, dict) else {}
