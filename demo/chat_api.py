"""The endpoints of Beeper's client API that our cache uses."""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from demo.account import Account
from demo.chat_pages import InvalidCursorError, contacts_page, list_page
from demo.events import PATH as EVENTS_PATH
from demo.events import EventStream
from demo.faults import Faults, Target
from demo.files import file_reply
from demo.hits import Hits, Route
from demo.listener import Reply, Request, json_reply
from demo.media import Media, OutsideMediaFolderError, UnsupportedSchemeError, media_at, with_wrapped_urls
from demo.server_info import server_info

VERSION = "4.3.89-demo"
VERSION_OF_OLD_SERVERS = "4.2.557-demo"

CHAT_PREFIX = "/v1/chats/"
CONTACTS_PATH = re.compile(r"/v1/accounts/([^/]+)/contacts/list")
ROUTES = {"/v1/chats": Route.CHATS, "/v1/assets/serve": Route.ASSETS_SERVE}
FAULT_TARGETS = {
    Route.CHATS: Target.CHATS,
    Route.CHAT: Target.CHATS,
    Route.ASSETS_SERVE: Target.IMAGES,
}

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 200
DEFAULT_CONTACTS = 50
DEFAULT_PARTICIPANTS = 100
MOST_PARTICIPANTS = 500
ALL_PARTICIPANTS = -1

ERRORS = {
    400: ("Invalid request", "VALIDATION_ERROR"),
    401: ("Unauthorized: Invalid or missing token", "unauthorized"),
    403: ("File is outside of the media directory", "FORBIDDEN"),
    404: ("Not found", "NOT_FOUND"),
    405: ("Method not allowed", "METHOD_NOT_ALLOWED"),
    409: ("The asset is being downloaded by another request", "CONFLICT"),
    429: ("Too many requests", "RATE_LIMITED"),
}


class ChatApi:
    """Answers requests for chats, accounts, contacts and assets.

    `is_old` makes it behave like an older server, which does not support `limit`, `maxParticipantCount=-1`,
    unions, HEAD, and the fields of newer ones. Chats with an id in `withheld` are listed, but a request for
    one is answered 404. Without `lists_contacts` it has no lists of contacts. If `wraps_image_urls` is set,
    the URL of every picture in Beeper's media is that of a request to this server, as compatible servers send
    it. A request needs a token that `accepts` returns True for. `events` serves the WebSocket, which an older
    server does not have.
    """

    def __init__(
        self,
        account: Account,
        faults: Faults,
        hits: Hits,
        accepts: Callable[[str], bool],
        events: EventStream,
    ) -> None:
        self.wraps_image_urls = False
        self.withheld: set[str] = set()
        self.lists_contacts = True
        self._account = account
        self._faults = faults
        self._hits = hits
        self._accepts = accepts
        self._events = events
        self._answers: dict[str, Callable[[Request], Reply]] = {
            "/v1/chats": self._list_chats,
            "/v1/accounts": self._list_accounts,
            "/v1/assets/serve": self._serve_asset,
            EVENTS_PATH: self._open_events,
        }

    @property
    def is_old(self) -> bool:
        """True while this is an older server."""
        return self._account.is_old

    @is_old.setter
    def is_old(self, is_old: bool) -> None:
        self._account.is_old = is_old

    def __call__(self, request: Request) -> Reply:
        route = Route.CHAT if request.path.startswith(CHAT_PREFIX) else ROUTES.get(request.path, Route.OTHER)
        target = FAULT_TARGETS.get(route, Target.ALL)
        if request.path.startswith("/v1/accounts"):
            target = Target.CHATS
        fault = self._faults.take(target)
        return self._hits.count(route, lambda: fault.apply(lambda: self._answer(request), self._refuse))

    def _answer(self, request: Request) -> Reply:
        return self._signed(self._route(request))

    def _refuse(self, status: int) -> Reply:
        return self._signed(_refuse(status))

    def _signed(self, reply: Reply) -> Reply:
        """Returns the reply with the header that every answer of Beeper has."""
        return replace(reply, headers={"X-Beeper-Desktop-Version": self._version, **reply.headers})

    @property
    def _version(self) -> str:
        return VERSION_OF_OLD_SERVERS if self.is_old else VERSION

    def _route(self, request: Request) -> Reply:
        may_be_head = request.path == "/v1/assets/serve" and not self.is_old
        if request.method not in ({"GET", "HEAD"} if may_be_head else {"GET"}):
            return _refuse(405)
        if request.path == "/v1/info":
            return json_reply(200, server_info(request.headers["Host"], self._version))
        if not self._accepts(bearer_token(request)):
            return _refuse(401)
        if request.path.startswith(CHAT_PREFIX):
            return self._get_chat(request)
        if contacts := CONTACTS_PATH.fullmatch(request.path):
            return self._list_contacts(unquote(contacts.group(1)), request)
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
        return self._json_reply(request, page)

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
        is_unknown_union = chat is not None and self.is_old and chat.merge is not None
        if chat is None or chat.id in self.withheld or is_unknown_union:
            return _refuse(404)
        most = None if count == ALL_PARTICIPANTS else count
        return self._json_reply(request, chat.as_json(most, is_old=self.is_old))

    def _list_accounts(self, request: Request) -> Reply:
        return self._json_reply(request, self._account.logins())

    def _list_contacts(self, account_id: str, request: Request) -> Reply:
        limit = _number(
            request.parameter("limit"), default=DEFAULT_CONTACTS, allowed=range(1, LARGEST_LIMIT + 1)
        )
        contacts = self._account.contacts(account_id) if self.lists_contacts else None
        if contacts is None:
            return _refuse(404)
        if limit is None:
            return _refuse(400)
        try:
            page = contacts_page(contacts, cursor=request.parameter("cursor"), limit=limit)
        except InvalidCursorError:
            return _refuse(400)
        return self._json_reply(request, page)

    def _open_events(self, request: Request) -> Reply:
        return _refuse(404) if self.is_old else self._events.reply(request, bearer_token(request))

    def _serve_asset(self, request: Request) -> Reply:
        try:
            media = media_at(request.parameter("url") or "")
        except UnsupportedSchemeError:
            return _refuse(400)
        except OutsideMediaFolderError:
            return _refuse(403)
        return self._faults.of_image(media.key).apply(lambda: self._download(request, media), _refuse)

    def _download(self, request: Request, media: Media) -> Reply:
        image = self._account.download(media)
        if image is None:
            error = {"message": self._account.serve_error(media), "code": "SERVE_ASSET_ERROR"}
            return json_reply(502, error)
        reply = file_reply(request, image)
        if request.method == "GET" and reply.body:
            self._hits.count_image(media.key)
        return reply

    def _json_reply(self, request: Request, document: object) -> Reply:
        if self.wraps_image_urls:
            document = with_wrapped_urls(document, f"http://{request.headers['Host']}")
        return json_reply(200, document)


def bearer_token(request: Request) -> str:
    """Returns the token of a request, or an empty text, which is no valid token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def _refuse(status: int) -> Reply:
    message, code = ERRORS[status]
    return json_reply(status, {"message": message, "code": code})


def _number(text: str | None, *, default: int, allowed: range) -> int | None:
    """Returns the number in a parameter, or `default` if it is missing, or None if it is not in `allowed`."""
    if text is None:
        return default
    number = int(text) if text.removeprefix("-").isdecimal() else None
    return number if number in allowed else None
