"""Waits until the local server shows pictures of chats."""

import contextlib
import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_API_SECONDS = 60.0
# After this time, the page is announced even without pictures: the account may have none.
_FACES_SECONDS = 60.0
_SECONDS_BETWEEN_REPORTS = 2.0


class NotReadyError(Exception):
    """The API of a stack that has just started does not answer. The message is one line."""


def wait_for_chats(
    address: str, token: str, *, want_faces: bool, check: Callable[[], None], say: Callable[[str], None]
) -> bool:
    """Waits until the first page of chats has a picture or, without `want_faces`, until the API answers.

    Returns True if it has a picture. If no picture is cached within a minute, it says so and returns False.
    `check` is called repeatedly; it should raise an error if waiting is useless. Raises NotReadyError if the
    API does not answer within a minute.
    """
    started = time.monotonic()
    last_report = started
    reported = 0
    while True:
        check()
        chats = _first_page(address, token)
        waited = time.monotonic() - started
        if chats is None:
            if waited > _API_SECONDS:
                raise NotReadyError(
                    f"the API does not answer after {_API_SECONDS:.0f} s: look for errors in the engine's"
                    " log, .local/beeper/ministack.log (.local/demo/ministack.log with the made-up account)"
                )
        elif (has_faces := _has_faces(chats)) or not want_faces:
            return has_faces
        elif waited > _FACES_SECONDS:
            say("no picture is cached yet: the page shows the chats without pictures")
            return False
        elif len(chats) != reported and time.monotonic() - last_report > _SECONDS_BETWEEN_REPORTS:
            last_report = time.monotonic()
            reported = len(chats)
            say(f"waiting for the first picture; chats on the first page so far: {reported}")
        time.sleep(0.2)


def _has_faces(chats: list[dict[str, Any]]) -> bool:
    return any((chat.get("image") or {}).get("status") == "cached" for chat in chats)


def _first_page(address: str, token: str) -> list[dict[str, Any]] | None:
    """Returns the first page of chats, or None if the API does not answer with the status 200."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", "/api/chats?limit=50", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
        if response.status == http.HTTPStatus.OK:
            return list(json.loads(body).get("chats", []))
    return None
