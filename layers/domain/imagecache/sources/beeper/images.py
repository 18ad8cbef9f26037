"""An image in Beeper's media folder → its bytes, through Beeper itself or the older media server.

What the statuses mean: docs of both servers, and what was seen in a real log (a tunnel answers for a laptop
that sleeps, with a page of its own and any status, 200 and 404 among them).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

import requests

from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
)
from imagecache.model.image import FailureReason, Fetched
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.transport import CONNECT_SECONDS, Deadline, read_body, retry_after

# No picture is shorter; a body that is says more about the origin than about the image.
_SHORTEST_IMAGE = 24
NO_HEADERS: Mapping[str, str] = {}
# Cloudflare's own, for an origin that it cannot reach. 502 to 504 may also be Beeper's.
_TUNNEL_STATUSES = {*range(520, 528), 530}


class MediaOrigin(Protocol):
    """One of the two ways to the bytes; they differ in address and in what their statuses mean."""

    def fetch(self, source: MediaLocation) -> Fetched: ...


class AssetsServe:
    """`GET /v1/assets/serve`: Beeper itself, which downloads and decrypts what it does not have yet."""

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        session: requests.Session,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self._url = f"{base_url}/v1/assets/serve"
        self._headers = {**headers, "Authorization": f"Bearer {token}"}
        self._session = session

    def fetch(self, source: MediaLocation) -> Fetched:
        """Raises ImageFailedError (GONE, REFUSED, TOO_LARGE) and each kind of OriginDownError."""
        status, body = _get(self._session, self._url, self._headers, {"url": source.url})
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
            raise ImageFailedError(FailureReason.REFUSED, f"status {status}")
        # The one 502 that is final; all others are a tunnel's.
        if status == HTTPStatus.BAD_GATEWAY and b"SERVE_ASSET_ERROR" in body:
            raise ImageFailedError(FailureReason.GONE, "SERVE_ASSET_ERROR")
        return Fetched(_image(status, body))


class MediaServer:
    """`GET /<server>/<mediaId>`: knows only what Beeper Desktop has on disk just now."""

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        session: requests.Session,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self._base_url = base_url
        self._headers = {**headers, "Authorization": f"Bearer {token}"}
        self._session = session

    def fetch(self, source: MediaLocation) -> Fetched:
        """Raises ImageFailedError (GONE, REFUSED, TOO_LARGE) and each kind of OriginDownError."""
        status, body = _get(self._session, f"{self._base_url}/{source.path}", self._headers, {})
        if status == HTTPStatus.FORBIDDEN:
            raise ImageFailedError(FailureReason.REFUSED, "status 403")
        return Fetched(_image(status, body))


def _get(
    session: requests.Session, url: str, headers: Mapping[str, str], parameters: dict[str, str]
) -> tuple[int, bytes]:
    """Status and body of what Beeper itself answered. Raises each kind of OriginDownError for the rest."""
    deadline = Deadline()
    try:
        response = session.get(
            url,
            params=parameters,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=(CONNECT_SECONDS, deadline.remaining()),
            stream=True,
            allow_redirects=False,
        )
    except requests.ConnectTimeout as error:
        raise OriginDownError("ConnectTimeout") from error
    except requests.Timeout as error:
        raise OriginFaultyError(type(error).__name__) from error
    except requests.RequestException as error:
        raise OriginDownError(type(error).__name__) from error
    with response:
        status = response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            raise OriginUnauthorizedError("status 401")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise OriginBusyError("status 429", retry_after=retry_after(response.headers))
        if response.is_redirect:  # Cloudflare Access sends strangers to its login
            raise OriginUnauthorizedError(f"status {status}: the tunnel asks for a login")
        body = read_body(response.raw, deadline)
        if b"<html" in body[:1024].lower():
            wish = retry_after(response.headers)
            raise OriginDownError(f"status {status} with a page of the tunnel's", retry_after=wish)
        return status, body


def _image(status: int, body: bytes) -> bytes:
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise ImageFailedError(FailureReason.GONE, f"status {status}")
    if status in _TUNNEL_STATUSES:
        raise OriginDownError(f"status {status}")
    if status != HTTPStatus.OK:
        raise OriginFaultyError(f"status {status}")
    if len(body) < _SHORTEST_IMAGE:
        raise OriginFaultyError("nothing instead of an image")
    return body
