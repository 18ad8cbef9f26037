"""Keeps `make run` running: starts it again whenever it ends, keeps its log small, and makes backups.

systemd and launchd start this program at log-in (`imagecache service install`). It runs before any package is
installed, so it uses only Python's standard library.

The log has what `make run` writes to stderr. The link and the tokens, which it writes to stdout, are not
logged.
"""

import contextlib
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(".local", "service")
"""The files of the service, below the clone. Only this user may read them."""
SETTINGS_FILE = "settings.json"
STATE_FILE = "state.json"
LOG_FILE = "service.log"
LOCK_FILE = "lock"
BACKUP_FILE = "backup.json"
"""The plan of backups: the folder, and the seconds between two of them. Without this file there are none."""
LAST_BACKUP_FILE = "last-backup.json"

# As `make run` does. `exec` gives the shell's process to the program, so that signals reach it.
_RUN = 'python=$("$0" tools/environment.py run) && exec "$python" -m local.run'
_LOG_BYTES = 1_000_000
_OLD_LOGS = 4
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
# A run of so many seconds has worked, so that the pause before the next one is short again.
_GOOD_RUN = 600.0
_STOP_SECONDS = 60.0
_READY = "ready "
_SECONDS_BETWEEN_CHECKS = 60.0  # whether a backup is due
_SECONDS_AFTER_A_FAILED_BACKUP = 3600.0
_BACK_UP = (".local/bin/imagecache", "--local", "backup")


@dataclass(frozen=True, slots=True)
class State:
    """The state of the service, which `imagecache service status` shows. `since` is in seconds since 1970.

    `state` is `starting`, `ready` or `waiting` (for the next attempt). `failures` is the number of runs that
    have ended too early since the last one that worked.
    """

    state: str
    since: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Backup:
    """The last backup: when it ended, in seconds since 1970, and whether it succeeded."""

    ended_at: float
    succeeded: bool


def pause_after(failures: int) -> float:
    """Returns the seconds to wait after so many runs in a row that have ended too early: 5, 10, ... 300."""
    return min(_FIRST_PAUSE * float(2 ** min(failures - 1, 10)), _LONGEST_PAUSE)


class Supervisor:
    """Runs `command` in `root` again and again, until `stop` is called."""

    def __init__(self, root: Path, command: list[str], back_up: Sequence[str] = _BACK_UP) -> None:
        self._root = root
        self._command = command
        self._back_up = back_up
        self._folder = root / FOLDER
        self._stopping = threading.Event()
        self._is_ready = threading.Event()
        self._backup: subprocess.Popen[str] | None = None
        self._child: subprocess.Popen[str] | None = None
        self._log = logging.Logger("service")

    def run(self) -> int:
        """Returns 0 after `stop`, and 1 if another supervisor keeps this clone's stack running."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._only_one() as is_only_one:
            if not is_only_one:
                print("the service of this clone is running already", file=sys.stderr)  # noqa: T201 - for systemd's log
                return 1
            with self._open_log():
                backups = threading.Thread(target=self._back_up_until_stopped)
                backups.start()
                self._run_until_stopped()
                backups.join()
                self._log.info("stopped")
        return 0

    def stop(self) -> None:
        """Ends the running command, and then `run`."""
        self._stopping.set()
        for process in (self._backup, self._child):
            if process:
                process.terminate()

    def _run_until_stopped(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._record(State("starting", time.time(), failures))
            started = time.monotonic()
            status = self._run_once(failures)
            if self._stopping.is_set():
                break
            failures = 1 if time.monotonic() - started >= _GOOD_RUN else failures + 1
            pause = pause_after(failures)
            self._log.warning("`make run` has ended with exit code %s; next start in %d s", status, pause)
            self._record(State("waiting", time.time(), failures))
            self._stopping.wait(pause)
        (self._folder / STATE_FILE).unlink(missing_ok=True)

    def _run_once(self, failures: int) -> int:
        """Runs the command to its end, and returns its exit code."""
        with subprocess.Popen(
            self._command,
            cwd=self._root,
            env={**os.environ, **_settings(self._folder / SETTINGS_FILE)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as child:
            self._child = child
            if self._stopping.is_set():  # `stop` was called while the process was started
                child.terminate()
            reader = threading.Thread(target=self._copy_errors, args=(child,))
            reader.start()
            for line in child.stdout or ():
                if line.startswith(_READY):
                    self._log.info("ready")
                    self._record(State("ready", time.time(), failures))
                    self._is_ready.set()
            self._is_ready.clear()
            try:
                return child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # It has closed its output but does not end, and would keep the next run from starting.
                child.kill()
                return child.wait()
            finally:
                reader.join()

    def _back_up_until_stopped(self) -> None:
        """Backs up whenever that is due and the stack is ready. Tries a failed backup again after an hour."""
        while not self._stopping.wait(_SECONDS_BETWEEN_CHECKS):
            plan = _read_json(self._folder / BACKUP_FILE)
            if not plan or not self._is_ready.is_set():
                continue
            last = _read_json(self._folder / LAST_BACKUP_FILE)
            pause = plan["seconds"] if last and last["succeeded"] else _SECONDS_AFTER_A_FAILED_BACKUP
            if not last or not 0 <= time.time() - last["ended_at"] < pause:
                self._back_up_into(str(plan["folder"]))

    def _back_up_into(self, folder: str) -> None:
        with subprocess.Popen(
            [*self._back_up, folder],
            cwd=self._root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as backup:
            self._backup = backup
            if self._stopping.is_set():  # `stop` was called while the process was started
                backup.terminate()
            for line in backup.stdout or ():
                self._log.info("backup: %s", line.rstrip())
            succeeded = backup.wait() == 0
        self._backup = None
        if not self._stopping.is_set():  # a backup that was stopped is due at the next start
            self._write(LAST_BACKUP_FILE, Backup(time.time(), succeeded))

    def _copy_errors(self, child: "subprocess.Popen[str]") -> None:
        for line in child.stderr or ():
            self._log.info("%s", line.rstrip())

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[bool]:
        with (self._folder / LOCK_FILE).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _record(self, state: State) -> None:
        self._write(STATE_FILE, state)

    def _write(self, name: str, content: State | Backup) -> None:
        file = self._folder / name
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(content)))
        new.replace(file)

    @contextlib.contextmanager
    def _open_log(self) -> Iterator[None]:
        handler = RotatingFileHandler(
            self._folder / LOG_FILE, maxBytes=_LOG_BYTES, backupCount=_OLD_LOGS, encoding="utf-8"
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        self._log.handlers = [handler]
        self._log.setLevel(logging.INFO)
        try:
            yield
        finally:
            handler.close()


def _settings(file: Path) -> Mapping[str, str]:
    """Returns the settings with which the service was installed, as environment variables."""
    return _read_json(file) or {}


def _read_json(file: Path) -> dict[str, Any] | None:
    """Returns the object in a file, or None if there is no such file."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content


def main() -> int:
    """Keeps the stack of this clone running until SIGTERM or SIGINT, and returns the exit code."""
    os.umask(0o077)  # the log is readable by this user only
    supervisor = Supervisor(ROOT, ["/bin/sh", "-c", _RUN, sys.executable])

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # Signals are handled by the main thread, which must not wait for the event that `stop` sets: a signal
    # between two steps of that wait would find the event's lock taken, and never return.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(supervisor.run).result()


if __name__ == "__main__":
    sys.exit(main())
