"""The command as its own process: how it is installed, interrupted and cut off."""

import ast
import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.contract import CHAT, job
from tests.cli.fake_api import ADMIN_TOKEN, FakeApi, Told
from tools.environment import link_command, write_command

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).with_name("imagecache")


@contextlib.contextmanager
def started(api: FakeApi, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PATH": os.defpath, "IMAGECACHE_URL": api.url, "IMAGECACHE_TOKEN": ADMIN_TOKEN}
    command = subprocess.Popen(  # noqa: S603 - our own command
        [COMMAND, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with command:
        try:
            yield command
        finally:
            command.kill()


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell lets its background jobs ignore Ctrl-C, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_environment_has_the_command(tmp_path: Path) -> None:
    """Even where a folder of the same name lies about."""
    (tmp_path / "imagecache_cli").mkdir()
    (tmp_path / "imagecache_cli" / "__init__.py").write_text("raise SystemExit('the wrong one')\n")

    ran = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, "stats"],
        cwd=tmp_path,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("imagecache: where is the API?")


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_watch_says_that_the_job_goes_on(api: FakeApi) -> None:
    running = threading.Event()
    api.answer("POST /api/sync", Told(202, {"jobId": "job-1"}))
    api.answer("GET /api/jobs/job-1", job("sync", "running"))
    api.on_request = lambda asked: running.set() if asked.route.startswith("GET /api/jobs") else None

    with started(api, "sync", "--json") as command:
        assert running.wait(20)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=20)

    assert (command.returncode, out) == (130, "")
    assert err == "no longer watching: job job-1 goes on by itself\n"


@pytest.mark.parametrize("arguments", [["chats"], ["chats", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(api: FakeApi, arguments: list[str]) -> None:
    chats = [{**CHAT, "chatId": f"!{number}:beeper.local"} for number in range(500)]
    api.answer("GET /api/chats", {"chats": chats, "nextCursor": None})

    with started(api, *arguments) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == ""


def test_an_installed_clone_runs_the_same_function() -> None:
    """`pip install .` makes its command of this entry."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, function = project["scripts"]["imagecache"].split(":")

    assert callable(getattr(importlib.import_module(module), function))


def test_an_installed_clone_brings_every_package_that_the_command_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    imported: set[str] = set()
    for file in (ROOT / "cli").rglob("*.py"):
        if file.name == "convex_import.py":  # its packages come with an extra: tests/cli/test_convex.py
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).split(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}

    brought = {re.split(r"[^a-z]", one)[0] for one in project["dependencies"]}

    assert imported - sys.stdlib_module_names - {"imagecache_cli"} == brought


def test_a_command_survives_spaces_and_quotes_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "it's my clone"
    folder.mkdir()
    python = folder / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)

    write_command(python)
    said = subprocess.check_output([folder / "imagecache", "explain", "two words"], text=True)  # noqa: S603 - our own

    assert said.splitlines() == ["-P", "-m", "imagecache_cli", "explain", "two words"]


def test_the_link_follows_the_newest_environment(tmp_path: Path) -> None:
    link = tmp_path / "bin" / "imagecache"

    for name in ("old", "new", "new"):
        link_command(tmp_path / name / "python", link)

    assert link.readlink() == tmp_path / "new" / "imagecache"
