"""The main flow of the whole system, with AWS's own DynamoDB Local in place of the engine's tables."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.template import ROOT
from tests.end_to_end import engine_on_dynamodb_local
from tests.end_to_end.conftest import Clone
from tests.end_to_end.test_faces import assert_one_command_shows_every_face_and_a_second_downloads_none_again
from tests.engine.dynamodb_local import NOT_HERE, OWN_NETWORK, emulator

pytestmark = pytest.mark.engine


@pytest.fixture
def clone_on_dynamodb_local(clone: Clone) -> Iterator[Clone]:
    """Yields a clone of which the engine asks DynamoDB Local, which keeps the items until the end."""
    folder = emulator()
    if folder is None:
        pytest.skip(NOT_HERE)
    started = Path(engine_on_dynamodb_local.__file__)
    shutil.copy(started, clone.root / "local")
    replace(clone, "engine.py", '"local.engine_gate"', f'"local.{started.stem}"')
    replace(clone, "demo_account.py", '["--port"', '["--scale", "0.1", "--port"')
    socket = clone.root / engine_on_dynamodb_local.SOCKET.name
    command = [*OWN_NETWORK, sys.executable, "-m", "tests.engine.dynamodb_relay", str(folder), str(socket)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as relay:  # noqa: S603 - fixed arguments
        try:
            assert relay.stdout
            assert relay.stdout.readline() == b"ready\n"
            yield clone
        finally:
            clone.end()
            relay.kill()


def test_on_dynamodb_local_one_command_shows_every_face_and_a_second_downloads_none_again(
    clone_on_dynamodb_local: Clone,
) -> None:
    assert_one_command_shows_every_face_and_a_second_downloads_none_again(
        clone_on_dynamodb_local, chats=22, pictures=25, contacts=5
    )
    tables = own_tables(clone_on_dynamodb_local)
    assert len(tables) == 5
    assert not any(tables.values()), "no item is in the engine's own tables"


def replace(clone: Clone, name: str, old: str, new: str) -> None:
    """Replaces a text that occurs once in a module of `local/`."""
    module = clone.root / "local" / name
    code = module.read_text()
    assert code.count(old) == 1, (name, old)
    module.write_text(code.replace(old, new))


def own_tables(clone: Clone) -> dict[str, Any]:
    """Returns table → items, as the engine has saved its own tables when it stopped."""
    saved = json.loads((clone.root / ".local" / "demo" / "state" / "dynamodb.json").read_text())
    return {name: table["items"] for name, table in saved["payload"]["tables"]["data"].items()}
