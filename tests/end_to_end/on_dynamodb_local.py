"""Lets the engine of a clone ask AWS's own DynamoDB Local."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from local.template import ROOT
from tests.dynamodb_local import connection
from tests.dynamodb_local.connection_server import handing_out_connections
from tests.end_to_end import engine_on_dynamodb_local
from tests.end_to_end.conftest import Clone


@contextlib.contextmanager
def dynamodb_local_below(clone: Clone, emulator: Path) -> Iterator[Path]:
    """Runs DynamoDB Local until the end of the block, and yields the socket at which it answers.

    It keeps the items of all runs of the clone, which ends with the block.
    """
    started = Path(engine_on_dynamodb_local.__file__)
    shutil.copy(started, clone.root / "local")
    imported = Path(connection.__file__)
    (clone.root / imported.parent.relative_to(ROOT)).mkdir(parents=True, exist_ok=True)
    shutil.copy(imported, clone.root / imported.relative_to(ROOT))
    clone.edit("local/engine.py", '"local.engine_gate"', f'"local.{started.stem}"')
    socket = clone.root / engine_on_dynamodb_local.SOCKET.name
    with handing_out_connections(emulator, socket):
        try:
            yield socket
        finally:
            clone.end()
