"""`make run` as a person has it: in a clone of its own, on a port of its own, seen from outside."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.engine import free_port
from local.processes import leftovers
from local.template import ROOT


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until it holds, or fail saying what did not."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.2)


class Clone:
    """A copy of this project, and the runs in it; built layers are shared, as they take their time."""

    def __init__(self, root: Path) -> None:
        self.root, self.port = root, free_port()
        self.read_token = self.admin_token = ""
        self.folders = [root / ".local" / name for name in ("demo", "demo-account", "beeper")]
        self._started: list[subprocess.Popen[str]] = []
        for name in ("local", "demo", "tools", "functions", "layers", "web"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "template.yaml", root)
        (root / ".local").mkdir()
        (ROOT / ".local" / "build").mkdir(parents=True, exist_ok=True)
        (root / ".local" / "build").symlink_to(ROOT / ".local" / "build")

    def run(self, **settings: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "local.run"],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "PORT": str(self.port), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run_until_ready(self, **settings: str) -> "subprocess.Popen[str]":
        """Fails with what it said on stderr when it ends before."""
        process = self.run(**settings)
        assert process.stdout
        ready = re.fullmatch(
            rf"ready http://127\.0\.0\.1:{self.port}/#token=(\S+)\n", process.stdout.readline()
        )
        admin = re.fullmatch(r"admin token: (\S+)\n", process.stdout.readline())
        if not (ready and admin):
            pytest.fail(process.communicate(timeout=30)[1])
        self.read_token, self.admin_token = ready[1], admin[1]
        return process

    def processes(self) -> list[int]:
        return [pid for folder in self.folders for pid in leftovers(folder)]

    def kill_everything(self, process: "subprocess.Popen[str]") -> None:
        """SIGKILL to every process of a run, as a power cut would."""
        process.kill()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=30)

    def is_clean(self) -> bool:
        """No process and no temporary folder of it is left."""
        return not self.processes() and not any((folder / "tmp").exists() for folder in self.folders)

    def open(self, path: str) -> Any:
        token = {"Authorization": f"Bearer {self.read_token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=token)
        return urllib.request.urlopen(request, timeout=30)  # noqa: S310 - our own server

    def get(self, path: str) -> Any:
        with self.open(path) as response:
            return json.load(response)

    def image_hits(self) -> dict[str, int]:
        """How often the demo account has delivered each image since it was started."""
        hits: dict[str, int] = self.get("/_demo/hits")["images"]
        return hits

    def images(self) -> list[dict[str, Any]]:
        """Every image object of every page, of chats and of members."""
        return [one["image"] for chat in self._chats() for one in (chat, *chat["participants"])]

    def originals(self) -> dict[Path, bytes]:
        """Returns the content of every original on the disk, whichever stack of this clone stored it."""
        paths = (self.root / ".local" / "beeper" / "s3").glob("*/*/originals/*")
        return {path: path.read_bytes() for path in paths if path.is_file()}

    def _chats(self) -> Iterator[dict[str, Any]]:
        for folder in ("inbox", "archived"):
            query = f"/api/chats?limit=100&participants=20&filter={folder}"
            page = self.get(query)
            yield from page["chats"]
            while page["nextCursor"]:
                page = self.get(f"{query}&cursor={page['nextCursor']}")
                yield from page["chats"]

    def end(self) -> None:
        for process in self._started:
            process.kill()  # no matter if it ended: its children see that, too
            process.communicate()


def stop(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> tuple[int, str]:
    """The exit code, and what it said on stderr."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone(tmp_path.resolve() / "clone")
    yield clone
    clone.end()


@pytest.fixture
def another_clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone(tmp_path.resolve() / "another")
    yield clone
    clone.end()
