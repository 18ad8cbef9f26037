"""`make bench ONLY=start` starts the local stack twice in a copy of this project, until it is ready.

The packages of `make run` are installed, but nothing else exists the first time: no layer, no state, no
picture. The second time, the state of the first is there.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import ProcessFailedError
from benchmarks.results import Result, Target
from local.engine import free_port
from local.template import ROOT

_FOLDERS = ("local", "demo", "deployment", "tools", "functions", "layers", "web")
_ROUNDS = 2


def run() -> Result:
    """Returns the figures of the first and the second start, the faster of two rounds each."""
    rounds = [_round() for _ in range(_ROUNDS)]
    first, second = (
        min((each[number] for each in rounds), key=lambda start: start["seconds"]) for number in (0, 1)
    )
    return Result(
        {"first": first, "second": second},
        [
            Target("make run until ready, second time", 4, second["seconds"], "s", takes_time=True),
            Target(
                "make run until ready, first time after installing",
                12,
                first["seconds"],
                "s",
                takes_time=True,
            ),
        ],
    )


def _round() -> tuple[dict[str, Any], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for name in _FOLDERS:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "template.yaml", copy)
        return _start(copy), _start(copy)


def _start(folder: Path) -> dict[str, Any]:
    """Starts the stack, stops it when it is ready, and returns how long that took.

    The CPU time is that of all processes from the start to the end. Raises ProcessFailedError.
    """
    before = os.times()
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "local.run"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.monotonic() - started
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    if not line.startswith("ready "):
        raise ProcessFailedError(f"the stack did not start: {errors[-2_000:]}")
    after = os.times()
    cpu_seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": round(seconds, 2), "cpuSeconds": round(cpu_seconds, 1)}
