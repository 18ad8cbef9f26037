"""Another user of the machine finds no readable file, no token in a command line, and no open server."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.processes import leftovers
from tests.end_to_end.api.conftest import Running
from tests.listening import listening_addresses, with_descendants

pytestmark = pytest.mark.engine


def test_nothing_below_the_folder_of_the_run_may_be_read_by_others(running: Running) -> None:
    folder = running.clone.root / ".local"
    written = [folder]
    for parent, folders, files in os.walk(folder):  # does not follow the link to the built layers
        written += [Path(parent, name) for name in [*folders, *files]]
    readable = [
        path for path in written if path.exists() and not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    assert len(written) > 100, "objects, logs and state"
    assert readable == []


def test_no_token_is_in_a_command_line(running: Running) -> None:
    """Every user of a machine can read the command lines of all processes."""
    access = running.clone.access
    tokens = [
        access["readToken"],
        access["adminToken"],
        access["engine"]["sessionToken"],
        running.demo.beeper_token,
    ]
    commands = [command for folder in running.clone.folders for command in leftovers(folder).values()]
    assert len(commands) > 2, "the engine and its functions"
    assert not [command for command in commands for token in tokens if token in command]


def test_every_server_listens_on_loopback_only(running: Running) -> None:
    engine = urlsplit(running.clone.access["engine"]["endpoint"]).port
    processes = with_descendants(running.process.pid)
    assert processes >= set(running.clone.processes())
    assert listening_addresses(processes) == {("127.0.0.1", engine), ("127.0.0.1", running.clone.port)}
