"""The supervisor of the service keeps a command running, and its log small and free of tokens."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import supervisor
from tools.supervisor import (
    BACKUP_FILE,
    FOLDER,
    LAST_BACKUP_FILE,
    LOG_FILE,
    SETTINGS_FILE,
    STATE_FILE,
    Supervisor,
    pause_after,
)

READY = 'echo "ready http://127.0.0.1:8080/#token=r3ad"; echo "admin token: 4dmin"; echo progress >&2; '


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "_LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(supervisor, "_SECONDS_BETWEEN_CHECKS", 0.01)


@contextmanager
def supervised(root: Path, script: str, back_up: str = "false") -> Iterator[Supervisor]:
    """Runs a shell script under a supervisor, in a thread, until the end of the block.

    `back_up` is the script that backs up; its first argument is the folder.
    """
    running = Supervisor(root, ["/bin/sh", "-c", script], ["/bin/sh", "-c", back_up, "back-up"])
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(10)
        assert not thread.is_alive()


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(root: Path) -> dict[str, object]:
    try:
        state: dict[str, object] = json.loads((root / FOLDER / STATE_FILE).read_text())
    except FileNotFoundError:
        return {}
    return state


def log_of(root: Path) -> str:
    file = root / FOLDER / LOG_FILE
    return file.read_text() if file.exists() else ""


def test_a_command_that_ends_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, "echo run >> runs; exit 3"):
        wait_until(lambda: (tmp_path / "runs").exists() and len((tmp_path / "runs").read_text()) >= 12)
        wait_until(lambda: "has ended with exit code 3" in log_of(tmp_path))
        wait_until(lambda: int(str(state_of(tmp_path).get("failures", 0))) >= 2)


def test_pauses_become_longer_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 5.0)
    monkeypatch.setattr(supervisor, "_LONGEST_PAUSE", 300.0)

    assert [pause_after(failures) for failures in (1, 2, 3, 7, 1000)] == [5, 10, 20, 300, 300]


def test_a_command_that_has_worked_long_enough_is_started_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_GOOD_RUN", 0.0)
    with supervised(tmp_path, "echo run >> runs; exit 0"):
        wait_until(lambda: (tmp_path / "runs").exists() and len((tmp_path / "runs").read_text()) >= 12)
        wait_until(lambda: state_of(tmp_path).get("state") == "waiting")
        assert state_of(tmp_path)["failures"] == 1


def test_the_state_is_ready_and_no_token_is_logged(tmp_path: Path) -> None:
    with supervised(tmp_path, READY + "exec sleep 60"):
        wait_until(lambda: state_of(tmp_path).get("state") == "ready")
        wait_until(lambda: "progress" in log_of(tmp_path))

    assert "r3ad" not in log_of(tmp_path)
    assert "4dmin" not in log_of(tmp_path)
    assert state_of(tmp_path) == {}
    assert (tmp_path / FOLDER).stat().st_mode & 0o077 == 0


def test_a_command_is_asked_to_end_in_order(tmp_path: Path) -> None:
    script = "trap 'echo stopped in order >&2; exit 0' TERM; " + READY + "while :; do sleep 0.05; done"
    with supervised(tmp_path, script):
        wait_until(lambda: state_of(tmp_path).get("state") == "ready")

    assert "stopped in order" in log_of(tmp_path)


def test_the_settings_of_the_installation_reach_the_command(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"PORT": "9000"}))
    with supervised(tmp_path, 'echo "port $PORT" >&2; exec sleep 60'):
        wait_until(lambda: "port 9000" in log_of(tmp_path))


def test_a_second_supervisor_of_a_clone_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with supervised(tmp_path, READY + "exec sleep 60"):
        wait_until(lambda: state_of(tmp_path).get("state") == "ready")
        assert Supervisor(tmp_path, ["false"]).run() == 1

    assert "running already" in capsys.readouterr().err


@pytest.mark.parametrize("damaged", ["", "[]", '{"PORT": 9000}'])
def test_damaged_settings_are_named_and_read_again(tmp_path: Path, damaged: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    (folder / SETTINGS_FILE).write_text(damaged)
    with supervised(tmp_path, "exec sleep 60"):
        wait_until(lambda: "settings.json is damaged: run `imagecache service install`" in log_of(tmp_path))
        (folder / SETTINGS_FILE).write_text("{}")
        wait_until(lambda: state_of(tmp_path).get("state") == "starting")


def test_a_disk_that_is_full_does_not_end_the_service(tmp_path: Path) -> None:
    """Here, the folder cannot be replaced by a file, like a file that has no space."""
    (tmp_path / FOLDER / "state.new").mkdir(parents=True)
    with supervised(tmp_path, "echo run >> runs; exit 3"):
        wait_until(lambda: (tmp_path / "runs").exists() and len((tmp_path / "runs").read_text()) >= 12)
        wait_until(lambda: "state.json cannot be written" in log_of(tmp_path))


def test_an_unexpected_error_ends_the_supervisor_so_that_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: float) -> float:
        raise RuntimeError

    monkeypatch.setattr(supervisor, "pause_after", fail)
    before = threading.active_count()
    with pytest.raises(RuntimeError):
        Supervisor(tmp_path, ["false"]).run()
    assert threading.active_count() == before


def test_a_line_without_end_does_not_make_the_log_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_LOG_BYTES", 50_000)
    script = "head -c 1000000 /dev/zero >&2; echo >&2; " + READY + "exec sleep 60"
    with supervised(tmp_path, script):
        wait_until(lambda: "progress" in log_of(tmp_path))

    assert all(log.stat().st_size <= 50_000 for log in (tmp_path / FOLDER).glob(f"{LOG_FILE}*"))


def test_the_log_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LOG_BYTES", 1_000)
    monkeypatch.setattr(supervisor, "_OLD_LOGS", 2)
    script = "for number in $(seq 200); do echo line $number >&2; done; " + READY + "exec sleep 60"
    with supervised(tmp_path, script):
        wait_until(lambda: "progress" in log_of(tmp_path))

    logs = sorted((tmp_path / FOLDER).glob(f"{LOG_FILE}*"))
    assert len(logs) == 3
    assert all(log.stat().st_size <= 1_000 for log in logs)


def plan_backups(root: Path, seconds: float) -> None:
    (root / FOLDER).mkdir(parents=True)
    plan = {"folder": str(root / "the folder"), "seconds": seconds}
    (root / FOLDER / BACKUP_FILE).write_text(json.dumps(plan))


def backups_of(root: Path) -> int:
    file = root / "backups"
    return len(file.read_text().splitlines()) if file.exists() else 0


BACK_UP = 'mkdir -p "$1"; touch "$1/manifest.json"; echo "$1" >> backups; echo saved 3 pictures'


def test_a_backup_is_made_when_the_stack_is_ready_and_again_when_it_is_due(tmp_path: Path) -> None:
    plan_backups(tmp_path, seconds=0)
    with supervised(tmp_path, READY + "exec sleep 60", BACK_UP):
        wait_until(lambda: backups_of(tmp_path) >= 2)
        wait_until(lambda: "backup: saved 3 pictures" in log_of(tmp_path))

    assert (tmp_path / "backups").read_text().splitlines()[0] == str(tmp_path / "the folder")


def test_no_backup_is_made_before_it_is_due_or_before_the_stack_is_ready(tmp_path: Path) -> None:
    plan_backups(tmp_path, seconds=3600)
    with supervised(tmp_path, "echo starting >&2; sleep 0.3; " + READY + "exec sleep 60", BACK_UP):
        wait_until(lambda: "starting" in log_of(tmp_path))
        assert backups_of(tmp_path) == 0
        wait_until((tmp_path / FOLDER / LAST_BACKUP_FILE).exists)
        time.sleep(0.1)  # ten checks
        assert backups_of(tmp_path) == 1


def test_a_backup_that_fails_is_recorded_and_tried_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_SECONDS_AFTER_A_FAILED_BACKUP", 0.0)
    plan_backups(tmp_path, seconds=3600)
    with supervised(tmp_path, READY + "exec sleep 60", BACK_UP + "; exit 1"):
        wait_until(lambda: backups_of(tmp_path) >= 2)

    assert json.loads((tmp_path / FOLDER / LAST_BACKUP_FILE).read_text())["succeeded"] is False


def test_a_running_backup_is_stopped_with_the_service(tmp_path: Path) -> None:
    plan_backups(tmp_path, seconds=0)
    with supervised(tmp_path, READY + "exec sleep 60", "echo begun >> backups; exec sleep 60"):
        wait_until(lambda: backups_of(tmp_path) == 1)

    assert not (tmp_path / FOLDER / LAST_BACKUP_FILE).exists()


@pytest.mark.parametrize("file", [BACKUP_FILE, LAST_BACKUP_FILE])
@pytest.mark.parametrize("damaged", ["", "[]", '{"seconds": "x"}'])
def test_a_damaged_file_does_not_end_the_backups(tmp_path: Path, file: str, damaged: str) -> None:
    plan_backups(tmp_path, seconds=3600)
    plan = (tmp_path / FOLDER / BACKUP_FILE).read_text()
    (tmp_path / FOLDER / file).write_text(damaged)
    with supervised(tmp_path, READY + "exec sleep 60", BACK_UP):
        if file == BACKUP_FILE:
            wait_until(lambda: "backup.json is damaged" in log_of(tmp_path))
            (tmp_path / FOLDER / BACKUP_FILE).write_text(plan)
        wait_until(lambda: backups_of(tmp_path) == 1)


def test_a_backup_whose_disk_is_missing_is_not_begun_again_in_an_empty_folder(tmp_path: Path) -> None:
    """Otherwise all pictures would be copied to the disk on which the folder of the missing one is."""
    plan_backups(tmp_path, seconds=0)
    with supervised(tmp_path, READY + "exec sleep 60", BACK_UP):
        wait_until(lambda: backups_of(tmp_path) >= 2)
        (tmp_path / "the folder").rename(tmp_path / "elsewhere")
        wait_until(lambda: "is its disk missing?" in log_of(tmp_path))
    last = json.loads((tmp_path / FOLDER / LAST_BACKUP_FILE).read_text())
    assert (last["succeeded"], last["has_backup"]) == (False, True)
    assert not (tmp_path / "the folder").exists()


def test_a_backup_that_cannot_be_started_is_a_failed_one(tmp_path: Path) -> None:
    plan_backups(tmp_path, seconds=3600)
    running = Supervisor(tmp_path, ["/bin/sh", "-c", READY + "exec sleep 60"], [str(tmp_path / "missing")])
    thread = threading.Thread(target=running.run)
    thread.start()
    wait_until((tmp_path / FOLDER / LAST_BACKUP_FILE).exists)
    running.stop()
    thread.join(10)
    assert json.loads((tmp_path / FOLDER / LAST_BACKUP_FILE).read_text())["succeeded"] is False


def test_the_demo_account_is_not_backed_up(tmp_path: Path) -> None:
    """Its backup would be in the folder of the person's own, which another stack may not replace."""
    plan_backups(tmp_path, seconds=3600)
    access = tmp_path / ".local" / "access.json"
    access.write_text('{"url": "http://127.0.0.1:8080/", "demo": {}}')
    with supervised(tmp_path, READY + "exec sleep 60", BACK_UP):
        wait_until(lambda: state_of(tmp_path).get("state") == "ready")
        time.sleep(0.1)  # ten checks
        assert backups_of(tmp_path) == 0
        access.write_text('{"url": "http://127.0.0.1:8080/"}')
        wait_until(lambda: backups_of(tmp_path) == 1)
