"""Processes end with us, whichever way that is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import Child, ChildError, clear_leftovers, leftovers, only_one
from local.template import ROOT

ENVIRONMENT = {"PATH": os.defpath}
PARENT = """
import sys, time
from pathlib import Path
from local.processes import Child
child = Child(Path(sys.argv[1]), "tests.local.family", environment={})
time.sleep(600)
"""


def family(folder: Path) -> list[int]:
    """The child and the process that it started, once both are there."""
    log = folder / "family.log"
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    return [int(pid) for pid in log.read_text().split()]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Running, and no mere zombie that nobody has looked at."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # gone meanwhile, or macOS, which has no /proc
        return not Path("/proc/self").exists()


def test_stopping_leaves_nothing_of_the_family(tmp_path: Path) -> None:
    child = Child(tmp_path, "tests.local.family", environment=ENVIRONMENT)
    members = family(tmp_path)
    assert child.stop()
    assert not [pid for pid in members if alive(pid)]


def test_family_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT) as parent:  # noqa: S603 - our own code
        members = family(tmp_path)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not [pid for pid in members if alive(pid)])


def test_function_that_outlived_a_killed_engine_is_ended(tmp_path: Path) -> None:
    """It would write into the next engine."""
    worker = tmp_path / "tmp" / "ministack-lambda-Sync-x1" / "_worker.py"
    worker.parent.mkdir(parents=True)
    worker.write_text("import time; time.sleep(600)")
    with subprocess.Popen([sys.executable, worker]) as function:  # noqa: S603 - our own code
        wait_until(lambda: set(leftovers(tmp_path)) == {function.pid})
        clear_leftovers(tmp_path)
        assert function.wait(5) == -signal.SIGKILL


def test_processes_that_only_mention_the_folder_are_not_ours(tmp_path: Path) -> None:
    mention = str(tmp_path / "tmp" / "ministack-lambda-Sync-x1" / "_worker.py.log")
    command = [sys.executable, "-c", "import time; time.sleep(600)", mention]
    with subprocess.Popen(command) as other:  # noqa: S603 - our own code
        time.sleep(0.2)
        assert leftovers(tmp_path) == {}
        other.kill()


def test_child_that_ended_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = Child(tmp_path, "no_such_module", environment=ENVIRONMENT)
    child._process.wait(10)
    with pytest.raises(ChildError, match="no_such_module"):
        child.check()
    child.stop()


def test_lock_has_one_holder_and_names_it(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "lock", "process 1") as holder,
        only_one(tmp_path / "lock", "process 2") as second,
    ):
        assert (holder, second) == (None, "process 1")
    with only_one(tmp_path / "lock", "process 3") as holder:
        assert holder is None
