"""Lets the engine of a clone ask AWS's own DynamoDB Local."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.template import ROOT
from tests.end_to_end import engine_on_dynamodb_local
from tests.end_to_end.conftest import Clone
from tests.engine.dynamodb_local import OWN_NETWORK


@contextlib.contextmanager
def dynamodb_local_below(clone: Clone, emulator: Path) -> Iterator[Path]:
    """Runs DynamoDB Local until the end of the block, and yields the socket at which it answers.

    It keeps the items of all runs of the clone, which ends with the block.
    """
    started = Path(engine_on_dynamodb_local.__file__)
    shutil.copy(started, clone.root / "local")
    clone.edit("local/engine.py", '"local.engine_gate"', f'"local.{started.stem}"')
    socket = clone.root / engine_on_dynamodb_local.SOCKET.name
    command = [*OWN_NETWORK, sys.executable, "-m", "tests.engine.dynamodb_relay", str(emulator), str(socket)]
    with subprocess.Popen(  # noqa: S603 - fixed arguments
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as relay:
        try:
            assert relay.stdout
            assert relay.stdout.readline() == b"ready\n"
            yield socket
        finally:
            clone.end()
            relay.kill()
