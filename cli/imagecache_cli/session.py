"""What every verb starts with: the global options, and the process's surroundings, which tests replace."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import typer

from imagecache_cli.access import Wanted, find_access
from imagecache_cli.api import Api
from imagecache_cli.screen import Screen


def _now() -> datetime:
    return datetime.now(UTC)


def _own_clone() -> Path:
    """Returns the clone that contains this package. For an installed package the folder is not a clone."""
    return Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Outside:
    """The surroundings of the process: environment, working folder, the command's own clone, and clocks.

    `seconds` is a monotonic clock, and `sleep` pauses for a number of seconds.
    """

    # os.environ holds the token, so it must not appear in a traceback's representation.
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    folder: Path = field(default_factory=Path.cwd)
    clone: Path = field(default_factory=_own_clone)
    now: Callable[[], datetime] = _now
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Options:
    """The global options, which may stand before or after a verb."""

    wanted: Wanted
    as_json: bool


@dataclass(frozen=True, slots=True)
class Session:
    """The API, the screen and the surroundings that a verb uses."""

    api: Api
    screen: Screen
    outside: Outside


def open_session(context: typer.Context) -> Session:
    """Returns the session of a verb. Each verb calls this itself, so that its --help needs no address.

    Raises SettingsError if the address or the token is missing or malformed.
    """
    # set_global_options in app.py has stored both.
    options: Options = context.meta["options"]
    outside: Outside = context.meta["outside"]
    access = find_access(
        options.wanted, environment=outside.environment, folder=outside.folder, clone=outside.clone
    )
    return Session(
        api=Api(access, sleep=outside.sleep), screen=Screen.open(as_json=options.as_json), outside=outside
    )
