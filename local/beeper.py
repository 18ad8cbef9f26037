"""Beeper's address and token → one line that says why its chats cannot be read, if they cannot."""

import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from local.settings import Origin

_SECONDS = 5.0


def complaint(beeper: Origin) -> str | None:
    """What is wrong with it; None: it hands out chats."""
    request = urllib.request.Request(  # noqa: S310 - the settings allow http(s) only
        f"{beeper.url}/v1/chats?limit=1", headers={"Authorization": f"Bearer {beeper.token}"}
    )
    try:
        # As the functions ask: without the person's proxies.
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects).open(
            request, timeout=_SECONDS
        ):
            return None
    except urllib.error.HTTPError as error:
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return f"Beeper at {beeper.url} refuses the token ({error.code}): set BEEPER_TOKEN to a new one"
        return f"Beeper at {beeper.url} answers {error.code}: is this the address of its API?"
    except OSError as error:
        reason = getattr(error, "reason", error)
        return f"Beeper at {beeper.url} cannot be reached ({reason}): start it, with its API allowed"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for this address only."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Never follow."""
