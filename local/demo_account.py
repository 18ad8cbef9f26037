"""A folder → the demo account running beside the engine, at the same addresses each time."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.dex import DEMO_KEY as DEX_KEY
from local.engine import free_port
from local.processes import Child, ChildError, clear_leftovers
from local.settings import Origin

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """What a Beeper, a media server and a Dex would be."""

    child: Child
    port: int
    beeper: Origin
    media_server: Origin
    dex: Origin


@contextlib.contextmanager
def demo_account(folder: Path) -> Iterator[DemoAccount]:
    """Serve it until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    clear_leftovers(folder)
    port, media_port = _ports(folder / "demo-ports.json")
    beeper = Origin(f"http://127.0.0.1:{port}", "demo-beeper-token")
    media_server = Origin(f"http://127.0.0.1:{media_port}", "demo-media-token")
    arguments = ["--port", str(port), "--media-port", str(media_port)]
    arguments += ["--token", beeper.token, "--media-token", media_server.token]
    child = Child(folder, "demo", arguments, environment={"PATH": os.defpath, "LANG": "C.UTF-8"})
    try:
        _wait_until_it_answers(child, port)
        yield DemoAccount(child, port, beeper, media_server, Origin(beeper.url, DEX_KEY))
    finally:
        child.stop()


def _ports(note: Path) -> tuple[int, int]:
    """The addresses are in the stack's parameters: other ones would mean an update at each start."""
    wanted = json.loads(note.read_text()) if note.exists() else [0, 0]
    port = free_port(wanted[0])
    media_port = free_port(wanted[1])
    note.write_text(json.dumps([port, media_port]))
    return port, media_port


def _wait_until_it_answers(child: Child, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        child.check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ChildError(f"the demo account does not answer on port {port} (see {child.log})")
