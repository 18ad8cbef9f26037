"""Runs a function as it would be uploaded in Lambda's own runtime, in AWS's Runtime Interface Emulator.

The SAM CLI brings the emulator. It plays Lambda's part of the Runtime API for the runtime `awslambdaric`.
"""

import contextlib
import importlib.util
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.engine import free_port
from tools.environment import ensure_environment

LIMIT_SECONDS = 300  # for a busy machine: it takes seconds
_INVOKE = "/2015-03-31/functions/function/invocations"
# What Lambda's runtime has beside the packages of the function.
_RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


class Emulator:
    """A function that waits for events. It works on one event at a time."""

    def __init__(self, port: int, log: Path) -> None:
        self._port = port
        self._log = log

    def invoke(self, event: Any) -> Any:
        """Returns the function's answer. The test fails if the function does."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{_INVOKE}", data=json.dumps(event).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as response:  # noqa: S310 - our own process
                answer = json.load(response)
        except urllib.error.HTTPError as error:  # the function does not start
            pytest.fail(f"{error}\n{self._log.read_text()}")
        if isinstance(answer, dict) and "errorMessage" in answer:  # the status is 200 all the same
            pytest.fail(f"{answer}\n{self._log.read_text()}")
        return answer


@contextlib.contextmanager
def emulator(
    code: Path, layers: Sequence[Path], folder: Path, environment: Mapping[str, str]
) -> Iterator[Emulator]:
    """Runs the function in `code` until the end of the block. `folder` holds its log."""
    ports = [free_port(), free_port()]
    interface, runtime = (f"127.0.0.1:{port}" for port in ports)
    log = folder / f"{code.name}.log"
    command: list[str | Path] = [
        *(_emulator_program(), "--log-level", "info"),
        *("--runtime-interface-emulator-address", interface, "--runtime-api-address", runtime),
        # -S: no packages but those of the layers and of the runtime
        *(sys.executable, "-S", "-m", "awslambdaric", "app.handler"),
    ]
    search_path = [*layers, _runtime(folder), code]
    variables = {
        **environment,
        "PATH": os.defpath,
        "LAMBDA_TASK_ROOT": str(code),
        "AWS_LAMBDA_FUNCTION_NAME": code.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(LIMIT_SECONDS),
        "PYTHONPATH": os.pathsep.join(map(str, search_path)),
        "PYTHONDONTWRITEBYTECODE": "1",  # as on Lambda, where a layer is read-only
    }
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - AWS's program, and our own code
            command, cwd=code, env=variables, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            _wait_until_it_listens(process, ports[0], log)
            yield Emulator(ports[0], log)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _emulator_program() -> Path:
    environment = ensure_environment("sam").parent.parent
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    [program] = environment.glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    return program


def _runtime(folder: Path) -> Path:
    """Returns a folder with the packages of Lambda's runtime alone, where ours are beside many others."""
    runtime = folder / "runtime"
    if not runtime.exists():
        runtime.mkdir()
        for name in _RUNTIME:
            spec = importlib.util.find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            found = Path(spec.origin)
            found = found.parent if spec.submodule_search_locations else found
            (runtime / found.name).symlink_to(found)
    return runtime


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail(f"the emulator does not listen\n{log.read_text()}")
