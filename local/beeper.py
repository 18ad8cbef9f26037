"""Asks Beeper for a chat before anything starts, to say at once why its chats cannot be read."""

import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from local.settings import Origin

_TIMEOUT_SECONDS = 5.0


def find_problem(beeper: Origin) -> str | None:
    """Returns one line that says why Beeper's chats cannot be read and what to do, or None if they can."""
    request = urllib.request.Request(  # noqa: S310 - the settings allow http(s) only
        f"{beeper.url}/v1/chats?limit=1", headers={"Authorization": f"Bearer {beeper.token}"}
    )
    # The functions do not use the person's proxies either.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return f"Beeper at {beeper.url} refuses the token ({error.code}): set BEEPER_TOKEN to a new one"
        return f"Beeper at {beeper.url} answers {error.code}: set BEEPER_URL to the address of Beeper's API"
    except OSError as error:
        reason = getattr(error, "reason", error)
        return f"Beeper at {beeper.url} cannot be reached ({reason}): start Beeper Desktop, and allow its API"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses every redirect, because the token is meant for Beeper's own address only."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Returns None, which makes the redirect an HTTPError."""
