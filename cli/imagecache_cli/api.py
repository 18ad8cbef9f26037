"""Sends requests to the API and returns its JSON, or raises an error with a message of one line."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests

from imagecache_cli.access import NOT_READY, Access
from imagecache_cli.errors import NotReadyError, RefusedError, UnexpectedAnswerError, UnreachableError
from imagecache_cli.plain import plain

Json = dict[str, Any]

# API Gateway answers every request within 30 s. Its error says more than a timeout of ours would.
_TIMEOUT_SECONDS = 35
# API Gateway throttled the request, or the function could not start. Either way the request has changed
# nothing, so it is safe to repeat even a POST.
_STATUSES_TO_RETRY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_RETRY_PAUSES_SECONDS = (1.0, 2.0, 4.0)
_LONGEST_PAUSE_SECONDS = 30.0


class Bearer(requests.auth.AuthBase):
    """Adds the token to each request.

    This is an `auth` object, because requests replaces a plain Authorization header by an entry of the user's
    .netrc file.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Api:
    """Sends requests with a token to an API. Every method raises CommandError if the request fails."""

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
        """Sends a GET request and returns the answer."""
        return self._request("GET", path, params=query)

    def post(self, path: str, body: Json) -> Json:
        """Sends a POST request and returns the answer."""
        return self._request("POST", path, json=body)

    def put(self, path: str, body: Json) -> Json:
        """Sends a PUT request and returns the answer."""
        return self._request("PUT", path, json=body)

    def delete(self, path: str) -> Json:
        """Sends a DELETE request and returns the answer."""
        return self._request("DELETE", path)

    def _request(self, method: str, path: str, **content: Any) -> Json:
        """Sends the request, and repeats it up to three times, after a pause, if the API is busy."""
        for pause in _RETRY_PAUSES_SECONDS:
            response = self._send(method, path, **content)
            if response.status_code not in _STATUSES_TO_RETRY:
                return self._read(response)
            self._sleep(_pause_before_retry(response, pause))
        # After the last pause, the answer counts whatever it is.
        return self._read(self._send(method, path, **content))

    def _read(self, response: requests.Response) -> Json:
        """Returns the JSON of a successful answer. Raises NotReadyError and the errors of _read_response."""
        is_unavailable = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        # The server of `make run` answers so, without JSON, until its stack is ready.
        if self.is_local and is_unavailable and _document(response) is None:
            raise NotReadyError(NOT_READY)
        return _read_response(response)

    def _send(self, method: str, path: str, **content: Any) -> requests.Response:
        try:
            # Following a redirect would send the token to another address.
            return self._session.request(
                method, self.url + path, timeout=_TIMEOUT_SECONDS, allow_redirects=False, **content
            )
        except requests.Timeout as error:
            raise UnreachableError(
                f"{self.url} did not answer within {_TIMEOUT_SECONDS} seconds: try again"
            ) from error
        except requests.RequestException as error:
            raise UnreachableError(
                f"{self.url} cannot be reached: check that it is running and that the address is right"
            ) from error


def _pause_before_retry(response: requests.Response, default: float) -> float:
    """Returns the seconds to wait: those of Retry-After, but at most 30 s, or else `default`."""
    retry_after = response.headers.get("Retry-After", "")
    # HTTP also allows a date in this header. It is ignored.
    if not (retry_after.isascii() and retry_after.isdigit()):
        return default
    return min(float(retry_after), _LONGEST_PAUSE_SECONDS)


def _read_response(response: requests.Response) -> Json:
    """Returns the JSON of a successful answer. Raises UnexpectedAnswerError and RefusedError."""
    document = _document(response)
    if document is None:
        raise UnexpectedAnswerError(
            f"{response.url.partition('?')[0]} answers HTTP {response.status_code} without JSON:"
            " check that it is the address of an image cache"
        )
    # `ok` also includes redirects, which this client does not follow.
    if response.ok and response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return document
    raise _refusal(response.status_code, document)


def _document(response: requests.Response) -> Json | None:
    """Returns the JSON object of an answer, or None if it is not one, like a captive portal's web page."""
    try:
        document = response.json()
    except requests.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _refusal(status: int, document: Json) -> RefusedError:
    message = plain(str(document.get("message") or f"HTTP {status}"))
    code = document.get("code")
    # Without a code, API Gateway of a version before 2026-12 has refused a token that nobody has.
    if status == HTTPStatus.FORBIDDEN and not isinstance(code, str):
        status = HTTPStatus.UNAUTHORIZED
    if status == HTTPStatus.UNAUTHORIZED:
        message = f"the token is not accepted: set IMAGECACHE_TOKEN to the current one ({message})"
    # Without a code, API Gateway has no such route.
    elif not isinstance(code, str) and status == HTTPStatus.NOT_FOUND:
        message = f"this API has no such route ({message}): it may be older than this command"
    return RefusedError(status, code if isinstance(code, str) else "", message)
