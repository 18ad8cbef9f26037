"""Requests chats from Beeper's client API: the list, newest first in pages, and single chats."""

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

# New servers accept 1 to 200 chats a page. Old ones ignore the limit and send 25.
_CHATS_PER_PAGE = 200
# Seconds to connect and to read. Beeper's own MCP server allows a request 30 s.
_TIMEOUT = (5.0, 30.0)
# New servers send the whole roster for -1. Old ones refuse that and accept 0 to 500.
_WHOLE_ROSTER = -1
_LARGEST_PART_OF_A_ROSTER = 500

Parameters = Mapping[str, str | int]


class ChatApi:
    """`GET /v1/chats` and `GET /v1/chats/{id}` of one Beeper.

    `secrets` holds those of BEEPER_SECRETS that exist. `timeout` is in seconds, to connect and to read.

    Every method raises OriginDownError if Beeper cannot be reached, and its subclass OriginUnauthorizedError
    if Beeper or the tunnel refuses the secrets.
    """

    def __init__(
        self,
        *,
        base_url: str,
        secrets: Mapping[str, str],
        session: requests.Session,
        chats_per_page: int = _CHATS_PER_PAGE,
        timeout: tuple[float, float] = _TIMEOUT,
    ) -> None:
        self._base_url = base_url
        self._session = session
        self._headers = beeper_headers(secrets)
        self._chats_per_page = chats_per_page
        self._timeout = timeout

    def page(self, cursor: str | None) -> ChatPage:
        """Returns the page that the cursor names, or the newest one for None.

        Raises ListingError if the answer is not a list of chats.
        """
        older: Parameters = {} if cursor is None else {"cursor": cursor, "direction": "before"}
        status, answer = self._get("/v1/chats", {"limit": self._chats_per_page, **older})
        if status == HTTPStatus.FORBIDDEN:
            raise OriginUnauthorizedError("status 403")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise OriginDownError(f"status {status}")
        if status != HTTPStatus.OK:
            raise ListingError(f"status {status}")
        return parse_page(answer)

    def with_full_roster(self, chat: Chat) -> Chat:
        """Returns the chat with all its members, or with as many as the server gives.

        Raises ChatUnavailableError if Beeper answers with an error for this chat.
        """
        path = _path(chat.chat_id)
        status, answer = self._get(path, {"maxParticipantCount": _WHOLE_ROSTER})
        if status == HTTPStatus.BAD_REQUEST:
            status, answer = self._get(path, {"maxParticipantCount": _LARGEST_PART_OF_A_ROSTER})
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
            roster_is_partial=full.roster_is_partial or len(full.participants) < count,
        )

    def exists(self, chat_id: str) -> bool:
        """Returns False if Beeper itself answers 404 for this chat.

        Raises ListingError if the answer says neither that it exists nor that it does not.
        """
        status, _ = self._get(_path(chat_id), {"maxParticipantCount": 0})
        if status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise ListingError(f"status {status}")
        return status == HTTPStatus.OK

    def _get(self, path: str, parameters: Parameters) -> tuple[int, dict[str, Any]]:
        """Returns the status and the JSON object that Beeper answers."""
        try:
            response = self._session.get(
                self._base_url + path,
                params=dict(parameters),
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise connection_error(error) from error
        with response:
            return response.status_code, _answer_of_beeper(response)


def _path(chat_id: str) -> str:
    return f"/v1/chats/{quote(chat_id, safe='')}"


def _answer_of_beeper(response: requests.Response) -> dict[str, Any]:
    """Returns the JSON object of an answer by Beeper itself, whatever its status.

    Raises OriginDownError, or OriginUnauthorizedError, if a tunnel or a login answered in its place: then the
    answer says nothing about any chat.
    """
    status = response.status_code
    check_answer(response)
    if status in GATEWAY_STATUSES:
        raise OriginDownError(f"status {status}")
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:  # ValueError also for a number of thousands of digits
        raise OriginDownError(f"status {status}, and the body is not JSON: a tunnel's page?") from error
    return answer if isinstance(answer, dict) else {}
