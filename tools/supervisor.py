"""Keeps `make run` running: starts it again whenever it ends, keeps its log small, and makes backups.

With the argument `agent` it does that for `imagecache agent`. systemd and launchd start this program at
log-in (`imagecache service install`, `imagecache agent install`). It runs before any package is
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
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(".local", "service")
AGENT_FOLDER = Path(".local", "agent-service")
"""The files of each service, below the clone. Only this user may read them."""
SETTINGS_FILE = "settings.json"
STATE_FILE = "state.json"
LOG_FILE = "service.log"
LOCK_FILE = "lock"
BACKUP_FILE = "backup.json"
"""The plan of backups: the folder, and the seconds between two of them. Without this file there are none."""
LAST_BACKUP_FILE = "last-backup.json"

# As `make run` does. `exec` gives the shell's process to the program, so that signals reach it.
_RUN = 'python=$("$0" tools/environment.py run) && exec "$python" -m local.run'
# The settings of the service have the stack's name.
_RUN_AGENT = 'python=$("$0" tools/environment.py run) && exec "$python" -P -m imagecache_cli agent'
_LOG_BYTES = 1_000_000
_OLD_LOGS = 4
_LONGEST_LINE = 10_000  # characters; a longer line is logged in parts
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
# A run of so many seconds has worked, so that the pause before the next one is short again.
_GOOD_RUN = 600.0
_STOP_SECONDS = 60.0
_READY = "ready "
_SECONDS_BETWEEN_CHECKS = 60.0  # whether a backup is due
_SECONDS_AFTER_A_FAILED_BACKUP = 3600.0
_ACCESS = Path(".local", "access.json")  # of `make run`; it names the demo account while that is shown
_MANIFEST = "manifest.json"  # every folder with a backup has this file
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
    """The last backup: when it ended, in seconds since 1970, and whether it succeeded.

    `has_backup` says that this one or an earlier one into the same folder did.
    """

    ended_at: float
    succeeded: bool
    has_backup: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """The folder of the backups, and the seconds between two of them."""

    folder: Path
    seconds: float


def pause_after(failures: int) -> float:
    """Returns the seconds to wait after so many runs in a row that have ended too early: 5, 10, ... 300."""
    return min(_FIRST_PAUSE * float(2 ** min(failures - 1, 10)), _LONGEST_PAUSE)


class Supervisor:
    """Runs `command` in `root` again and again, until `stop` is called."""

    def __init__(
        self,
        root: Path,
        command: list[str],
        back_up: Sequence[str] = _BACK_UP,
        *,
        folder: Path = FOLDER,
    ) -> None:
        self._root = root
        self._command = command
        self._back_up = back_up
        self._folder = root / folder
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
                try:
                    self._run_until_stopped()
                finally:
                    # Also after an error: then this process ends, and systemd or launchd starts it again.
                    self.stop()
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
            try:
                end = f"has ended with exit code {self._run_once(failures)}"
            except (OSError, ValueError) as error:
                end = f"cannot be started: {error}"
            if self._stopping.is_set():
                break
            failures = 1 if time.monotonic() - started >= _GOOD_RUN else failures + 1
            pause = pause_after(failures)
            self._log.warning("the program %s; next start in %d s", end, pause)
            self._record(State("waiting", time.time(), failures))
            self._stopping.wait(pause)
        (self._folder / STATE_FILE).unlink(missing_ok=True)

    def _run_once(self, failures: int) -> int:
        """Runs the command to its end, and returns its exit code.

        Raises OSError or ValueError if it cannot be started.
        """
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
            for line in _lines(child.stdout):
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
        last = self._last_backup()
        while not self._stopping.wait(_SECONDS_BETWEEN_CHECKS):
            if not self._is_ready.is_set() or self._shows_demo_account():
                continue
            try:
                plan = _read_plan(self._folder / BACKUP_FILE)
            except (OSError, ValueError) as error:
                self._log.warning("backup: %s", error)
                continue
            if plan is None:
                continue
            pause = plan.seconds if last and last.succeeded else _SECONDS_AFTER_A_FAILED_BACKUP
            if last and 0 <= time.time() - last.ended_at < pause:
                continue
            has_backup = last is not None and last.has_backup
            succeeded = self._back_up_into(plan.folder, has_backup=has_backup)
            if not self._stopping.is_set():  # a backup that was stopped is due at the next start
                last = Backup(time.time(), succeeded, has_backup or succeeded)
                self._write(LAST_BACKUP_FILE, last)

    def _shows_demo_account(self) -> bool:
        """Returns True if the chats are made up. Their backup would be in the way of the person's own one."""
        try:
            return "demo" in (_read_json(self._root / _ACCESS) or {})
        except (OSError, ValueError):
            return False

    def _last_backup(self) -> Backup | None:
        """Returns the outcome of the last backup, or None if it is not known."""
        try:
            content = _read_json(self._folder / LAST_BACKUP_FILE) or {}
            succeeded = content["succeeded"] is True
            has_backup = content.get("has_backup", succeeded) is True
            return Backup(float(content["ended_at"]), succeeded, has_backup)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _back_up_into(self, folder: Path, *, has_backup: bool) -> bool:
        """Makes a backup, and returns whether it succeeded. `has_backup` says that the folder has one."""
        if has_backup and not (folder / _MANIFEST).exists():
            self._log.warning(
                "backup: %s has no backup any more: is its disk missing? To begin a new one there, run"
                " `imagecache service install --backup` again",
                folder,
            )
            return False
        try:
            return self._run_backup(folder)
        except OSError as error:
            self._log.warning("backup: cannot be started: %s", error)
            return False

    def _run_backup(self, folder: Path) -> bool:
        with subprocess.Popen(
            [*self._back_up, str(folder)],
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
            for line in _lines(backup.stdout):
                self._log.info("backup: %s", line.rstrip())
            succeeded = backup.wait() == 0
        self._backup = None
        return succeeded

    def _copy_errors(self, child: "subprocess.Popen[str]") -> None:
        for line in _lines(child.stderr):
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
        """Replaces a file. If the disk refuses, for example because it is full, the stack runs on."""
        file = self._folder / name
        new = file.with_suffix(".new")
        try:
            new.write_text(json.dumps(asdict(content)))
            new.replace(file)
        except OSError as error:
            self._log.warning("%s cannot be written: %s", name, error.strerror)

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


def _lines(stream: IO[str] | None) -> Iterator[str]:
    """Yields the lines of a stream. A line that is too long for the log is yielded in parts."""
    return iter(partial(stream.readline, _LONGEST_LINE), "") if stream else iter(())


def _settings(file: Path) -> Mapping[str, str]:
    """Returns the settings with which the service was installed, as environment variables.

    Raises ValueError if they are damaged.
    """
    settings = _read_json(file) or {}
    if not all(isinstance(value, str) for value in settings.values()):
        raise _damaged(file)
    return settings


def _read_plan(file: Path) -> _Plan | None:
    """Returns the plan of the backups, or None if there are none. Raises ValueError if it is damaged."""
    content = _read_json(file)
    if content is None:
        return None
    try:
        return _Plan(Path(content["folder"]), float(content["seconds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(file) from error


def _read_json(file: Path) -> dict[str, Any] | None:
    """Returns the object in a file, or None if there is no such file. Raises ValueError if it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(file) from error
    if not isinstance(content, dict):
        raise _damaged(file)
    return content


def _damaged(file: Path) -> ValueError:
    return ValueError(f"{file} is damaged: run `imagecache service install` again")


def main() -> int:
    """Keeps the stack, or the agent, of this clone running until SIGTERM or SIGINT. Returns the exit code."""
    os.umask(0o077)  # the log is readable by this user only
    if sys.argv[1:] == ["agent"]:
        supervisor = Supervisor(ROOT, ["/bin/sh", "-c", _RUN_AGENT, sys.executable], folder=AGENT_FOLDER)
    else:
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
