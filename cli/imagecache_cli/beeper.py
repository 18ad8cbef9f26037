"""Asks Beeper itself, instead of the image cache's API, for the answers that `doctor --contract` compares."""

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from imagecache_cli.access import NEW_CONNECTION, Access
from imagecache_cli.api import Bearer
from imagecache_cli.contract import Comparison, Difference
from imagecache_cli.errors import SettingsError, UnexpectedAnswerError, UnreachableError

# Beeper's own MCP server allows a request 30 s.
_TIMEOUT_SECONDS = 30
# The timeout of a request starts again with every packet, so a slow Beeper could send one byte at a time.
_TOTAL_SECONDS = 120
_PIECE_BYTES = 64 * 1024
# 200 chats with 20 members each have less than 2 MB.
_LARGEST_ANSWER_BYTES = 32 * 1024 * 1024
_PER_PAGE = 200
_MOST_PAGES = 3
_MOST_ACCOUNTS = 10
# No chat has this id, so the answer is an error, whose form is compared, too.
_UNUSED_CHAT = "imagecache-contract"
_CONTACTS = "/v1/accounts/{accountID}/contacts/list"
_NO_ACCOUNT = "no account is known"
NO_TIME = f"no complete answer within the {_TOTAL_SECONDS} s that all requests have together"
"""The reason for which a comparison is not complete."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the comparison, with names in the place of ids, and the status of its answer."""

    request: str
    status: int


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A request of the comparison that was not sent or not answered, and why."""

    request: str
    reason: str


@dataclass(frozen=True, slots=True)
class ContractReport:
    """The result of a comparison: names and kinds only, so that it can be published."""

    asked: list[Asked]
    not_asked: list[NotAsked]
    differences: list[Difference]
    hidden_names: int


def compare_contract(access: Access) -> ContractReport:
    """Asks the Beeper at this address for every kind of answer that we use, and compares them.

    All requests together take no longer than two minutes. Raises CommandError if Beeper cannot be reached,
    refuses the token, or answers with something else.
    """
    return _Questions(access).ask()


class _Questions:
    """Asks one Beeper. Everything that is kept of its answers is in `_comparison` and `_asked`."""

    def __init__(self, access: Access) -> None:
        self._url = access.url
        self._session = requests.Session()
        self._session.auth = Bearer(access.token)
        # A proxy from the environment cannot reach this machine's own 127.0.0.1.
        self._session.trust_env = not access.is_local
        self._comparison = Comparison()
        # The answers of several accounts are one entry if they have the same status.
        self._asked: dict[Asked, None] = {}
        self._not_asked: dict[NotAsked, None] = {}
        self._ends_at = time.monotonic() + _TOTAL_SECONDS

    def ask(self) -> ContractReport:
        self._get("/v1/info", "Info")
        account_ids = _ids(self._get("/v1/accounts", "list of Account"), "accountID")
        if not account_ids:
            self._not_asked[NotAsked(f"GET {_CONTACTS}", _NO_ACCOUNT)] = None
        for account_id in account_ids[:_MOST_ACCOUNTS]:
            self._get(
                f"/v1/accounts/{quote(account_id, safe='')}/contacts/list",
                "ContactsPage",
                {"limit": _PER_PAGE},
                shown=_CONTACTS,
            )
        chat_ids = self._ask_for_chats()
        for chat_id in chat_ids:
            self._ask_for_chat(chat_id)
        self._ask_for_chat(_UNUSED_CHAT)
        differences = self._comparison.finish()
        return ContractReport(list(self._asked), list(self._not_asked), differences, self._comparison.hidden)

    def _ask_for_chats(self) -> list[str]:
        """Compares the first pages of the list. Returns the ids of one chat and one member of a union."""
        query: dict[str, str | int] = {"limit": _PER_PAGE}
        ids: list[str] = []
        for _ in range(_MOST_PAGES):
            page = self._get("/v1/chats", "ChatsPage", query)
            items = page.get("items") if isinstance(page, dict) else None
            ids = ids or [*_ids(items, "id")[:1], *_members_of_a_union(items)]
            cursor = page.get("oldestCursor") if isinstance(page, dict) and page.get("hasMore") else None
            if not isinstance(cursor, str):
                break
            query["cursor"] = cursor
        return ids

    def _ask_for_chat(self, chat_id: str) -> None:
        path = f"/v1/chats/{quote(chat_id, safe='')}"
        self._get(path, "Chat", {"maxParticipantCount": -1}, shown="/v1/chats/{chatID}")

    def _get(
        self, path: str, known: str, query: Mapping[str, str | int] | None = None, *, shown: str = ""
    ) -> Any:
        """Sends a GET request and compares its answer with the type `known`, or with that of an error.

        Returns None for an error, and if the time is over.
        """
        request = f"GET {shown or path}"
        try:
            status, document = self._send_in_time(path, query)
        except TimeoutError:
            self._not_asked[NotAsked(request, NO_TIME)] = None
            return None
        self._asked[Asked(request, status)] = None
        if status == HTTPStatus.UNAUTHORIZED:
            raise SettingsError(f"Beeper does not accept the token: {NEW_CONNECTION}")
        is_answer = status == HTTPStatus.OK
        self._comparison.add(document, known if is_answer else "Error", request)
        return document if is_answer else None

    def _send_in_time(self, path: str, query: Mapping[str, str | int] | None) -> tuple[int, Any]:
        """Sends a GET request. Raises TimeoutError if the answer is not complete when the time is over.

        The request is sent on a thread of its own, which is left behind then: nothing else ends a request
        whose answer arrives byte by byte.
        """
        answer: Future[tuple[int, Any]] = Future()

        def send() -> None:
            try:
                answer.set_result(self._send(path, query))
            except Exception as error:  # noqa: BLE001 - whatever it is, the waiting thread raises it
                answer.set_exception(error)

        remaining = self._ends_at - time.monotonic()
        if remaining > 0:
            threading.Thread(target=send, daemon=True).start()
        return answer.result(max(remaining, 0))

    def _send(self, path: str, query: Mapping[str, str | int] | None) -> tuple[int, Any]:
        try:
            # Following a redirect would send the token to another address.
            with self._session.get(
                self._url + path,
                params=dict(query or {}),
                headers={"Accept-Encoding": "identity"},  # the size is limited as it is sent
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = b""
                for piece in response.iter_content(_PIECE_BYTES):
                    body += piece
                    if len(body) > _LARGEST_ANSWER_BYTES:
                        raise UnexpectedAnswerError("an answer of Beeper is too large: more than 32 MB")
                return response.status_code, json.loads(body)
        except requests.RequestException as error:
            raise UnreachableError(
                "Beeper cannot be reached: check that it is running and that --beeper-url is right"
            ) from error
        # RecursionError for an answer that is nested too deeply.
        except (ValueError, RecursionError) as error:
            raise UnexpectedAnswerError(
                "an answer is not JSON that can be read: check that --beeper-url is the address of a Beeper"
            ) from error


def _ids(items: object, name: str) -> list[str]:
    """Returns the texts with this name in a list of objects."""
    objects = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [item[name] for item in objects if isinstance(item.get(name), str)]


def _members_of_a_union(items: object) -> list[str]:
    """Returns the id of one member of a union in a list of chats, or an empty list."""
    for item in items if isinstance(items, list) else []:
        merge = item.get("merge") if isinstance(item, dict) else None
        members = merge.get("chatIDs") if isinstance(merge, dict) else None
        if isinstance(members, list) and members and isinstance(members[0], str):
            return members[:1]
    return []
