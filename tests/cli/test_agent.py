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
from imagecache_agent.account import Key, client_maker, open_session
make_client = client_maker(open_session(Key("AKIA", "eu-west-1", "secret"), {}))
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
def key(clone: Path) -> Path:
    """A key that `make agent-credentials` has stored."""
    file = clone / ".local" / "mine.agent-key"
    file.parent.mkdir()
    file.write_text('{"accessKeyId": "AKIA", "secretAccessKey": "s3cret", "region": "eu-west-1"}')
    return file


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


@pytest.mark.usefixtures("key")
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
    assert run("status").out == "installed, starting\n"
    assert "`make agent-credentials STACK=mine REVOKE=yes`" in run("uninstall").out
    assert not kept.exists()


def test_the_service_of_the_agent_is_beside_that_of_make_run(clone: Path, tmp_path: Path) -> None:
    own, other = service.launchd(clone, tmp_path, AGENT), service.launchd(clone, tmp_path)

    job = plistlib.loads(own.content)
    assert job["ProgramArguments"][1:] == [str(clone / "tools" / "supervisor.py"), "agent"]
    assert job["Label"] == own.file.stem == "chat-image-cache.imagecache-agent"
    assert own.file != other.file
    assert {AGENT.folder, supervisor.AGENT_FOLDER} == {Path(".local/agent-service")}
    assert "BEEPER_TOKEN" in SETTINGS


@pytest.mark.usefixtures("key")
def test_a_new_installation_does_not_show_the_end_of_an_earlier_agent(run: Command, clone: Path) -> None:
    with agent_of(clone, AgentStatus(Phase.ENDED, MOMENT, "AWS refuses the credentials")):
        pass

    run("install", "--stack", "mine", BEEPER_TOKEN=TOKEN)

    assert run("status").out == "installed, starting\n"


@pytest.mark.usefixtures("key")
def test_the_service_of_another_stack_is_not_replaced(run: Command, clone: Path) -> None:
    run("install", "--stack", "mine", BEEPER_TOKEN=TOKEN)
    (clone / ".local" / "mine.agent-key").rename(clone / ".local" / "other.agent-key")

    refused = run("install", "--stack", "other", BEEPER_TOKEN=TOKEN)

    assert refused.code == 2
    assert "the service of the stack mine is installed: run `imagecache agent uninstall` first" in refused.err
    assert json.loads(run("status", "--json").out)["stack"] == "mine"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "Beeper's token is missing"),
        ({"BEEPER_TOKEN": TOKEN}, "no AWS region is known"),
        (
            {"BEEPER_TOKEN": TOKEN, "AWS_REGION": "eu-west-1"},
            "AWS_ACCESS_KEY_ID of this shell is not kept",
        ),
    ],
)
def test_an_agent_that_could_not_work_is_not_installed(
    run: Command, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    refused = run("install", "--stack", "mine", **environment)

    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert said in refused.err
    assert "never started" in run("status", "--stack", "mine").out


def test_without_any_credentials_an_agent_is_not_installed(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    refused = run("install", "--stack", "mine", BEEPER_TOKEN=TOKEN)

    assert refused.code == 2
    assert "there is no key for the agent: make one with `make agent-credentials STACK=mine`" in refused.err


def test_without_a_session_of_the_user_the_agent_can_be_run_by_hand(
    run: Command, key: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\necho Failed to connect to bus >&2\nexit 1\n")

    refused = run("install", "--stack", "mine", BEEPER_TOKEN=TOKEN)

    assert "log in as your own user, or use `imagecache agent --stack NAME` instead" in refused.err
    assert key.exists()


@pytest.mark.parametrize(
    ("outcome", "text", "advice"),
    [
        (
            "unauthorized",
            "Beeper refuses the token",
            "connect Beeper again with `make run` in the agent's clone, or set BEEPER_TOKEN and run"
            " `imagecache agent install --stack mine` again",
        ),
        ("offline", "Beeper cannot be reached", "start Beeper Desktop on the agent's computer"),
    ],
)
def test_a_running_agent_that_cannot_read_beeper_says_so(
    run: Command, clone: Path, outcome: str, text: str, advice: str
) -> None:
    status = AgentStatus(Phase.RUNNING, MOMENT, last_sync_at=MOMENT, last_sync=outcome)
    with agent_of(clone, status):
        shown = run("status", "--stack", "mine")
        document = run("status", "--stack", "mine", "--json").document

    assert shown.code == 1
    assert shown.out.splitlines()[1:3] == [text, f"What to do: {advice}"]
    assert (document["text"], document["advice"]) == (text, advice)


def test_the_only_stack_of_this_clone_needs_no_name(run: Command, clone: Path) -> None:
    with agent_of(clone, AgentStatus(Phase.RUNNING, MOMENT)):
        assert run("status").code == 0
        assert run("status", "--json").document["stack"] == "mine"
        (clone / ".local" / "agent" / "other").mkdir()
        assert "the stack is missing" in run("status").err


def test_a_name_that_no_stack_can_have_is_called_wrong(run: Command) -> None:
    refused = run("install", "--stack", "bad name")

    assert refused.code == 2
    assert "'bad name' is not a valid name of a stack" in refused.err


def test_a_verb_that_does_not_exist_points_to_the_verbs_of_the_agent(run: Command) -> None:
    assert "`imagecache agent --help`" in run("stop").err


@pytest.mark.parametrize("arguments", [("install",), ("status",), ()])
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
    assert (again.code, "`imagecache agent status --stack mine` shows its state" in again.err) == (1, True)


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
    assert "`imagecache agent install --stack NAME` starts the service" in run("logs").err


def test_an_agent_without_a_token_says_so_before_it_asks_aws(run: Command) -> None:
    refused = run("--stack", "mine")

    assert refused.code == 2
    assert "Beeper's token is missing" in refused.err
    assert "Beeper's token is missing" in run("status", "--stack", "mine").out
