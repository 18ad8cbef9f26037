"""A child process ends with its parent, and says why it ended before."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import Child, ChildError, clear_leftovers, leftovers, try_lock
from local.template import ROOT

PARENT = """
import sys, time
from pathlib import Path
from local.processes import Child
Child(Path(sys.argv[1]), "tests.local.spawner", name="spawner", title="the spawner", environment={})
time.sleep(600)
"""


def start_child(folder: Path, module: str, *arguments: str) -> Child:
    name = module.rpartition(".")[2]
    environment = {"PATH": os.defpath}
    return Child(folder, module, arguments, name=name, title="the child", environment=environment)


def spawned_processes(folder: Path) -> list[int]:
    """Waits until `spawner.py` runs, and returns its process id and that of the process it has started."""
    log = folder / "spawner.log"
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    return [int(pid) for pid in log.read_text().split()]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Returns whether a process exists and is not a zombie, which has ended but was not waited for."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it has ended meanwhile, or this is macOS, which has no /proc
        return not Path("/proc/self").exists()


def end_of(child: Child) -> str:
    """Waits until a child ends by itself, and returns the message about it."""
    child._process.wait(60)
    with pytest.raises(ChildError) as caught:
        child.check()
    child.stop()
    return str(caught.value)


def test_stopping_a_child_ends_what_it_has_started(tmp_path: Path) -> None:
    child = start_child(tmp_path, "tests.local.spawner")
    pids = spawned_processes(tmp_path)
    assert child.stop()
    assert not [pid for pid in pids if is_running(pid)]


def test_a_child_and_what_it_has_started_end_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as parent:  # noqa: S603 - our own code
        pids = spawned_processes(tmp_path)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not [pid for pid in pids if is_running(pid)])


def test_a_function_that_outlived_a_killed_engine_is_ended(tmp_path: Path) -> None:
    """It would write into the next engine."""
    worker = tmp_path / "tmp" / "ministack-lambda-Sync-x1" / "_worker.py"
    worker.parent.mkdir(parents=True)
    worker.write_text("import time; time.sleep(600)")
    with subprocess.Popen([sys.executable, worker]) as function:  # noqa: S603 - our own code
        wait_until(lambda: set(leftovers(tmp_path)) == {function.pid})
        clear_leftovers(tmp_path)
        assert function.wait(60) == -signal.SIGKILL


def test_a_process_that_only_mentions_the_folder_is_left_alone(tmp_path: Path) -> None:
    mention = str(tmp_path / "tmp" / "ministack-lambda-Sync-x1" / "_worker.py.log")
    command = [sys.executable, "-c", "print(flush=True); import time; time.sleep(600)", mention]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:  # noqa: S603 - our own code
        assert other.stdout
        other.stdout.readline()
        assert leftovers(tmp_path) == {}
        other.kill()


def test_a_child_that_ended_by_itself_is_reported_with_the_last_line_of_its_log(tmp_path: Path) -> None:
    reported = end_of(start_child(tmp_path, "no_such_module"))
    log = tmp_path / "no_such_module.log"
    assert reported == f"the child ended with status 1: {log.read_text().splitlines()[-1]}; its log is {log}"
    assert "no_such_module" in log.read_text().splitlines()[-1]


@pytest.mark.parametrize(
    ("how", "end"),
    [("sys.exit(3)", "ended with status 3"), ("os.kill(os.getpid(), 9)", "was ended by SIGKILL")],
)
def test_a_log_line_of_json_is_not_taken_for_the_reason_of_an_end(tmp_path: Path, how: str, end: str) -> None:
    (tmp_path / "logs_json.py").write_text(
        f"""import os, sys\nprint('{{"level": "INFO"}}', flush=True)\n{how}\n"""
    )
    environment = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path)}
    child = Child(tmp_path, "logs_json", name="logs_json", title="the child", environment=environment)
    assert end_of(child) == f"the child {end}; its log is {tmp_path / 'logs_json.log'}"


def test_a_child_inherits_the_files_that_are_named_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(
        "import os, sys\n"
        "def is_open(number):\n"
        "    try: return bool(os.fstat(number))\n"
        "    except OSError: return False\n"
        "print([is_open(int(number)) for number in sys.argv[1:]])\n"
        "sys.exit(1)\n"
    )
    with (tmp_path / "first").open("w") as first, (tmp_path / "second").open("w") as second:
        numbers = [first.fileno(), second.fileno()]
        child = Child(
            tmp_path,
            "asks",
            [str(number) for number in numbers],
            name="asks",
            title="the child",
            environment={"PATH": os.defpath, "PYTHONPATH": str(tmp_path)},
            inherited=numbers[:1],
        )
        assert "[True, False]" in end_of(child)


def test_a_lock_has_one_holder_and_names_it_to_others(tmp_path: Path) -> None:
    with (
        try_lock(tmp_path / "lock", "process 1") as first,
        try_lock(tmp_path / "lock", "process 2") as second,
    ):
        assert (first, second) == (None, "process 1")
    with try_lock(tmp_path / "lock", "process 3") as third:
        assert third is None
