"""Runs thumbor, a server that fetches and resizes images, in an environment of its own.

It keeps originals and resized images in files, as our cacher keeps them in a bucket, and answers with WebP of
the same sizes and quality.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.image_origin import HOST, ImageOrigin
from imagecache.model.image import SIZES
from local.engine import free_port
from tools.environment import ensure_environment

_START_SECONDS = 30
_LONGEST_REQUEST_SECONDS = 150
_SETTINGS = {
    "ALLOW_UNSAFE_URL": True,  # without a signature, which would only cost time
    "STORAGE": "thumbor.storages.file_storage",
    "RESULT_STORAGE": "thumbor.result_storages.file_storage",
    "RESULT_STORAGE_STORES_UNSAFE": True,
    "WEBP_QUALITY": 80,
    "HTTP_LOADER_MAX_CLIENTS": 64,  # at the default of 10, the requests wait for each other
}


@dataclass(frozen=True, slots=True)
class Thumbor:
    """A running thumbor."""

    port: int
    process_id: int

    def status(self, name: str, size: int, origin: ImageOrigin) -> int:
        """Asks for a picture of the origin as a WebP of this size. Returns the status of the answer."""
        source = f"{HOST}:{origin.port}/{name}.jpg"
        url = f"http://{HOST}:{self.port}/unsafe/{size}x{size}/filters:format(webp)/{source}"
        try:
            with urllib.request.urlopen(url, timeout=_LONGEST_REQUEST_SECONDS) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def cache(self, name: str, origin: ImageOrigin) -> bool:
        """Has a picture fetched once and resized to all sizes. Returns whether that has succeeded."""
        return all(self.status(name, size, origin) == 200 for size in sorted(SIZES, reverse=True))

    def cpu_seconds(self) -> float:
        """Returns the CPU time that all of its processes have used. Linux only."""
        return sum(map(_cpu_seconds, self._process_ids()))

    def reset_peak(self) -> None:
        """Lets `peak_mebibytes` begin with what is used now."""
        for process_id in self._process_ids():
            Path(f"/proc/{process_id}/clear_refs").write_text("5")  # proc(5)

    def peak_mebibytes(self) -> float:
        """Returns the largest resident sizes of all of its processes since the last reset. Linux only."""
        statuses = (Path(f"/proc/{process_id}/status").read_text() for process_id in self._process_ids())
        return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024 for status in statuses)

    def _process_ids(self) -> list[int]:
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text()
        return [self.process_id, *map(int, children.split())]


@contextlib.contextmanager
def running_thumbor(*, processes: int) -> Iterator[Thumbor]:
    """Runs thumbor until the end of the block. Raises TimeoutError if it does not start."""
    python = ensure_environment("thumbor")
    with tempfile.TemporaryDirectory() as folder:
        settings = _SETTINGS | {
            "FILE_STORAGE_ROOT_PATH": f"{folder}/originals",
            "RESULT_STORAGE_FILE_STORAGE_ROOT_PATH": f"{folder}/results",
        }
        configuration = Path(folder, "thumbor.conf")
        configuration.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
        port = free_port()
        command: list[str | Path] = [python, "-m", "thumbor.server", "--ip", HOST, "--port", str(port)]
        command += ["--conf", configuration, "--processes", str(processes), "--log-level", "critical"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                _wait_until_it_answers(port)
                yield Thumbor(port, process.pid)
            finally:
                os.killpg(process.pid, signal.SIGTERM)  # its own children would go on


def _wait_until_it_answers(port: int) -> None:
    ends_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/healthcheck"):
            return
        time.sleep(0.1)
    raise TimeoutError("thumbor does not start")


def _cpu_seconds(process_id: int) -> float:
    # User and system time are the 14th and the 15th field. The second one, the name, is in parentheses.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
