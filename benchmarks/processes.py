"""Measures whole processes, as the operating system accounts for them."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class ProcessFailedError(Exception):
    """A measured process has failed. The message contains the end of its output."""


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """Holds what a process has used: CPU time (user and system), time on the clock, and peak memory."""

    cpu_seconds: float
    wall_seconds: float
    peak_mebibytes: float


def measured(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> ProcessCost:
    """Runs a command to its end and returns what it has used. Raises ProcessFailedError.

    `environment` replaces the whole environment, and `folder` is the current folder of the process.
    """
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        # wait4 gives the usage of this child alone; os.times would add up all children.
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            end = output.read().decode(errors="replace")[-2_000:]
            raise ProcessFailedError(f"the process ended with {process.returncode}: {end}")
    return ProcessCost(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall_seconds,
        peak_mebibytes=usage.ru_maxrss / 1024,
    )
