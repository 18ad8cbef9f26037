"""A folder → the embedded engine (ministack) on 127.0.0.1, with the state that its last clean stop saved."""

import contextlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.config import Config

from local.console import say
from local.processes import Child, ChildError, clear_leftovers

REGION: Final = "eu-west-1"
ARTIFACTS: Final = "imagecache-artifacts"  # the bucket of the packages that a deployment uploads
_KEY: Final = "test"  # an SDK wants a key to sign with, and the engine checks no signature
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Engine:
    """The running engine and how to reach it."""

    child: Child
    port: int
    token: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> dict[str, Any]:
        """Returns the keywords for `boto3.client`. `local.engine_gate` checks the session token alone."""
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
        """Returns the environment variables by which an AWS SDK in another process reaches the engine."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION, **_credentials(self.token)}


@contextlib.contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Start it with what `folder` holds; stop it at the end, which saves."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    clear_leftovers(folder)
    port, token = _restore(folder), secrets.token_urlsafe(32)
    child = Child(
        folder, "local.engine_gate", name="ministack", environment=_environment(folder, port, token)
    )
    try:
        _wait_until_it_answers(child, port)
        yield Engine(child, port, token)
    finally:
        if not child.stop():
            say("the engine had to be killed: what changed since its last clean stop is lost")
        shutil.rmtree(folder / "tmp", ignore_errors=True)


def _credentials(token: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _KEY, "AWS_SESSION_TOKEN": token}


def _environment(folder: Path, port: int, token: str) -> dict[str, str]:
    # The engine passes all of this on to the functions, the session token included, so the variables of the
    # person who started it must not be here. Only the access key id is replaced: by the account's number.
    return {
        "PATH": os.defpath,
        "HOME": str(folder / "tmp"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        **_credentials(token),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        # Listeners that we do not need, on ports that another stack may hold.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _restore(folder: Path) -> int:
    """Lays out the folder for a start and returns the engine's port.

    The engine runs on a copy, `state`, that replaces `saved` only after a clean stop: killed half-way
    through saving it would leave files of two different moments.

    The objects in `s3` are never removed here, because they may be the last copies of pictures. The engine
    finds its buckets there when it starts, whether its state names them or not.
    """
    saved, state, mark = folder / "saved", folder / "state", folder / "ministack.saved"
    if mark.exists() and state.exists():
        shutil.rmtree(saved, ignore_errors=True)
        state.rename(saved)
    mark.unlink(missing_ok=True)
    for name in ("state", "tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "tmp").mkdir()
    if saved.exists():
        shutil.copytree(saved, state)
    elif _has_objects(folder / "s3"):
        # The new stack gets buckets of new names, so it neither uses nor sweeps those of the last run.
        say(
            "the last run was killed before it could save its chats; its pictures are kept in "
            f"{folder / 's3'}, but this run does not use them"
        )
    for unfinished in (folder / "s3").rglob("*.tmp"):
        unfinished.unlink()  # a write that a kill cut short would come back as an object
    return _keep_port(state)


def _has_objects(s3: Path) -> bool:
    """Returns whether there is a bucket, `s3/<account>/<name>`, beside that of the packages."""
    return any(bucket.name != ARTIFACTS for bucket in s3.glob("[0-9]*/*"))


def _keep_port(state: Path) -> int:
    """The port of the saved state, or another one written into it.

    Queue URLs hold the port: on a different one the queue's event source would be silent for ever.
    """
    state.mkdir(exist_ok=True)
    note = state / "port"
    old = int(note.read_text()) if note.exists() else 0
    port = free_port(old)
    if old and port != old:
        say(f"port {old} of the engine is taken: it moves to {port}")
        for file in state.glob("*.json"):
            file.write_text(file.read_text().replace(f"localhost:{old}", f"localhost:{port}"))
    note.write_text(str(port))
    return port


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free, else one that is."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the servers do, or TIME_WAIT is "taken"
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def _wait_until_it_answers(child: Child, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        child.check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ChildError(f"the engine does not answer on port {port} (see {child.log})")
