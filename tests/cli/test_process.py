"""The command as its own process: installed, interrupted, and with a reader that stops reading."""

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
from tests.cli.fake_api import ADMIN_TOKEN, Answer, FakeApi
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
    """Lets children receive Ctrl-C: the shell of a background job may have disabled that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_environment_has_the_command(tmp_path: Path) -> None:
    """The command imports its own package, not a folder of the same name where it is run."""
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
    assert ran.stderr.startswith("imagecache: the API's address is missing")


def test_a_clone_that_is_not_installed_knows_its_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert subprocess.check_output([COMMAND, "--version"], text=True) == f"imagecache {version}\n"  # noqa: S603 - our own


@pytest.mark.parametrize(
    ("typed", "completed"), [("imagecache ref", "refresh"), ("imagecache --ver", "--version")]
)
def test_bash_can_complete_verbs_and_options(typed: str, completed: str) -> None:
    environment = {
        "PATH": os.defpath,
        "_IMAGECACHE_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": "1",
    }

    assert subprocess.check_output([COMMAND], env=environment, text=True).split() == [completed]  # noqa: S603 - our own


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_watch_says_that_the_job_continues(api: FakeApi) -> None:
    running = threading.Event()
    api.answer("POST /api/sync", Answer(202, {"jobId": "job-1"}))
    api.answer("GET /api/jobs/job-1", job("sync", "running"))
    api.on_request = lambda request: running.set() if request.route.startswith("GET /api/jobs") else None

    with started(api, "sync", "--json") as command:
        assert running.wait(60)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=60)

    assert (command.returncode, out) == (130, "")
    assert err == "no longer watching: job job-1 continues by itself\n"


@pytest.mark.parametrize("arguments", [["chats"], ["chats", "--json"]])
def test_a_reader_that_stops_reading_is_not_an_error(api: FakeApi, arguments: list[str]) -> None:
    chats = [{**CHAT, "chatId": f"!{number}:beeper.local"} for number in range(500)]
    api.answer("GET /api/chats", {"chats": chats, "nextCursor": None})

    with started(api, *arguments) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == ""


def test_an_installed_clone_runs_the_same_function() -> None:
    """The entry in pyproject.toml, from which `pip install .` makes the command, names a function."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, function = project["scripts"]["imagecache"].split(":")

    assert callable(getattr(importlib.import_module(module), function))


def test_an_installed_clone_brings_every_package_that_the_command_imports() -> None:
    """The rest of imagecache_migration and imagecache_agent needs the packages of extras."""
    files = [
        *(ROOT / "cli" / "imagecache_cli").rglob("*.py"),
        *(ROOT / "cli" / "imagecache_agent" / f"{name}.py" for name in ("command", "folder", "status")),
        ROOT / "migration" / "imagecache_migration" / "command.py",
    ]
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = pyproject["tool"]["setuptools"]["packages"]["find"]["where"]
    own = {init.parent.name for folder in folders for init in (ROOT / folder).glob("*/__init__.py")}
    dependencies = {
        re.split(r"[^a-z]", requirement)[0] for requirement in pyproject["project"]["dependencies"]
    }

    imported = set().union(*map(imported_packages, files)) - sys.stdlib_module_names

    assert imported - own == dependencies


def imported_packages(file: Path) -> set[str]:
    """Returns the top-level packages that a file imports, also within functions."""
    packages: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            packages.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
    return packages


def test_a_command_survives_spaces_and_quotes_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "it's my clone"
    folder.mkdir()
    python = folder / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)

    write_command(python)
    printed = subprocess.check_output([folder / "imagecache", "explain", "two words"], text=True)  # noqa: S603 - our own

    assert printed.splitlines() == ["-P", "-m", "imagecache_cli", "explain", "two words"]


def test_the_link_follows_the_newest_environment(tmp_path: Path) -> None:
    link = tmp_path / "bin" / "imagecache"

    for name in ("old", "new", "new"):
        link_command(tmp_path / name / "python", link)

    assert link.readlink() == tmp_path / "new" / "imagecache"
