"""The endpoints of Beeper's client API that our cache uses."""

from collections.abc import Callable
from dataclasses import replace
from hmac import compare_digest
from urllib.parse import unquote

from demo.account import Account
from demo.chat_pages import InvalidCursorError, list_page
from demo.faults import Faults, Target
from demo.hits import Hits, Route
from demo.listener import Reply, Request, json_reply
from demo.media import Media, OutsideMediaFolderError, UnsupportedSchemeError, media_at

VERSION = "4.3.89-demo"
VERSION_HEADER = {"X-Beeper-Desktop-Version": VERSION}
INFO = {
    "app": {"name": "Beeper", "version": VERSION, "bundle_id": "com.example.demo"},
    "server": {"status": "running", "remote_access": False},
    "endpoints": {"spec": "/v1/spec", "ws_events": "/v1/ws"},
}

CHAT_PREFIX = "/v1/chats/"
ROUTES = {"/v1/chats": Route.CHATS, "/v1/assets/serve": Route.ASSETS_SERVE}
FAULT_TARGETS = {
    Route.CHATS: Target.CHATS,
    Route.CHAT: Target.CHATS,
    Route.ASSETS_SERVE: Target.IMAGES,
}

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 200
DEFAULT_PARTICIPANTS = 100
MOST_PARTICIPANTS = 500
ALL_PARTICIPANTS = -1

ERRORS = {
    400: ("Invalid request", "VALIDATION_ERROR"),
    401: ("Invalid or missing access token", "UNAUTHORIZED"),
    403: ("File is outside of the media directory", "FORBIDDEN"),
    404: ("Not found", "NOT_FOUND"),
    405: ("Method not allowed", "METHOD_NOT_ALLOWED"),
    429: ("Too many requests", "RATE_LIMITED"),
}
MEDIA_GONE = {"message": "Media not found or no longer available", "code": "SERVE_ASSET_ERROR"}


class ChatApi:
    """Answers requests for chats, accounts and assets.

    `is_old` makes it behave like an older server, which does not support `limit`, `network` and
    `maxParticipantCount=-1`. Chats with an id in `withheld` are listed, but a request for one is answered
    404.
    """

    def __init__(self, account: Account, faults: Faults, hits: Hits, token: str) -> None:
        self.is_old = False
        self.withheld: set[str] = set()
        self._account = account
        self._faults = faults
        self._hits = hits
        self._token = token
        self._answers: dict[str, Callable[[Request], Reply]] = {
            "/v1/chats": self._list_chats,
            "/v1/accounts": self._list_accounts,
            "/v1/assets/serve": self._serve_asset,
        }

    def __call__(self, request: Request) -> Reply:
        route = Route.CHAT if request.path.startswith(CHAT_PREFIX) else ROUTES.get(request.path, Route.OTHER)
        target = Target.CHATS if request.path == "/v1/accounts" else FAULT_TARGETS.get(route, Target.ALL)
        fault = self._faults.take(target)
        return self._hits.count(route, lambda: fault.apply(lambda: self._answer(request), _refuse))

    def _answer(self, request: Request) -> Reply:
        reply = self._route(request)
        return replace(reply, headers={**VERSION_HEADER, **reply.headers})

    def _route(self, request: Request) -> Reply:
        if request.method != "GET":
            return _refuse(405)
        if request.path == "/v1/info":
            return json_reply(200, INFO)
        expected = f"Bearer {self._token}"
        if not compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            return _refuse(401)
        if request.path.startswith(CHAT_PREFIX):
            return self._get_chat(request)
        answer = self._answers.get(request.path)
        return answer(request) if answer else _refuse(404)

    def _list_chats(self, request: Request) -> Reply:
        limit = _number(
            request.parameter("limit"), default=DEFAULT_LIMIT, allowed=range(1, LARGEST_LIMIT + 1)
        )
        direction = request.parameter("direction") or "before"
        if not self.is_old and (limit is None or direction not in ("before", "after")):
            return _refuse(400)
        accounts = request.query.get("accountIDs")
        chats = [chat for chat in self._account.chats if not accounts or chat.network.account_id in accounts]
        try:
            page = list_page(
                chats,
                cursor=request.parameter("cursor"),
                is_forward=direction == "after",
                limit=DEFAULT_LIMIT if self.is_old or limit is None else limit,
                is_old=self.is_old,
            )
        except InvalidCursorError:
            return _refuse(400)
        return json_reply(200, page)

    def _get_chat(self, request: Request) -> Reply:
        least = 0 if self.is_old else ALL_PARTICIPANTS
        count = _number(
            request.parameter("maxParticipantCount"),
            default=DEFAULT_PARTICIPANTS,
            allowed=range(least, MOST_PARTICIPANTS + 1),
        )
        if count is None:
            return _refuse(400)
        chat = self._account.find_chat(unquote(request.path.removeprefix(CHAT_PREFIX)))
        if chat is None or chat.id in self.withheld:
            return _refuse(404)
        document = chat.as_json(None if count == ALL_PARTICIPANTS else count)
        if self.is_old:
            del document["network"]
        return json_reply(200, document)

    def _list_accounts(self, _request: Request) -> Reply:
        chats_by_network = {chat.network: chat for chat in self._account.chats if chat.network.is_listed}
        accounts = [
            {
                "accountID": network.account_id,
                "network": network.name,
                "status": "connected",
                "user": next(person.as_json() for person in chat.people if person.is_self),
            }
            for network, chat in sorted(chats_by_network.items(), key=lambda item: item[0].account_id)
        ]
        return json_reply(200, accounts)

    def _serve_asset(self, request: Request) -> Reply:
        try:
            media = media_at(request.parameter("url") or "")
        except UnsupportedSchemeError:
            return _refuse(400)
        except OutsideMediaFolderError:
            return _refuse(403)
        return self._faults.of_image(media.key).apply(lambda: self._download(media), _refuse)

    def _download(self, media: Media) -> Reply:
        image = self._account.download(media)
        if image is None:
            return json_reply(502, MEDIA_GONE)
        self._hits.count_image(media.key)
        return Reply(200, image)  # without a Content-Type, like the real server


def _refuse(status: int) -> Reply:
    message, code = ERRORS[status]
    return json_reply(status, {"message": message, "code": code})


def _number(text: str | None, *, default: int, allowed: range) -> int | None:
    """Returns the number in a parameter, or `default` if it is missing, or None if it is not in `allowed`."""
    if text is None:
        return default
    number = int(text) if text.removeprefix("-").isdecimal() else None
    return number if number in allowed else None
