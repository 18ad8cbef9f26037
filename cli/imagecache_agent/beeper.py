"""Finds the Beeper on this computer, and the token that it takes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagecache.sources.beeper.auth import beeper_headers
from imagecache_cli.access import Access, checked_access
from imagecache_cli.errors import SettingsError

_CONNECTION = Path(".local", "connection.json")  # which `make run` writes when a person has connected Beeper
_DEFAULT_URL = "http://127.0.0.1:23373"


@dataclass(frozen=True, slots=True)
class Origins:
    """The addresses of Beeper and of a media server, which is empty without one. `repr` omits the tokens."""

    beeper_url: str
    media_server_url: str
    secrets: Mapping[str, str] = field(repr=False)


def find_origins(environment: Mapping[str, str], clone: Path) -> Origins:
    """Returns the addresses of Beeper and of a media server, and their tokens by their names in the stack.

    Beeper's token is BEEPER_TOKEN, else that of the connection of `make run` in this clone, if it was made to
    the same address. It is sent to an https address, or to this computer, and nowhere else. Raises
    SettingsError.
    """
    beeper = _beeper(environment, clone)
    secrets = {"beeper-token": beeper.token}
    media_server_url = environment.get("MEDIA_SERVER_URL", "").strip()
    if media_server_url:
        token = environment.get("MEDIA_SERVER_TOKEN", "").strip()
        server = checked_access(
            media_server_url,
            token,
            url_name="MEDIA_SERVER_URL",
            token_name="MEDIA_SERVER_TOKEN",  # noqa: S106 - a name
        )
        media_server_url, secrets["media-server-token"] = server.url, server.token
    return Origins(beeper.url, media_server_url, secrets)


def headers_now(find: Callable[[], Origins]) -> dict[str, str]:
    """Returns the headers of a request to Beeper, or none while its token is missing.

    Beeper refuses a request without them. That leads to a sync, whose error says what to do about the token.
    """
    try:
        return beeper_headers(find().secrets)
    except SettingsError:
        return {}


def _beeper(environment: Mapping[str, str], clone: Path) -> Access:
    url = environment.get("BEEPER_URL", "").strip() or _DEFAULT_URL
    token = environment.get("BEEPER_TOKEN", "").strip() or _connected_token(clone / _CONNECTION, url)
    if not token:
        raise SettingsError(
            "Beeper's token is missing: connect Beeper with `make run` in this clone, or set BEEPER_TOKEN"
        )
    return checked_access(url, token, url_name="BEEPER_URL", token_name="Beeper's token")  # noqa: S106 - a name


def _connected_token(file: Path, url: str) -> str:
    """Returns the token of the connection to this address, or an empty text if there is none."""
    try:
        content = json.loads(file.read_text())
        return str(content["token"]) if content["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
