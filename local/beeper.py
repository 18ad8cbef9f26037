"""Requests a chat from Beeper before the first sync, so that a problem is reported at once."""

import http.client
import urllib.error
import urllib.request
from functools import cache
from http import HTTPStatus
from typing import Any

from local.settings import Origin

_TIMEOUT_SECONDS = 5.0


def find_problem(beeper: Origin, *, if_refused: str) -> str | None:
    """Returns one line that says why chats cannot be read and what to do, or None if they can be read.

    `if_refused` says what to do if Beeper refuses the token.
    """
    request = urllib.request.Request(  # noqa: S310 - the settings allow http(s) only
        f"{beeper.url}/v1/chats?limit=1", headers={"Authorization": f"Bearer {beeper.token}"}
    )
    try:
        with open_directly(request, timeout=_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return f"Beeper at {beeper.url} refuses the token ({error.code}): {if_refused}"
        return f"Beeper at {beeper.url} answers {error.code}: set BEEPER_URL to the address of Beeper's API"
    except OSError as error:
        reason = getattr(error, "reason", error)
        return f"Beeper at {beeper.url} cannot be reached ({reason}): start Beeper Desktop, and allow its API"


def open_directly(request: urllib.request.Request, *, timeout: float) -> http.client.HTTPResponse:
    """Sends a request to its own address: neither to a proxy nor, after a redirect, to another address.

    The person's proxies are ignored, because the functions do not use them either. Raises OSError.
    """
    try:
        response: http.client.HTTPResponse = _opener().open(request, timeout=timeout)
    except http.client.HTTPException as error:
        raise urllib.error.URLError("what answers there is no HTTP") from error
    except UnicodeError as error:
        raise urllib.error.URLError("its name is no name of a server") from error
    return response


@cache
def _opener() -> urllib.request.OpenerDirector:
    """Returns the only opener, because each one loads the certificates of this machine."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses every redirect, because following one would send Beeper's token to another address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Returns None, so that urllib raises the redirect as an HTTPError."""
