"""Runs the embedded engine (ministack) on 127.0.0.1. Its state is in a folder (see `local.state_folder`)."""

import contextlib
import os
import secrets
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.console import say
from local.engine_protocol import PROBLEM, SAVE_PATH, TOKEN_HEADER
from local.processes import Child, clear_leftovers
from local.state_folder import keep_port, kept_port, prepare

REGION: Final = "eu-west-1"
_KEY: Final = "test"  # an SDK needs a key for its signatures, which the engine does not check
_HOST: Final = "127.0.0.1"
_PORTS: Final = range(1, 65536)
_NOT_FOR_CONNECTIONS = range(20_000, 32_768)
_SAVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine, with its port and the session token that it requires."""

    child: Child
    port: int
    token: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        """The address for requests to every service."""
        return f"http://{_HOST}:{self.port}"

    @property
    def access(self) -> dict[str, Any]:
        """The keyword arguments for `boto3.client`. `local.engine_gate` checks only the session token."""
        from botocore.config import Config  # noqa: PLC0415 - see local.clients

        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": _KEY,
            "aws_secret_access_key": _KEY,
            "aws_session_token": self.token,
            "config": Config(proxies={}, read_timeout=120, retries={"total_max_attempts": 2}),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which an AWS SDK in another process uses the engine."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION, **_credentials(self.token)}

    def save(self) -> None:
        """Stores what was deployed, so that it survives a kill. Raises ChildError if the engine has ended."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.endpoint}{SAVE_PATH}", method="POST", headers={TOKEN_HEADER: self.token}
        )
        try:
            with urllib.request.urlopen(request, timeout=_SAVE_SECONDS):  # noqa: S310 - as above
                pass
        except OSError:
            self.child.check()
            raise

    def problems(self) -> list[str]:
        """Returns what the engine has found damaged in the stored state. It must have answered a request."""
        lines = self.child.log.read_text(errors="replace").splitlines()
        return [line.removeprefix(PROBLEM) for line in lines if line.startswith(PROBLEM)]


@contextlib.contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Runs the engine with the state in `folder` until the end of the block.

    Its state is always on the disk, except for what is deployed, which `Engine.save` stores. Raises
    ChildError if a later version has written the folder.

    The block begins while the engine starts, which takes seconds. The engine has inherited a socket that is
    listening already, so no other program can have the port and receive the token, and a request waits in the
    socket until the engine serves it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    clear_leftovers(folder)
    journal = prepare(folder)
    child: Child | None = None
    # A signal may end this process at any moment, also before the engine has been started.
    try:
        with _listen_on_kept_port(journal) as listener:
            port = int(listener.getsockname()[1])
            token = secrets.token_urlsafe(32)
            child = Child(
                folder,
                "local.engine_gate",
                [str(listener.fileno())],
                name="ministack",
                title="the engine",
                environment=_environment(folder, journal, port, token),
                inherited=[listener.fileno()],
            )
        yield Engine(child, port, token)
    finally:
        if child:
            child.stop()
        shutil.rmtree(folder / "tmp", ignore_errors=True)


def listen(wanted: int = 0) -> socket.socket:
    """Returns a socket that listens on the port `wanted` of 127.0.0.1.

    If that is taken, or no port, it listens on any other, preferably on one that systems do not use for
    outgoing connections: such a connection could take a port after `free_port` has found it free.
    """
    for port in (wanted, *secrets.SystemRandom().sample(_NOT_FOR_CONNECTIONS, 20)):
        with contextlib.suppress(OSError):
            if port in _PORTS:
                return socket.create_server((_HOST, port))
    return socket.create_server((_HOST, 0))


def free_port(wanted: int = 0) -> int:
    """Returns `wanted` if nothing listens on it, or else a port that was free a moment ago."""
    with listen(wanted) as listener:
        return int(listener.getsockname()[1])


def _credentials(token: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _KEY, "AWS_SESSION_TOKEN": token}


def _environment(folder: Path, journal: Path, port: int, token: str) -> dict[str, str]:
    # The functions get these variables from the engine, except that each has its own credentials. So the
    # variables of the person who started the stack must not be among them.
    return {
        "PATH": os.defpath,
        "HOME": str(folder / "tmp"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        **_credentials(token),
        "AUTH": "true",  # the engine checks that the role of a function allows each of its requests
        "PERSIST_STATE": "1",
        "STATE_DIR": str(journal),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        # These servers are not needed, and another stack may use their ports.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _listen_on_kept_port(journal: Path) -> socket.socket:
    """Returns a socket that listens on the port of the last start, or on another one if that is taken."""
    old_port = kept_port(journal)
    listener = listen(old_port)
    port = listener.getsockname()[1]
    if old_port and port != old_port:
        say(f"another program uses the engine's port {old_port}: the engine moves to {port}")
    if port != old_port:
        keep_port(journal, port)
    return listener
