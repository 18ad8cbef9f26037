"""`imagecache agent` describes its service to the system, and says how the agent is."""

import fcntl
import json
import os
import plistlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagecache_agent.command import AGENT, SETTINGS
from imagecache_agent.status import AgentStatus, Phase, write_status
from imagecache_cli import service
from imagecache_cli.app import main
from imagecache_cli.session import Outside
from tests.cli.conftest import Ran
from tests.cli.test_convex import extra_brings_what_is_loaded
from tools import supervisor

TOKEN = "bdapi_secret"
LOAD_EVERYTHING = """
import os, sys
before = {*sys.modules}
import requests
from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring
from imagecache_agent import work
from imagecache_agent.account import Key, client_maker
make_client = client_maker(Key("AKIA", "eu-west-1", "secret"))
wiring = Wiring(Config.from_env(os.environ), make_client=make_client, clock=now)
work._build_parts(wiring)
wiring.batch_cacher({}, requests.Session())
wiring.chat_api({}, requests.Session())
print(*{name.split(".")[0] for name in {*sys.modules} - before})
"""
MOMENT = 1_800_000_000_000
Command = Callable[..., Ran]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / "tools").mkdir(parents=True)
    (folder / "tools" / "supervisor.py").touch()
    (folder / "template.yaml").touch()
    return folder


@pytest.fixture
def run(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs `imagecache agent` where systemctl succeeds, and writes its arguments to a file."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/calls"\n')
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "platform", "linux")

    def run_command(*arguments: str, **environment: str) -> Ran:
        surroundings = {"HOME": str(tmp_path), **environment}
        code = main(["agent", *arguments], Outside(environment=surroundings, clone=clone))
        return Ran(code, *capsys.readouterr())

    return run_command


@contextmanager
def agent_of(clone: Path, status: AgentStatus) -> Iterator[None]:
    """Holds the lock of an agent that has recorded this status."""
    folder = clone / ".local" / "agent" / "mine"
    folder.mkdir(parents=True)
    write_status(folder / "status.json", status)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_an_installed_agent_starts_now_and_keeps_its_settings_to_its_user(
    run: Command, clone: Path, tmp_path: Path
) -> None:
    installed = run("install", "--stack", "mine", BEEPER_TOKEN=TOKEN, AWS_PROFILE="agent", OTHER="x")
    assert installed.code == 0

    kept = clone / supervisor.AGENT_FOLDER / supervisor.SETTINGS_FILE
    assert json.loads(kept.read_text()) == {
        "IMAGECACHE_STACK": "mine",
        "BEEPER_TOKEN": TOKEN,
        "AWS_PROFILE": "agent",
    }
    assert kept.stat().st_mode & 0o777 == 0o600
    unit = (tmp_path / ".config" / "systemd" / "user" / "imagecache-agent.service").read_text()
    assert f'"{clone}/tools/supervisor.py" agent\n' in unit
    assert TOKEN not in unit + installed.out
    assert "--user enable --now imagecache-agent.service" in (tmp_path / "calls").read_text()
    # The other verbs know the stack from now on.
    assert json.loads(run("status", "--json").out)["stack"] == "mine"
    assert run("uninstall").code == 0
    assert not kept.exists()


def test_the_service_of_the_agent_is_beside_that_of_make_run(clone: Path, tmp_path: Path) -> None:
    own, other = service.launchd(clone, tmp_path, AGENT), service.launchd(clone, tmp_path)

    job = plistlib.loads(own.content)
    assert job["ProgramArguments"][1:] == [str(clone / "tools" / "supervisor.py"), "agent"]
    assert job["Label"] == own.file.stem == "chat-image-cache.imagecache-agent"
    assert own.file != other.file
    assert {AGENT.folder, supervisor.AGENT_FOLDER} == {Path(".local/agent-service")}
    assert "BEEPER_TOKEN" in SETTINGS


@pytest.mark.parametrize("arguments", [("install",), ("status",), (), ("install", "--stack", "../x")])
def test_without_the_name_of_a_stack_nothing_begins(run: Command, arguments: tuple[str, ...]) -> None:
    refused = run(*arguments)

    assert refused.code == 2
    assert "the stack is missing" in refused.err


def test_the_status_says_what_the_agent_does_and_did(run: Command, clone: Path) -> None:
    status = AgentStatus(
        Phase.RUNNING, MOMENT, started_at=MOMENT, last_sync_at=MOMENT + 60_000, last_sync="ok", cached=1_234
    )
    with agent_of(clone, status):
        shown = run("status", "--stack", "mine")

    assert shown.code == 0
    assert shown.out.splitlines() == [
        "running since 2027-01-15 08:00 UTC",
        "last sync 2027-01-15 08:01 UTC: ok",
        "since its start 2027-01-15 08:00 UTC: 1,234 pictures cached, 0 failed",
    ]


def test_the_status_says_what_keeps_the_agent_from_its_work_and_what_to_do(run: Command, clone: Path) -> None:
    with agent_of(clone, AgentStatus(Phase.TROUBLE, MOMENT, "AWS cannot be reached (X)", "look")):
        shown = run("status", "--stack", "mine")
        document = run("status", "--stack", "mine", "--json").document
        again = run("--stack", "mine")

    assert shown.code == 1
    assert shown.out.splitlines() == [
        "trouble since 2027-01-15 08:00 UTC",
        "AWS cannot be reached (X)",
        "What to do: look",
    ]
    assert (document["running"], document["phase"], document["lastSyncAt"]) == (True, "trouble", None)
    assert (again.code, "runs here already" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("phase", "shown"),
    [
        (Phase.ENDED, "not running; ended 2027-01-15 08:00 UTC"),
        (Phase.RUNNING, "not running: it was killed. Before, it was running since 2027-01-15 08:00 UTC"),
    ],
)
def test_the_status_of_an_agent_that_is_gone(run: Command, clone: Path, phase: Phase, shown: str) -> None:
    assert "never started" in run("status", "--stack", "mine").out
    with agent_of(clone, AgentStatus(phase, MOMENT)):
        pass

    status = run("status", "--stack", "mine")

    assert (status.code, status.out.splitlines()[0]) == (1, shown)


def test_its_extra_installs_every_package_that_it_loads() -> None:
    extra_brings_what_is_loaded("agent", LOAD_EVERYTHING)


def test_the_log_of_an_agent_that_was_never_installed_is_missed(run: Command) -> None:
    assert "`imagecache agent install` starts the service" in run("logs").err


def test_an_agent_without_a_token_says_so_before_it_asks_aws(run: Command) -> None:
    refused = run("--stack", "mine")

    assert refused.code == 2
    assert "Beeper's token is missing" in refused.err
    assert "Beeper's token is missing" in run("status", "--stack", "mine").out
