"""The address of the local server → whether a person would find faces there yet."""

import contextlib
import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_FACES_SECONDS = 60.0  # an account whose pictures all fail, or that has none, is served all the same
_API_SECONDS = 60.0
_NEWS_SECONDS = 2.0


class NotReadyError(Exception):
    """The API does not answer."""


def wait_for_chats(
    address: str, token: str, *, want_faces: bool, check: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Return when the first page of chats shows a picture; without `want_faces` when the API answers.

    `check` is called all the time, and raises when waiting is of no use any more.
    """
    started = told = time.monotonic()
    while True:
        check()
        chats = _first_page(address, token)
        waited = time.monotonic() - started
        if chats is None:
            if waited > _API_SECONDS:
                raise NotReadyError("the API does not answer (see the log of the engine)")
        elif not want_faces or _faces(chats):
            return
        elif waited > _FACES_SECONDS:
            say("no picture is cached yet: the page shows what there is")
            return
        elif chats and time.monotonic() - told > _NEWS_SECONDS:
            told = time.monotonic()
            say(f"{len(chats)} chats on the first page")
        time.sleep(0.2)


def _faces(chats: list[dict[str, Any]]) -> int:
    return sum(1 for chat in chats if (chat.get("image") or {}).get("status") == "cached")


def _first_page(address: str, token: str) -> list[dict[str, Any]] | None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", "/api/chats?limit=50", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
        if response.status == http.HTTPStatus.OK:
            return list(json.loads(body).get("chats", []))
    return None
