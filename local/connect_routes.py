"""The routes below `/_local/`, by which the page connects and disconnects Beeper.

Only the local server has them: a stack on AWS gets its token from `make secrets`. The caller has checked that
no page of another address sends the request.
"""

from collections.abc import Callable, Collection
from email.message import Message
from hmac import compare_digest
from http import HTTPStatus
from urllib.parse import parse_qsl

from local.connect import ConnectError, Connector
from local.edge_answers import Answer, json_answer, message_page, redirect_answer

PREFIX = "/_local/"
CALLBACK_PATH = "/_local/connected"


class ConnectRoutes:
    """Answers requests for the connection. All but the callback need one of `tokens`, the tokens of the API.

    `has_fixed_token` says that a token was given in the settings, so that nothing can be connected.
    `on_change` is called when the connection has changed, before the request is answered.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        tokens: Collection[str],
        has_fixed_token: bool,
        on_change: Callable[[], None],
    ) -> None:
        self._connector = connector
        self._tokens = tokens
        self._has_fixed_token = has_fixed_token
        self._on_change = on_change
        self._answers: dict[tuple[str, str], Callable[[Message], Answer]] = {
            ("GET", "/_local/connection"): self._describe,
            ("POST", "/_local/connect"): self._start,
            ("POST", "/_local/disconnect"): self._disconnect,
        }

    def answer(self, method: str, target: str, headers: Message) -> Answer:
        """Returns the answer to a request. It is JSON, and after the callback a page."""
        path, _, query = target.partition("?")
        if (method, path) == ("GET", CALLBACK_PATH):
            return self._finish(query)
        if not self._has_token(headers):
            return _error(HTTPStatus.UNAUTHORIZED, "Send a token of the API")
        answer = self._answers.get((method, path))
        if answer is None:
            return _error(HTTPStatus.NOT_FOUND, f"There is no {method} {path}")
        return answer(headers)

    def _has_token(self, headers: Message) -> bool:
        sent = headers.get("Authorization", "").encode()
        return any(compare_digest(sent, f"Bearer {token}".encode()) for token in self._tokens)

    def _describe(self, _: Message) -> Answer:
        if self._has_fixed_token:
            return json_answer(HTTPStatus.OK, {"account": "token"})
        if self._connector.beeper:
            return json_answer(HTTPStatus.OK, {"account": "connected"})
        found = self._connector.finds_beeper()
        return json_answer(HTTPStatus.OK, {"account": "demo", "isBeeperFound": found})

    def _start(self, headers: Message) -> Answer:
        if self._has_fixed_token:
            return _error(
                HTTPStatus.CONFLICT, "`make run` was given BEEPER_TOKEN: start it without, then connect"
            )
        # The browser has to come back to the name that it uses, because the tab's token is stored under it.
        redirect_uri = f"http://{headers['Host'].lower()}{CALLBACK_PATH}"
        try:
            url = self._connector.start(redirect_uri)
        except ConnectError as error:
            return _error(HTTPStatus.BAD_GATEWAY, str(error))
        return json_answer(HTTPStatus.OK, {"authorizationUrl": url})

    def _finish(self, query: str) -> Answer:
        try:
            self._connector.finish(dict(parse_qsl(query)))
        except ConnectError as error:
            return message_page(HTTPStatus.BAD_REQUEST, f"{error}.")
        self._on_change()
        return redirect_answer("/")

    def _disconnect(self, _: Message) -> Answer:
        if self._has_fixed_token or not self._connector.beeper:
            return _error(HTTPStatus.CONFLICT, "No Beeper is connected")
        try:
            is_revoked = self._connector.disconnect()
        except ConnectError as error:
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        self._on_change()
        return json_answer(HTTPStatus.OK, {"isRevoked": is_revoked})


def _error(status: HTTPStatus, message: str) -> Answer:
    return json_answer(status, {"message": message})
