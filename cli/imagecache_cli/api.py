"""Sends requests to the API and returns its JSON, or raises an error whose one line says what went wrong."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests

from imagecache_cli.access import Access
from imagecache_cli.errors import RefusedError, UnexpectedAnswerError, UnreachableError
from imagecache_cli.plain import plain

Json = dict[str, Any]

# API Gateway ends a request after 30 s. Its answer says more than a timeout here would.
_TIMEOUT_SECONDS = 35
# API Gateway throttled the request, or the function could not start: nothing has happened yet.
_STATUSES_TO_RETRY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_RETRY_PAUSES_SECONDS = (1.0, 2.0, 4.0)
_LONGEST_PAUSE_SECONDS = 30.0


class Bearer(requests.auth.AuthBase):
    """Sends the token as an `auth` object: an entry in the user's .netrc would replace a plain header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Api:
    """An API and the token that is sent to it."""

    def __init__(self, access: Access, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = access.url
        self.is_local = access.is_local
        self._sleep = sleep
        self._session = requests.Session()
        self._session.auth = Bearer(access.token)
        self._session.headers["User-Agent"] = "imagecache"
        # A proxy from the environment cannot reach this machine's own 127.0.0.1.
        self._session.trust_env = not access.is_local

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Json:
        """Returns the answer to a GET. Raises CommandError."""
        return self._request("GET", path, params=query)

    def post(self, path: str, body: Json) -> Json:
        """Returns the answer to a POST. Raises CommandError."""
        return self._request("POST", path, json=body)

    def put(self, path: str, body: Json) -> Json:
        """Returns the answer to a PUT. Raises CommandError."""
        return self._request("PUT", path, json=body)

    def delete(self, path: str) -> Json:
        """Returns the answer to a DELETE. Raises CommandError."""
        return self._request("DELETE", path)

    def _request(self, method: str, path: str, **content: Any) -> Json:
        """Sends the request, and sends it again after a pause while the API is busy."""
        for pause in _RETRY_PAUSES_SECONDS:
            response = self._send(method, path, **content)
            if response.status_code not in _STATUSES_TO_RETRY:
                return _read_response(response)
            self._sleep(_pause_before_retry(response, pause))
        return _read_response(self._send(method, path, **content))

    def _send(self, method: str, path: str, **content: Any) -> requests.Response:
        try:
            # Following a redirect would send the token to another address.
            return self._session.request(
                method, self.url + path, timeout=_TIMEOUT_SECONDS, allow_redirects=False, **content
            )
        except requests.Timeout as error:
            raise UnreachableError(f"{self.url} did not answer within {_TIMEOUT_SECONDS} seconds") from error
        except requests.RequestException as error:
            raise UnreachableError(
                f"{self.url} cannot be reached: is it running, and is the address right?"
            ) from error


def _pause_before_retry(response: requests.Response, default: float) -> float:
    """Returns the seconds to wait: those of Retry-After up to a limit, or else `default`."""
    retry_after = response.headers.get("Retry-After", "")
    if not (retry_after.isascii() and retry_after.isdigit()):
        return default
    return min(float(retry_after), _LONGEST_PAUSE_SECONDS)


def _read_response(response: requests.Response) -> Json:
    """Returns the JSON of a successful answer. Raises UnexpectedAnswerError, RefusedError."""
    try:
        # A captive portal or a wrong address answers with a web page.
        document = response.json()
    except requests.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise UnexpectedAnswerError(
            f"the answer is HTTP {response.status_code} without JSON: is this the address of an image cache?"
        )
    if response.ok and response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return document
    raise _refusal(response.status_code, document)


def _refusal(status: int, document: Json) -> RefusedError:
    message = plain(str(document.get("message") or f"HTTP {status}"))
    code = document.get("code")
    # The API always sends a code. Without one, API Gateway has refused a token that nobody has.
    if status == HTTPStatus.FORBIDDEN and not isinstance(code, str):
        status = HTTPStatus.UNAUTHORIZED
    if status == HTTPStatus.UNAUTHORIZED:
        message = f"the token is not accepted: set IMAGECACHE_TOKEN to the current one ({message})"
    # Without a code, API Gateway has no such route.
    elif not isinstance(code, str) and status == HTTPStatus.NOT_FOUND:
        message = f"this API has no such route ({message}): it may be older than this command"
    return RefusedError(status, code if isinstance(code, str) else "", message)
