"""An image in Beeper's media folder → its bytes, through Beeper itself or the older media server."""

from http import HTTPStatus
from typing import Protocol

import requests

from imagecache.errors import ImageFailedError, OriginDownError, OriginUnauthorizedError
from imagecache.identity import MediaSource
from imagecache.model import FailureReason
from imagecache.sources.bounded import READ_SECONDS, Deadline, read_body

# No picture is shorter; a body that is says more about the origin than about the image.
_SHORTEST_IMAGE = 24


class MediaOrigin(Protocol):
    """One of the two ways to the bytes; they differ in address and in what their statuses mean."""

    def fetch(self, source: MediaSource) -> bytes: ...


class AssetsServe:
    """`GET /v1/assets/serve`: Beeper itself, which downloads and decrypts what it does not have yet."""

    def __init__(self, *, base_url: str, token: str, session: requests.Session) -> None:
        self._url = f"{base_url}/v1/assets/serve"
        self._token = token
        self._session = session

    def fetch(self, source: MediaSource) -> bytes:
        """Raises ImageFailedError (GONE, REFUSED, TOO_LARGE), OriginDownError, OriginUnauthorizedError."""
        status, body = _get(self._session, self._url, self._token, {"url": source.url})
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
            raise ImageFailedError(FailureReason.REFUSED, f"status {status}")
        # The one 502 that is final; all others are a tunnel's.
        if status == HTTPStatus.BAD_GATEWAY and b"SERVE_ASSET_ERROR" in body:
            raise ImageFailedError(FailureReason.GONE, "SERVE_ASSET_ERROR")
        return _image(status, body)


class MediaServer:
    """`GET /<server>/<mediaId>`: knows only what Beeper Desktop has on disk just now."""

    def __init__(self, *, base_url: str, token: str, session: requests.Session) -> None:
        self._base_url = base_url
        self._token = token
        self._session = session

    def fetch(self, source: MediaSource) -> bytes:
        """Raises ImageFailedError (GONE, REFUSED, TOO_LARGE), OriginDownError, OriginUnauthorizedError."""
        status, body = _get(self._session, f"{self._base_url}/{source.path}", self._token, {})
        if status == HTTPStatus.FORBIDDEN:
            raise ImageFailedError(FailureReason.REFUSED, "status 403")
        return _image(status, body)


class EitherOrigin:
    """The first origin that has the image: what one does not find or give, the next may have."""

    def __init__(self, origins: list[MediaOrigin]) -> None:
        self._origins = origins

    def fetch(self, source: MediaSource) -> bytes:
        """Raises what the first origin said when none can help."""
        answers: list[ImageFailedError | OriginDownError] = []
        for origin in self._origins:
            try:
                return origin.fetch(source)
            except (ImageFailedError, OriginDownError) as error:
                answers.append(error)
        raise answers[0]


def _get(session: requests.Session, url: str, token: str, parameters: dict[str, str]) -> tuple[int, bytes]:
    deadline = Deadline()
    try:
        response = session.get(
            url,
            params=parameters,
            headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
            timeout=READ_SECONDS,
            stream=True,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise OriginDownError(type(error).__name__) from error
    with response:
        return response.status_code, read_body(response.raw, deadline)


def _image(status: int, body: bytes) -> bytes:
    if status == HTTPStatus.UNAUTHORIZED:
        raise OriginUnauthorizedError("status 401")
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise ImageFailedError(FailureReason.GONE, f"status {status}")
    if status != HTTPStatus.OK:
        raise OriginDownError(f"status {status}")
    # A tunnel answers for a sleeping laptop with a page of its own and status 200.
    if len(body) < _SHORTEST_IMAGE or b"<html" in body[:1024].lower():
        raise OriginDownError("a page or nothing instead of an image")
    return body
