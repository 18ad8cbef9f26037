"""The main flow of the whole system, with AWS's own DynamoDB Local in place of the engine's tables."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.conftest import Clone
from tests.end_to_end.on_dynamodb_local import dynamodb_local_below
from tests.end_to_end.test_faces import assert_one_command_shows_every_face_and_a_second_downloads_none_again
from tests.engine.dynamodb_local import NOT_HERE, emulator

pytestmark = pytest.mark.engine


@pytest.fixture
def clone_on_dynamodb_local(clone: Clone) -> Iterator[Clone]:
    """Yields a clone of which the engine asks DynamoDB Local, which keeps the items until the end."""
    folder = emulator()
    if folder is None:
        pytest.skip(NOT_HERE)
    clone.edit("local/demo_account.py", '["--port"', '["--scale", "0.1", "--port"')
    with dynamodb_local_below(clone, folder):
        yield clone


def test_on_dynamodb_local_one_command_shows_every_face_and_a_second_downloads_none_again(
    clone_on_dynamodb_local: Clone,
) -> None:
    assert_one_command_shows_every_face_and_a_second_downloads_none_again(
        clone_on_dynamodb_local, chats=20, pictures=25, contacts=5
    )
    tables = own_tables(clone_on_dynamodb_local)
    assert len(tables) == 5
    assert not any(tables.values()), "no item is in the engine's own tables"


def own_tables(clone: Clone) -> dict[str, Any]:
    """Returns table → items, as the engine has saved its own tables when it stopped."""
    saved = json.loads((clone.root / ".local" / "demo" / "state" / "dynamodb.json").read_text())
    return {name: table["items"] for name, table in saved["payload"]["tables"]["data"].items()}
