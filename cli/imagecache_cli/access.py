"""Finds the API's address and token: in the options, the environment, or the file that `make run` writes."""

import getpass
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from imagecache_cli.errors import SettingsError

_LOCAL_FILE = Path(".local", "access.json")
# A process that runs the stack of a folder holds the lock of this file.
_LOCK_FILE = "run.lock"
_BEEPER_DESKTOP = "http://127.0.0.1:23373"
NEW_CONNECTION = "create a read-only one in Beeper Desktop (Settings, Integrations, Approved connections)"
NOT_READY = "the local stack is not ready: wait until `make run` says that it is ready"
_LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The global options that select the API."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    local: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """The address of an API, without a slash at its end, and the token to send. `repr` omits the token."""

    url: str
    token: str = field(repr=False)

    @property
    def is_local(self) -> bool:
        """True if the API runs on this machine."""
        return urlsplit(self.url).hostname in _LOOPBACK_HOSTS


@dataclass(frozen=True, slots=True)
class Engine:
    """The address of the AWS engine of a running `make run`, and the session token that it requires."""

    endpoint: str
    region: str
    stack: str
    token: str = field(repr=False)


def find_access(
    wanted: Wanted, *, environment: Mapping[str, str], folder: Path, clone: Path | None = None
) -> Access:
    """Returns the API to use. An option overrides its environment variable, and `--local` both variables.

    `--local` searches for the file of `make run` in `folder`, in the folders above it, and in `clone`, the
    clone that contains this command. Raises SettingsError.
    """
    if wanted.local:
        # Without this error, it would be unclear which of the two addresses is used.
        if wanted.url or wanted.token:
            raise SettingsError("--local has its own address and token: leave out --url and --token")
        return _local_access(folder, clone)
    url = wanted.url or environment.get("IMAGECACHE_URL", "").strip()
    if not url:
        raise SettingsError(
            "the API's address is missing: set IMAGECACHE_URL, or use --local while `make run` is running"
        )
    token = wanted.token or environment.get("IMAGECACHE_TOKEN", "").strip()
    if not token:
        raise SettingsError("the token is missing: set IMAGECACHE_TOKEN to the read or the admin token")
    return checked_access(url, token, url_name="IMAGECACHE_URL", token_name="IMAGECACHE_TOKEN")  # noqa: S106 - a name


def find_beeper(url: str | None, *, environment: Mapping[str, str]) -> Access:
    """Returns the address and the token of a Beeper, for requests to Beeper itself.

    The address is `url`, else BEEPER_URL, else that of Beeper Desktop on this machine. The token is
    BEEPER_TOKEN, else a person types it, because the arguments of a process are visible to other users.
    Raises SettingsError.
    """
    address = url or environment.get("BEEPER_URL", "").strip() or _BEEPER_DESKTOP
    token = environment.get("BEEPER_TOKEN", "").strip()
    if not token:
        if not sys.stdin.isatty():
            raise SettingsError("Beeper's token is missing: set BEEPER_TOKEN, or run this in a terminal")
        token = _typed_token()
    return checked_access(address, token, url_name="Beeper's address", token_name="Beeper's token")  # noqa: S106 - a name


def _typed_token() -> str:
    """Asks for a token that is not shown while it is typed. Raises SettingsError if none is typed."""
    try:
        token = getpass.getpass("Beeper's token (it is not shown): ", sys.stderr).strip()
    except EOFError:
        token = ""
    if not token:
        raise SettingsError(f"no token was typed: {NEW_CONNECTION}")
    return token


def find_engine(folder: Path, clone: Path | None = None) -> Engine:
    """Returns the engine of a running `make run`, whose file is searched for as for `--local`.

    Raises SettingsError.
    """
    try:
        engine = _read_local_file(folder, clone)["engine"]
        return Engine(engine["endpoint"], engine["region"], engine["stack"], engine["sessionToken"])
    # `make run` writes the engine's part of the file later than the API's part.
    except (KeyError, TypeError) as error:
        raise SettingsError(NOT_READY) from error


def _local_access(folder: Path, clone: Path | None) -> Access:
    content = _read_local_file(folder, clone)
    url = content.get("url")
    token = content.get("adminToken")
    if not isinstance(token, str):
        raise SettingsError(f"{_LOCAL_FILE} contains no token: start `make run` again")
    if not isinstance(url, str):
        raise SettingsError(NOT_READY)
    return checked_access(url, token, url_name=f"url in {_LOCAL_FILE}", token_name=f"token in {_LOCAL_FILE}")


def _read_local_file(folder: Path, clone: Path | None) -> dict[str, Any]:
    # A person may have several clones, so the clone of the working folder comes before this command's clone.
    folders = [folder, *folder.parents, *([clone] if clone else [])]
    files = (candidate / _LOCAL_FILE for candidate in folders)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise SettingsError(
            f"--local finds no {_LOCAL_FILE} in this folder, above it, or in the clone of this command: "
            "start `make run` in the clone first"
        )
    if not is_locked(file.parent / _LOCK_FILE):
        raise SettingsError(
            f"`make run` is not running in {file.parent.parent}: start it first. Another program may listen"
            " on the port of the last run, so no token is sent there"
        )
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{_LOCAL_FILE} cannot be read: start `make run` again") from error


def is_locked(file: Path) -> bool:
    """Returns True if a process holds the lock of this file, which it does until it ends."""
    import fcntl  # noqa: PLC0415 - Windows has no such module, and no `make run`

    try:
        with file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def checked_access(url: str, token: str, *, url_name: str, token_name: str) -> Access:
    """Checks and returns the address and the token. Raises SettingsError.

    The message contains neither of them, because an address that was copied from `make run` contains a token.
    """
    parts = _split_url(url, url_name)
    # The link that `make run` prints has a token after its #, so it is not the API's address.
    if parts.query or parts.fragment or parts.username is not None:
        raise SettingsError(
            f"{url_name} must be an address only: remove a ? or # and all that follows it,"
            " and a user name and password with their @"
        )
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK_HOSTS:
        raise SettingsError(f"{url_name} must begin with https://, or the token would be sent unencrypted")
    # Spaces and letters beyond ASCII cannot be part of a header. They come from copying too much.
    if not re.fullmatch(r"[!-~]+", token):
        raise SettingsError(f"{token_name} contains characters that no token has: copy it again")
    return Access(url.rstrip("/"), token)


def _split_url(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # Reading the port checks it: urlsplit itself accepts any text after the colon.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number, or a bracket is not closed
        has_host = False
    if not has_host or parts.scheme not in {"http", "https"} or not url.isprintable() or " " in url:
        raise SettingsError(f"{name} is not an address like https://d111.cloudfront.net")
    return parts
