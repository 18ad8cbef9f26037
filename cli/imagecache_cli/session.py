"""What every verb starts from: the global options, and the world outside that tests replace."""

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


@dataclass(frozen=True, slots=True)
class Outside:
    """Environment, working folder and time."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    folder: Path = field(default_factory=Path.cwd)
    now: Callable[[], datetime] = _now
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Options:
    """The options that stand before or after any verb."""

    wanted: Wanted
    as_json: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A verb's way to the API and to the person."""

    api: Api
    screen: Screen
    outside: Outside


def open_session(context: typer.Context) -> Session:
    """Only when a verb runs: its --help needs no address. Raises SettingsError."""
    options, outside = context.meta["options"], context.meta["outside"]
    access = find_access(options.wanted, environment=outside.environment, folder=outside.folder)
    return Session(
        api=Api(access, sleep=outside.sleep), screen=Screen.open(as_json=options.as_json), outside=outside
    )
