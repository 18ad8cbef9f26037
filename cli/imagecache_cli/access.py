"""Where the API is and what opens it: options, else the environment, or the file that `make run` leaves."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from imagecache_cli.errors import SettingsError

_LOCAL_FILE = Path(".local", "access.json")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Access:
    """`url` without a slash at its end; the token never stands in anything that is printed."""

    url: str
    token: str = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether the API runs on this machine."""
        return urlsplit(self.url).hostname in _LOOPBACK


@dataclass(frozen=True, slots=True)
class Wanted:
    """The global options that say where the API is."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    local: bool = False


def find_access(wanted: Wanted, *, environment: Mapping[str, str], folder: Path) -> Access:
    """An option beats its variable; `--local` beats both variables. Raises SettingsError."""
    if wanted.local:
        if wanted.url or wanted.token:
            raise SettingsError("--local brings its own address and token: leave out --url and --token")
        return _local_access(folder)
    url = wanted.url or environment.get("IMAGECACHE_URL", "").strip()
    token = wanted.token or environment.get("IMAGECACHE_TOKEN", "").strip()
    if not url:
        raise SettingsError(
            "where is the API? set IMAGECACHE_URL, or use --local beside a running `make run`"
        )
    if not token:
        raise SettingsError("which token? set IMAGECACHE_TOKEN to the read or the admin token")
    return _checked(url, token, "IMAGECACHE_URL", "IMAGECACHE_TOKEN")


@dataclass(frozen=True, slots=True)
class Engine:
    """Says where the stack of a running `make run` is; the token of that run is all that opens it."""

    endpoint: str
    region: str
    stack: str
    token: str = field(repr=False)


def find_engine(folder: Path) -> Engine:
    """Raises SettingsError."""
    try:
        engine = _known_locally(folder)["engine"]
        return Engine(engine["endpoint"], engine["region"], engine["stack"], engine["sessionToken"])
    except (KeyError, TypeError) as error:
        raise SettingsError("no stack is there yet: wait until `make run` says that it is ready") from error


def _local_access(folder: Path) -> Access:
    known = _known_locally(folder)
    url, token = known.get("url"), known.get("adminToken")
    if not (isinstance(url, str) and isinstance(token, str)):
        raise SettingsError(f"{_LOCAL_FILE} holds no address and token: start `make run` again")
    return _checked(url, token, f"url of {_LOCAL_FILE}", f"adminToken of {_LOCAL_FILE}")


def _known_locally(folder: Path) -> dict[str, Any]:
    files = (parent / _LOCAL_FILE for parent in (folder, *folder.parents))
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise SettingsError(
            "--local finds no .local/access.json here or above: start `make run` in the clone first"
        )
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{_LOCAL_FILE} cannot be read: start `make run` again") from error


def _checked(url: str, token: str, url_name: str, token_name: str) -> Access:
    """Neither value is repeated in an error: a link copied from `make run` holds a token."""
    parts = _split(url, url_name)
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingsError(
            f"{url_name} is an address only: leave out what follows ? or # or stands before @"
        )
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise SettingsError(f"{url_name} must begin with https://: a token would travel in the clear")
    if not re.fullmatch(r"[!-~]+", token):
        raise SettingsError(f"{token_name} holds characters that no token has: copy it again")
    return Access(url.rstrip("/"), token)


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is left open
        named = False
    if not named or parts.scheme not in {"http", "https"} or not url.isprintable() or " " in url:
        raise SettingsError(f"{name} is not an address like https://d111.cloudfront.net")
    return parts
