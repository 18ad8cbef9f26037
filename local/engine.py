"""Runs the embedded engine (ministack) on 127.0.0.1, and stores its state in a folder between runs.

The folder contains `state`, which the running engine changes; `saved`, the state at the last clean stop;
`s3`, the objects; `tmp`; and `ministack.log`.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.console import say
from local.processes import STOP_SECONDS, Child, clear_leftovers

REGION: Final = "eu-west-1"
ARTIFACTS: Final = "imagecache-artifacts"  # the bucket of the packages that a deployment uploads
_KEY: Final = "test"  # an SDK needs a key for its signatures, which the engine does not check
_HOST: Final = "127.0.0.1"


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


@contextlib.contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Runs the engine with the state in `folder` until the end of the block, and then saves the state.

    The block begins while the engine starts, which takes seconds. The engine has inherited a socket that is
    listening already, so no other program can have the port and receive the token, and a request waits in the
    socket until the engine serves it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    clear_leftovers(folder)
    _lay_out(folder)
    with _listen_on_kept_port(folder / "state") as listener:
        port = int(listener.getsockname()[1])
        token = secrets.token_urlsafe(32)
        child = Child(
            folder,
            "local.engine_gate",
            [str(listener.fileno())],
            name="ministack",
            title="the engine",
            environment=_environment(folder, port, token),
            inherited=[listener.fileno()],
        )
    engine = Engine(child, port, token)
    try:
        yield engine
    finally:
        if not child.stop():
            say(
                f"the engine did not stop within {STOP_SECONDS:.0f} s and was killed:"
                " what changed since its last clean stop is lost"
            )
        shutil.rmtree(folder / "tmp", ignore_errors=True)


def listen(wanted: int = 0) -> socket.socket:
    """Returns a socket that listens on the port `wanted` of 127.0.0.1 or, if that is taken, on any other."""
    try:
        return socket.create_server((_HOST, wanted))
    except OSError:
        return socket.create_server((_HOST, 0))


def free_port(wanted: int = 0) -> int:
    """Returns `wanted` if nothing listens on it, or else a port that was free a moment ago."""
    with listen(wanted) as listener:
        return int(listener.getsockname()[1])


def _credentials(token: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": _KEY, "AWS_SESSION_TOKEN": token}


def _environment(folder: Path, port: int, token: str) -> dict[str, str]:
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
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        # These servers are not needed, and another stack may use their ports.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _lay_out(folder: Path) -> None:
    """Prepares the folder for a start.

    The engine changes only `state`, a copy of `saved`, and the copy replaces `saved` only after a clean stop.
    If the engine is killed while it saves, its files may be from different times.

    The objects in `s3` are never deleted here, because they may be the last copies of pictures. The engine
    finds all buckets there when it starts, even if its state does not contain them.
    """
    saved = folder / "saved"
    state = folder / "state"
    mark = folder / "ministack.saved"
    if mark.exists() and state.exists():
        shutil.rmtree(saved, ignore_errors=True)
        state.rename(saved)
    mark.unlink(missing_ok=True)
    for name in ("state", "tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "tmp").mkdir()
    if saved.exists():
        shutil.copytree(saved, state)
        _end_deliveries(state / "sqs.json")
    else:
        state.mkdir()
        if _has_objects(folder / "s3"):
            # The buckets of the new stack have other names, so it neither uses nor sweeps the old ones.
            say(
                "the last run was killed before it could save its chats; its pictures are kept in "
                f"{folder / 's3'}, but this run does not use them and downloads all pictures again"
            )
    for unfinished in (folder / "s3").rglob("*.tmp"):
        unfinished.unlink()  # otherwise the engine would serve a partly written file as an object


def _has_objects(s3: Path) -> bool:
    """Returns True if there is a bucket (`s3/<account>/<name>`) other than the bucket of the packages."""
    return any(bucket.name != ARTIFACTS for bucket in s3.glob("[0-9]*/*"))


def _end_deliveries(queues: Path) -> None:
    """Makes messages visible that workers had received when the engine stopped.

    These workers have ended, too. Otherwise the messages would stay hidden until their visibility timeout,
    which is six minutes in our template. The interrupted delivery does not count as a receive, because a
    message becomes a dead letter after five receives.
    """
    if not queues.exists():
        return
    content = json.loads(queues.read_text())
    now = time.time()
    for queue in content["payload"]["queues"]["data"].values():
        for message in queue["messages"]:
            # A message that was never received is hidden because it was sent with a delay.
            if message.get("receive_count") and message["visible_at"] > now:
                message["visible_at"] = now
                message["receive_count"] -= 1
    queues.write_text(json.dumps(content))


def _listen_on_kept_port(state: Path) -> socket.socket:
    """Returns a socket that listens on the port of the saved state, or on another one if that is taken.

    Another port is written to the state, because queue URLs contain the port: with the old one, the event
    source of a queue would never receive a message.
    """
    file = state / "port"
    old_port = int(file.read_text()) if file.exists() else 0
    listener = listen(old_port)
    port = listener.getsockname()[1]
    if old_port and port != old_port:
        say(f"another program uses the engine's port {old_port}: the engine moves to {port}")
        for service in state.glob("*.json"):
            service.write_text(service.read_text().replace(f"localhost:{old_port}", f"localhost:{port}"))
    file.write_text(str(port))
    return listener
