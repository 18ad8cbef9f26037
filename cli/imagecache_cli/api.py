"""Requests to the API → its JSON, or the one line that says why not."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests

from imagecache_cli.access import Access
from imagecache_cli.errors import RefusedError, UnexpectedAnswerError, UnreachableError
from imagecache_cli.plain import plain

Json = dict[str, Any]

# An HTTP API gives up after 30 s; whoever waits longer hears why.
_TIMEOUT_SECONDS = 35
# Throttled, or a function that could not start: API Gateway says so before anything has happened.
_WORTH_WAITING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_PAUSES = (1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0


class Bearer(requests.auth.AuthBase):
    """Our token, whatever a .netrc says: requests lets that file replace a mere header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Api:
    """One API, opened by one token."""

    def __init__(self, access: Access, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = access.url
        self._sleep = sleep
        self._session = requests.Session()
        self._session.auth = Bearer(access.token)
        self._session.headers["User-Agent"] = "imagecache"
        # A proxy of the environment cannot reach this machine's own 127.0.0.1.
        self._session.trust_env = not access.is_local

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Json:
        """Raises CommandError."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: Json) -> Json:
        """Raises CommandError."""
        return self._ask("POST", path, json=body)

    def put(self, path: str, body: Json) -> Json:
        """Raises CommandError."""
        return self._ask("PUT", path, json=body)

    def delete(self, path: str) -> Json:
        """Raises CommandError."""
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **content: Any) -> Json:
        for pause in (*_PAUSES, None):
            answer = self._send(method, path, **content)
            if pause is None or answer.status_code not in _WORTH_WAITING:
                break
            self._sleep(_wished(answer, pause))
        return _understood(answer)

    def _send(self, method: str, path: str, **content: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.url + path, timeout=_TIMEOUT_SECONDS, allow_redirects=False, **content
            )
        except requests.Timeout as error:
            raise UnreachableError(f"{self.url} did not answer within {_TIMEOUT_SECONDS} seconds") from error
        except requests.RequestException as error:
            raise UnreachableError(
                f"{self.url} cannot be reached: is it running, is the address right?"
            ) from error


def _wished(answer: requests.Response, otherwise: float) -> float:
    """Seconds until the next try: as the answer says, in reason."""
    wish = answer.headers.get("Retry-After", "")
    return min(float(wish), _LONGEST_PAUSE) if wish.isascii() and wish.isdigit() else otherwise


def _understood(answer: requests.Response) -> Json:
    try:
        document = answer.json()
    except requests.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise UnexpectedAnswerError(
            f"HTTP {answer.status_code} without JSON: is this the address of an image cache?"
        )
    if answer.ok and answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return document
    raise _refusal(answer.status_code, document)


def _refusal(status: int, document: Json) -> RefusedError:
    message = plain(str(document.get("message") or f"HTTP {status}"))
    code = document.get("code")
    if status == HTTPStatus.UNAUTHORIZED:
        message = f"the token is not accepted: set IMAGECACHE_TOKEN to the one in use ({message})"
    elif not isinstance(code, str) and status == HTTPStatus.NOT_FOUND:
        message = f"this API has no such route ({message}): it may be older than this command"
    return RefusedError(status, code if isinstance(code, str) else "", message)
