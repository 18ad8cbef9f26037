"""Fetches images of Beeper's media folder, through Beeper itself or through the older media server."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

import requests

from imagecache.errors import ImageFailedError, OriginFaultyError
from imagecache.model.image import FailureReason, Fetched, OriginName, OriginOrder
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.beeper.answers import Answer, get_answer
from imagecache.sources.beeper.auth import BEEPER_SECRETS, access_headers
from imagecache.sources.transport import TIME_LIMITS, TimeLimits

IMAGE_SECRETS = (*BEEPER_SECRETS, "media-server-token")
"""The names of the secrets that the origins of Beeper's media need."""

# No picture is shorter than this, so a shorter body is an error of the origin, not of the image.
_SHORTEST_IMAGE_BYTES = 24
_NO_HEADERS: Mapping[str, str] = {}


class MediaOrigin(Protocol):
    """A server that has images of Beeper's media folder."""

    def fetch(self, location: MediaLocation) -> Fetched:
        """Returns the bytes of an image.

        Raises ImageFailedError if only this image cannot be fetched, and OriginDownError or one of its
        subclasses if the origin cannot serve any image.
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
        self._url = f"{base_url}/v1/assets/serve"
        self._headers = {**headers, "Authorization": f"Bearer {token}"}
        self._session = session
        self._limits = limits

    def fetch(self, location: MediaLocation) -> Fetched:
        """Returns the image. Raises ImageFailedError and OriginDownError."""
        answer = get_answer(
            self._session,
            self._url,
            parameters={"url": location.url},
            headers=self._headers,
            limits=self._limits,
        )
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
            raise ImageFailedError(FailureReason.REFUSED, f"status {answer.status}")
        # This 502 comes from Beeper, not from a tunnel: its servers no longer have the image.
        if answer.status == HTTPStatus.BAD_GATEWAY and b"SERVE_ASSET_ERROR" in answer.body:
            raise ImageFailedError(FailureReason.GONE, "SERVE_ASSET_ERROR")
        return Fetched(_image(answer))


class MediaServer:
    """The media server's `GET /<server>/<mediaId>`. It has only images that are on the laptop's disk now."""

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

    def fetch(self, location: MediaLocation) -> Fetched:
        """Returns the image. Raises ImageFailedError and OriginDownError."""
        url = f"{self._base_url}/{location.path}"
        answer = get_answer(self._session, url, headers=self._headers, limits=self._limits)
        if answer.status == HTTPStatus.FORBIDDEN:
            raise ImageFailedError(FailureReason.REFUSED, "status 403")
        return Fetched(_image(answer))


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


def _image(answer: Answer) -> bytes:
    """Returns the body of an answer with an image.

    Raises ImageFailedError (GONE) for 404 and 410, and OriginFaultyError for another status or a short body.
    """
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise ImageFailedError(FailureReason.GONE, f"status {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise OriginFaultyError(f"status {answer.status}")
    if len(answer.body) < _SHORTEST_IMAGE_BYTES:
        raise OriginFaultyError("a body too short for an image")
    return answer.body
