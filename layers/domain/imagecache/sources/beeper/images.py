"""Fetches images of Beeper's media folder, through Beeper itself or through the older media server."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import requests

from imagecache.errors import ImageFailedError, OriginFaultyError
from imagecache.model.image import FailureReason, Fetched, OriginName, OriginOrder
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.beeper.answers import Answer, check_health, get_answer
from imagecache.sources.beeper.auth import BEEPER_SECRETS, access_headers
from imagecache.sources.pages import replaces_picture
from imagecache.sources.transport import TIME_LIMITS, TimeLimits

IMAGE_SECRETS = (*BEEPER_SECRETS, "media-server-token")
"""The names of the secrets that the origins of Beeper's media need."""

# No picture is shorter than this.
_SHORTEST_IMAGE_BYTES = 24
# Beeper has one error code for a picture that it no longer has and for one that it cannot load now.
_SERVE_ASSET_ERROR = "SERVE_ASSET_ERROR"
_ASSET_ERROR_STATUSES = {HTTPStatus.BAD_GATEWAY, HTTPStatus.CONFLICT}
_LONGEST_ERROR_BYTES = 64 * 1024
_GONE_MESSAGE = re.compile(r"not found|no longer available", re.IGNORECASE)
_NO_HEADERS: Mapping[str, str] = {}


class MediaOrigin(Protocol):
    """A server that has images of Beeper's media folder."""

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool) -> Fetched:
        """Returns the bytes of an image. The first attempt has less time than later ones.

        Raises ImageFailedError if the origin says that it cannot serve this image. Raises OriginDownError or
        one of its subclasses for every other answer, and if there is none. Only OriginUnreachableError shows
        by itself that the origin would not serve other images, either.
        """

    def check(self) -> None:
        """Sends a request that no image has any influence on, to find out whether the origin works.

        Raises OriginDownError or one of its subclasses if it does not.
        """

    def check_token(self) -> None:
        """Sends such a request that the origin answers only with a valid token.

        Raises OriginUnauthorizedError if the token is refused, and otherwise what `check` raises.
        """


class AssetsServe:
    """Beeper's `GET /v1/assets/serve`. Beeper first downloads and decrypts an image that it does not have."""

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        session: requests.Session,
        headers: Mapping[str, str] = _NO_HEADERS,
        limits: TimeLimits = TIME_LIMITS,
    ) -> None:
        self._base_url = base_url
        self._headers = {**headers, "Authorization": f"Bearer {token}"}
        self._session = session
        self._limits = limits

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool = False) -> Fetched:
        """Returns the image. Raises ImageFailedError and OriginDownError."""
        answer = get_answer(
            self._session,
            f"{self._base_url}/v1/assets/serve",
            parameters={"url": location.url},
            headers=self._headers,
            seconds=self._limits.for_attempt(is_first=is_first_attempt),
            connect_seconds=self._limits.connect_seconds,
        )
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
            raise ImageFailedError(FailureReason.REFUSED, f"status {answer.status}")
        _raise_asset_error(answer)
        return Fetched(_image(answer))

    def check(self) -> None:
        """Asks for the version of Beeper. Raises OriginDownError."""
        self._check("/v1/info")

    def check_token(self) -> None:
        """Asks for the accounts, because `/v1/info` needs no token. Raises OriginDownError."""
        self._check("/v1/accounts")

    def _check(self, path: str) -> None:
        check_health(self._session, self._base_url + path, headers=self._headers, limits=self._limits)


class MediaServer:
    """Fetches images from the media server, by `GET /<server>/<mediaId>`.

    The media server has only the images that are on the laptop's disk now.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        session: requests.Session,
        headers: Mapping[str, str] = _NO_HEADERS,
        limits: TimeLimits = TIME_LIMITS,
    ) -> None:
        self._base_url = base_url
        self._headers = {**headers, "Authorization": f"Bearer {token}"}
        self._session = session
        self._limits = limits

    def fetch(self, location: MediaLocation, *, is_first_attempt: bool = False) -> Fetched:
        """Returns the image. Raises ImageFailedError and OriginDownError."""
        answer = get_answer(
            self._session,
            f"{self._base_url}/{location.path}",
            headers=self._headers,
            seconds=self._limits.for_attempt(is_first=is_first_attempt),
            connect_seconds=self._limits.connect_seconds,
        )
        if answer.status == HTTPStatus.FORBIDDEN:
            raise ImageFailedError(FailureReason.REFUSED, "status 403")
        return Fetched(_image(answer))

    def check(self) -> None:
        """Requests the media folder, which a working media server refuses. Raises OriginDownError."""
        check_health(self._session, f"{self._base_url}/", headers=self._headers, limits=self._limits)

    def check_token(self) -> None:
        """Does the same as `check`, because the media server checks the token of every request first."""
        self.check()


def media_origins(
    *,
    beeper_url: str,
    media_server_url: str,
    order: OriginOrder,
    secrets: Mapping[str, str],
    session: requests.Session,
) -> dict[OriginName, MediaOrigin]:
    """Returns the configured origins of Beeper's media, in the order in which they are asked.

    An empty `media_server_url` means that there is no media server. `secrets` has the value of each of
    IMAGE_SECRETS that is set. If a token is missing, its origin answers 401, which is reported.
    """
    headers = access_headers(secrets)
    beeper = AssetsServe(
        base_url=beeper_url, token=secrets.get("beeper-token", ""), session=session, headers=headers
    )
    if not media_server_url:
        return {OriginName.BEEPER: beeper}
    media_server = MediaServer(
        base_url=media_server_url,
        token=secrets.get("media-server-token", ""),
        session=session,
        headers=headers,
    )
    if order is OriginOrder.MEDIA_SERVER_FIRST:
        return {OriginName.MEDIA_SERVER: media_server, OriginName.BEEPER: beeper}
    return {OriginName.BEEPER: beeper, OriginName.MEDIA_SERVER: media_server}


def _raise_asset_error(answer: Answer) -> None:
    """Raises ImageFailedError for the error with which Beeper says that it cannot serve one image.

    Its message decides: Beeper's servers no longer have the image (GONE), or Beeper could not load it this
    time (NOT_SERVED). The message may contain a path with a user name, so it is not recorded.
    """
    error = _json_object(answer.body) if answer.status in _ASSET_ERROR_STATUSES else {}
    is_asset_error = error.get("code") == _SERVE_ASSET_ERROR
    if is_asset_error and _GONE_MESSAGE.search(str(error.get("message"))):
        raise ImageFailedError(FailureReason.GONE, _SERVE_ASSET_ERROR)
    if is_asset_error or answer.status == HTTPStatus.CONFLICT:
        raise ImageFailedError(FailureReason.NOT_SERVED, f"status {answer.status}")


def _json_object(body: bytes) -> dict[str, Any]:
    """Returns the JSON object in a short body, or an empty one if there is none."""
    if len(body) > _LONGEST_ERROR_BYTES:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _image(answer: Answer) -> bytes:
    """Returns the body of an answer with an image.

    Raises ImageFailedError (GONE) for 404 and 410. Raises OriginFaultyError for another status, and for a
    body that is too short, a text, or only zeros, because the origin may have the image the next time.
    """
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise ImageFailedError(FailureReason.GONE, f"status {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise OriginFaultyError(f"status {answer.status}")
    if len(answer.body) < _SHORTEST_IMAGE_BYTES:
        raise OriginFaultyError("a body too short for an image")
    if replaces_picture(answer.body):
        raise OriginFaultyError("a text in place of the image")
    if not answer.body.strip(b"\0"):  # a file whose content was not written to the disk
        raise OriginFaultyError("only zeros in place of the image")
    return answer.body
