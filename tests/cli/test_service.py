"""`imagecache service` describes the supervisor to systemd or launchd, and shows what it does.

The command cannot import the supervisor, so these tests use the names of the supervisor's files.
"""

import fcntl
import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagecache_cli import service
from imagecache_cli.app import main
from imagecache_cli.errors import SettingsError
from imagecache_cli.session import Outside
from local.template import ROOT
from tests.cli.conftest import Ran
from tools import supervisor

TOKEN = "bdapi_secret"
Command = Callable[..., Ran]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone of 100%"
    (folder / "tools").mkdir(parents=True)
    (folder / "tools" / "supervisor.py").touch()
    return folder


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a systemctl on the PATH that writes its arguments to this file, and fails if a file says so."""
    programs, file = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    fake = programs / "systemctl"
    fake.write_text(
        f'#!/bin/sh\necho "$@" >> "{file}"\n'
        f'case "$*" in *enable*) [ -e "{tmp_path}/no-bus" ] && echo "no bus" >&2 && exit 1;; esac\nexit 0\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "platform", "linux")
    return file


@pytest.fixture
def run(clone: Path, tmp_path: Path, calls: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    assert not calls.exists()

    def run_command(*arguments: str, clone: Path = clone, **environment: str) -> Ran:
        surroundings = {"HOME": str(tmp_path), **environment}
        code = main(["service", *arguments], Outside(environment=surroundings, clone=clone))
        return Ran(code, *capsys.readouterr())

    return run_command


@contextmanager
def supervised(clone: Path, state: Mapping[str, object]) -> Iterator[None]:
    """Holds the lock of a supervisor that has recorded this state."""
    folder = clone / supervisor.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / supervisor.STATE_FILE).write_text(json.dumps(state))
    (clone / ".local" / "access.json").write_text(
        json.dumps({"url": "http://127.0.0.1:8080/", "readToken": "r3ad", "adminToken": "4dmin"})
    )
    with (folder / supervisor.LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unit_of(home: Path) -> Path:
    return home / ".config" / "systemd" / "user" / "imagecache.service"


def test_an_installed_service_starts_now_and_keeps_the_settings_to_its_user(
    run: Command, clone: Path, calls: Path, tmp_path: Path
) -> None:
    assert run("install", BEEPER_TOKEN=TOKEN, PORT="9000", OTHER="x").code == 0

    kept = clone / supervisor.FOLDER / supervisor.SETTINGS_FILE
    assert json.loads(kept.read_text()) == {"BEEPER_TOKEN": TOKEN, "PORT": "9000"}
    assert kept.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in unit_of(tmp_path).read_text()
    assert calls.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now imagecache.service",
    ]


def test_systemd_accepts_the_unit(run: Command, clone: Path, tmp_path: Path) -> None:
    run("install")

    lines = unit_of(tmp_path).read_text().replace("%%", "%").splitlines()
    assert f"WorkingDirectory={clone}" in lines
    assert f'ExecStart="{service._python()}" "{clone}/tools/supervisor.py"' in lines
    if analyze := shutil.which("systemd-analyze"):
        verified = subprocess.run(  # noqa: S603 - a program of this system
            [analyze, "verify", "--user", unit_of(tmp_path)],
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (verified.returncode, verified.stderr) == (0, "")


def test_launchd_gets_a_property_list_that_names_the_supervisor(clone: Path, tmp_path: Path) -> None:
    manager = service.launchd(clone, tmp_path)

    job = plistlib.loads(manager.content)
    python, supervisor = job["ProgramArguments"]
    assert Path(python).is_file()
    assert supervisor == str(clone / "tools" / "supervisor.py")
    assert (job["RunAtLoad"], job["KeepAlive"], job["WorkingDirectory"]) == (True, True, str(clone))
    assert manager.file == tmp_path / "Library" / "LaunchAgents" / f"{job['Label']}.plist"


@pytest.mark.parametrize("content", [b"", b"<?xml version='1.0'?><plist", plistlib.dumps({})])
def test_a_property_list_that_a_person_has_damaged_names_no_clone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "agent.plist"
    file.write_bytes(content)
    assert service._installed_clone(file) is None


def test_nothing_but_chats_and_pictures_is_left_after_an_uninstallation(
    run: Command, clone: Path, calls: Path, tmp_path: Path
) -> None:
    pictures = clone / ".local" / "beeper"
    pictures.mkdir(parents=True)
    run("install", BEEPER_TOKEN=TOKEN)

    assert run("uninstall").code == 0
    assert "--user disable --now imagecache.service" in calls.read_text().splitlines()
    assert not unit_of(tmp_path).exists()
    assert list((clone / ".local").iterdir()) == [pictures]


def test_nothing_is_left_after_an_installation_that_fails(
    run: Command, clone: Path, calls: Path, tmp_path: Path
) -> None:
    (tmp_path / "no-bus").touch()

    failed = run("install", BEEPER_TOKEN=TOKEN)

    assert failed.code == 1
    assert "`systemctl --user enable --now imagecache.service` failed: no bus" in failed.err
    assert "--user disable --now imagecache.service" in calls.read_text().splitlines()
    assert not unit_of(tmp_path).exists()
    assert list((clone / ".local").iterdir()) == []


def test_a_second_clone_does_not_replace_the_service_of_the_first(
    run: Command, clone: Path, tmp_path: Path
) -> None:
    run("install")
    other = tmp_path / "other"
    shutil.copytree(clone, other)

    refused = run("install", clone=other)

    assert refused.code == 2
    assert f"of another clone is installed ({clone})" in refused.err


def test_a_second_installation_replaces_the_settings_of_the_first(run: Command, calls: Path) -> None:
    """A running unit is not started again by `enable --now`, and a loaded agent is refused by `bootstrap`."""
    run("install")
    calls.unlink()
    assert run("install", PORT="9000").code == 0
    assert calls.read_text().splitlines() == [
        "--user disable --now imagecache.service",
        "--user daemon-reload",
        "--user enable --now imagecache.service",
    ]


def test_launchd_is_waited_for_before_its_agent_is_loaded_again(
    run: Command, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`launchctl bootout` may return while the agent is still stopping."""
    state = tmp_path / "loaded"
    fake = tmp_path / "bin" / "launchctl"
    fake.write_text(
        f"""#!/bin/sh
        case "$1" in
            bootstrap) [ -e "{state}" ] && exit 5; echo 3 > "{state}";;
            bootout) exit 36;;
            print) [ -e "{state}" ] || exit 113
                left=$(($(cat "{state}") - 1)); echo $left > "{state}"; [ $left -gt 0 ] || rm "{state}";;
        esac
        """
    )
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert run("install").code == 0
    assert run("install").code == 0
    assert service.launchd(clone, tmp_path).file.exists()


@pytest.mark.parametrize("verb", ["restart", "uninstall"])
def test_the_service_of_another_clone_is_left_alone(
    run: Command, clone: Path, calls: Path, tmp_path: Path, verb: str
) -> None:
    run("install")
    calls.unlink()
    other = tmp_path / "other"
    shutil.copytree(clone, other)

    refused = run(verb, clone=other)

    assert (refused.code, calls.exists()) == (2, False)
    assert f"of another clone is installed ({clone})" in refused.err
    assert run("status", "--json", clone=other).document["installed"] is False


def test_the_service_of_a_clone_that_was_deleted_is_replaced(
    run: Command, clone: Path, tmp_path: Path
) -> None:
    run("install")
    moved = tmp_path / "moved"
    clone.rename(moved)

    assert run("install", clone=moved).code == 0
    assert f"WorkingDirectory={moved}" in unit_of(tmp_path).read_text()


def test_a_unit_that_a_person_has_damaged_can_be_installed_and_uninstalled(
    run: Command, tmp_path: Path
) -> None:
    run("install")
    unit_of(tmp_path).write_text("")
    assert run("install").code == 0
    unit_of(tmp_path).write_text("")
    assert run("uninstall").code == 0


@pytest.mark.parametrize(
    ("state", "code", "shown"),
    [
        (
            {"state": "ready", "since": 0, "failures": 1},
            0,
            "00:00 UTC\nopen http://127.0.0.1:8080/#token=r3ad",
        ),
        ({"state": "waiting", "since": 0, "failures": 3}, 1, "starts in a row that have failed: 3"),
        ({"state": "starting", "since": 0, "failures": 0}, 1, "starting since 1970-01-01 00:00 UTC"),
    ],
)
def test_the_status_says_what_the_supervisor_does(
    run: Command, clone: Path, state: Mapping[str, object], code: int, shown: str
) -> None:
    run("install")
    with supervised(clone, state):
        answer = run("status")

    assert answer.code == code
    assert shown in answer.out


def test_the_status_of_a_service_that_is_stopped_or_not_installed(run: Command) -> None:
    missing = run("status")
    assert (missing.code, missing.out) == (
        1,
        "not installed: `imagecache service install` installs it\n",
    )
    run("install")
    stopped = run("status", "--json")
    assert stopped.code == 1
    assert stopped.document == {
        "installed": True,
        "state": "stopped",
        "since": None,
        "failures": 0,
        "lastBackup": None,
        "backupFailed": False,
    }


@pytest.mark.parametrize(
    "recorded", ["[]", '"ready"', '{"state": "waiting", "since": "x"}', '{"since": 1e99}']
)
def test_what_the_supervisor_has_recorded_may_be_damaged(run: Command, clone: Path, recorded: str) -> None:
    run("install")
    (clone / supervisor.FOLDER / supervisor.LAST_BACKUP_FILE).write_text(recorded)
    with supervised(clone, {}):
        (clone / supervisor.FOLDER / supervisor.STATE_FILE).write_text(recorded)
        assert run("status").out.startswith(("starting", "waiting"))


def test_the_status_of_a_service_whose_stack_has_just_stopped(run: Command, clone: Path) -> None:
    """`make run` has removed its address, and the supervisor has not recorded the end yet."""
    run("install")
    with supervised(clone, {"state": "ready", "since": 0, "failures": 0}):
        (clone / ".local" / "access.json").write_text('{"readToken": "r3ad", "adminToken": "4dmin"}')
        answer = run("status")
    assert (answer.code, answer.out.split()[0]) == (1, "starting")


def test_backups_are_planned_and_their_outcome_is_shown(run: Command, clone: Path) -> None:
    service_folder = clone / supervisor.FOLDER
    installed = run("install", "--backup", "/a folder", "--every", "week")
    assert "a backup every week into /a folder" in installed.out
    assert json.loads((service_folder / supervisor.BACKUP_FILE).read_text()) == {
        "folder": "/a folder",
        "seconds": 7 * 24 * 3600,
    }
    last = service_folder / supervisor.LAST_BACKUP_FILE
    last.write_text(json.dumps({"ended_at": 0, "succeeded": True}))
    assert "last backup 1970-01-01 00:00 UTC" in run("status").out
    last.write_text(json.dumps({"ended_at": 0, "succeeded": False}))
    assert "the backup at 1970-01-01 00:00 UTC has failed" in run("status").out
    run("install")
    assert not (service_folder / supervisor.BACKUP_FILE).exists()
    assert not last.exists(), "it was one of another plan"
    run("install", "--backup", "~/saved")
    assert json.loads((service_folder / supervisor.BACKUP_FILE).read_text())["folder"] == str(
        Path("~/saved").expanduser()
    )


def test_the_last_lines_of_the_log_are_printed(run: Command, clone: Path) -> None:
    assert "there is no log yet" in run("logs").err
    run("install")
    (clone / supervisor.FOLDER / supervisor.LOG_FILE).write_text("one\ntwo\nthree\n")

    assert run("logs", "-n", "2").out == "two\nthree\n"


@pytest.mark.parametrize("verb", ["restart", "uninstall"])
def test_a_verb_that_needs_an_installed_service_says_so(run: Command, verb: str) -> None:
    refused = run(verb)

    assert refused.code == 1
    assert "no service is installed" in refused.err


def test_the_service_needs_a_clone(run: Command, tmp_path: Path) -> None:
    refused = run("install", clone=tmp_path)

    assert refused.code == 2
    assert "the service runs from a clone" in refused.err


def test_a_path_that_systemd_does_not_accept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="move the clone to a simpler one"):
        service.systemd(tmp_path / 'a "clone"', tmp_path)


def test_systemd_replaces_variables_in_arguments_and_not_in_the_path_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_python", lambda: Path("/$a/python"))
    unit = service.systemd(Path("/$b"), tmp_path).content.decode()
    assert 'ExecStart="/$a/python" "/$$b/tools/supervisor.py"' in unit


def test_every_setting_of_make_run_is_kept_for_the_service() -> None:
    named = set(re.findall(r'"([A-Z][A-Z_]+)"', (ROOT / "local" / "settings.py").read_text()))
    servers = named & {"BEEPER", "MEDIA_SERVER"}  # each has an address and a token

    named.remove("RESTORE")  # a backup is restored by one start, and not by each
    assert set(service.SETTINGS) == (named - servers) | {
        f"{server}_{part}" for server in servers for part in ("URL", "TOKEN")
    }
