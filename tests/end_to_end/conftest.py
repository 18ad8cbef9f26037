"""Runs `make run` as a person does: in a clone of its own, on its own port, and observed from outside."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.engine import free_port
from local.processes import leftovers
from local.template import ROOT

# What is waited for takes seconds on an idle machine. On a busy one it may take minutes, and is no failure.
LIMIT_SECONDS = 180


def wait_until(holds: Callable[[], bool], *, what: str) -> None:
    """Waits until the condition holds, or fails the test with `what`, which says what was waited for."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {LIMIT_SECONDS} s: {what}")
        time.sleep(0.2)


class Clone:
    """A copy of this project, and the runs in it. Clones share the built layers, which take long to build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.read_token = ""
        self.admin_token = ""
        self.folders = [root / ".local" / name for name in ("demo", "demo-account", "beeper")]
        self._started: list[subprocess.Popen[str]] = []
        for name in ("local", "demo", "deployment", "tools", "functions", "layers", "web"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "template.yaml", root)
        (root / ".local").mkdir()
        (ROOT / ".local" / "build").mkdir(parents=True, exist_ok=True)
        (root / ".local" / "build").symlink_to(ROOT / ".local" / "build")

    def invent(self, *, single_chats: int, groups: int, crowd: int) -> None:
        """Makes the demo account of this clone as small as this, or as small as it can be."""
        invention = self.root / "demo" / "invention.py"
        text = invention.read_text()
        for name, count in (("SINGLE_CHATS", single_chats), ("GROUPS", groups), ("CROWD", crowd)):
            text, replaced = re.subn(rf"^{name} = \d+$", f"{name} = {count}", text, flags=re.MULTILINE)
            assert replaced == 1, name
        invention.write_text(text)

    def list_few_contacts(self) -> None:
        """Makes the demo account list 20 contacts of each network: the engine needs long for 1,500."""
        in_order = "sorted(contacts.values(), key=lambda person: person.id)"
        self.edit("demo/logins.py", in_order, f"{in_order}[:20]")

    def take_all_pictures_from_beeper(self) -> None:
        """Makes the run use no media server, which is sent only 80 requests per minute."""
        self.edit("local/run.py", "demo.beeper, demo.media_server,", "demo.beeper, None,")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces a text that occurs once in a file of this clone."""
        file = self.root / path
        content = file.read_text()
        assert content.count(old) == 1, (path, old)
        file.write_text(content.replace(old, new))

    def run(self, **settings: str) -> "subprocess.Popen[str]":
        """Starts the stack with these environment variables, and does not wait for it."""
        # Tests that were started with nohup ignore SIGHUP, and the stack would inherit that.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
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
        """Starts the stack and waits until it is ready. If it ends before, the test fails with its stderr."""
        process = self.run(**settings)
        assert process.stdout
        ready = re.fullmatch(
            rf"ready http://127\.0\.0\.1:{self.port}/#token=(\S+)\n", process.stdout.readline()
        )
        admin = re.fullmatch(r"admin token: (\S+)\n", process.stdout.readline())
        if not (ready and admin):
            pytest.fail(process.communicate(timeout=LIMIT_SECONDS)[1])
        self.read_token, self.admin_token = ready[1], admin[1]
        return process

    def processes(self) -> list[int]:
        """Returns the process ids of the engine, the functions and the demo account."""
        return [pid for folder in self.folders for pid in leftovers(folder)]

    def is_clean(self) -> bool:
        """Returns whether no process and no temporary folder of any run is left."""
        return not self.processes() and not any((folder / "tmp").exists() for folder in self.folders)

    def open(self, path: str) -> Any:
        """Returns the response to a GET with the read token."""
        token = {"Authorization": f"Bearer {self.read_token}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=token)
        return urllib.request.urlopen(request, timeout=30)  # noqa: S310 - our own server

    def get(self, path: str) -> Any:
        """Returns the JSON of a GET with the read token."""
        with self.open(path) as response:
            return json.load(response)

    def first_sync_is_over(self) -> bool:
        """Returns whether a sync has read everything, Beeper's contacts included."""
        stats = self.get("/api/stats")
        # The state of Beeper is recorded at the end of a run, after its success and the contacts.
        return stats["lastSync"]["completedAt"] is not None and stats["origin"]["state"] == "ok"

    @property
    def access(self) -> dict[str, Any]:
        """Returns what `.local/access.json` says of the running stack."""
        content: dict[str, Any] = json.loads((self.root / ".local" / "access.json").read_text())
        return content

    def demo(self, name: str, change: Mapping[str, Any] | None = None) -> Any:
        """Returns a report of the demo account, or makes a change to it."""
        demo = self.access["demo"]
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{demo['url']}/_demo/{name}",
            data=None if change is None else json.dumps(change).encode(),
            headers={"Authorization": f"Bearer {demo['controlToken']}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def image_hits(self) -> dict[str, int]:
        """Returns image key → how often the demo account has delivered it since it was started."""
        hits: dict[str, int] = self.demo("hits")["images"]
        return hits

    def images(self) -> list[dict[str, Any]]:
        """Returns every image of every page, of chats and of members, as the API describes it."""
        return [shown["image"] for chat in self._chats() for shown in (chat, *chat.get("participants", []))]

    def _chats(self) -> Iterator[dict[str, Any]]:
        for folder in ("inbox", "archived"):
            query = f"/api/chats?limit=100&participants=20&filter={folder}"
            page = self.get(query)
            yield from page["chats"]
            while page["nextCursor"]:
                page = self.get(f"{query}&cursor={page['nextCursor']}")
                yield from page["chats"]

    def end(self) -> None:
        """Kills all runs. Their children notice that, and end."""
        for process in self._started:
            process.kill()
            process.communicate()


def stop(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> tuple[int, str]:
    """Sends a signal, waits for the end, and returns the exit code and stderr."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=LIMIT_SECONDS)
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
