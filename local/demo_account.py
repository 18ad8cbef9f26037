"""Runs the servers of the demo account, if possible on the same ports at each start."""

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from demo.dex import DEMO_KEY as DEX_KEY
from local.engine import free_port
from local.processes import Child, ChildError, clear_leftovers
from local.settings import Origin

# These tokens need not be secret, because they give access only to made-up data.
_BEEPER_TOKEN = "demo-beeper-token"  # noqa: S105 - in this repository
_MEDIA_TOKEN = "demo-media-token"  # noqa: S105 - in this repository
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DemoServers:
    """The running servers of the demo account, which replace Beeper, its media server and Dex."""

    child: Child
    beeper: Origin
    media_server: Origin
    dex: Origin
    control_token: str = field(repr=False)

    @property
    def access(self) -> dict[str, str]:
        """The address and the token of the endpoints below `/_demo/`, for `.local/access.json`."""
        return {"url": self.beeper.url, "controlToken": self.control_token}

    def wait(self) -> None:
        """Waits until the servers answer. Raises ChildError if they have ended, or do not within 30 s."""
        port = urlsplit(self.beeper.url).port
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.child.check()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.05)
        raise ChildError(
            f"the demo account does not answer on port {port} after {_START_SECONDS:.0f} s;"
            f" its log is {self.child.log}"
        )


@contextlib.contextmanager
def demo_account(folder: Path) -> Iterator[DemoServers]:
    """Runs the demo account's servers until the end of the block, which begins while they start.

    `folder` gets their log and a file with their ports.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    clear_leftovers(folder)
    port, media_port = _kept_ports(folder / "demo-ports.json")
    beeper = Origin(f"http://127.0.0.1:{port}", _BEEPER_TOKEN)
    media_server = Origin(f"http://127.0.0.1:{media_port}", _MEDIA_TOKEN)
    arguments = ["--port", str(port), "--media-port", str(media_port)]
    arguments += ["--token", beeper.token, "--media-token", media_server.token]
    control_token = secrets.token_urlsafe(32)
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "DEMO_CONTROL_TOKEN": control_token}
    child = Child(folder, "demo", arguments, name="demo", title="the demo account", environment=environment)
    try:
        yield DemoServers(child, beeper, media_server, Origin(beeper.url, DEX_KEY), control_token)
    finally:
        child.stop()


def _kept_ports(note: Path) -> tuple[int, int]:
    """Returns the ports of the chat API and the media server: the ports of the last start, if they are free.

    The addresses are parameters of the stack, so other ports would make an update of the stack necessary.
    """
    try:
        last_port, last_media_port = (int(each) for each in json.loads(note.read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # a power cut may leave an empty file
        last_port, last_media_port = 0, 0
    port = free_port(last_port)
    media_port = free_port(last_media_port)
    note.write_text(json.dumps([port, media_port]))
    return port, media_port
