"""Starts and stops the processes of one stack folder, and finds processes that a killed run has left."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local.template import ROOT

STOP_SECONDS = 15.0
# Killed processes disappear only when the init process has reaped them. Some containers have no init process,
# so there is a limit to the wait.
_REAP_SECONDS = 2.0


class ChildError(Exception):
    """A process of the stack did not start or has ended. The message is one line with the log's path."""


class Child:
    """Runs a module in a new process group, which ends when this process does (see `local.child`).

    The module writes to `<name>.log`. Messages call it `title`. It inherits the file descriptors `inherited`
    under the same numbers.
    """

    def __init__(
        self,
        folder: Path,
        module: str,
        arguments: Sequence[str] = (),
        *,
        name: str,
        title: str,
        environment: Mapping[str, str],
        inherited: Sequence[int] = (),
    ) -> None:
        self.title = title
        self.log = folder / f"{name}.log"
        # Python ignores unknown -X options. This option lets later runs find the process.
        command = [sys.executable, "-X", _mark(folder), "-m", "local.child", module, *arguments]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=ROOT,
                pass_fds=inherited,
                start_new_session=True,  # Ctrl-C reaches only us, and we stop our children in order
            )

    @property
    def process_id(self) -> int:
        """The id of the process."""
        return self._process.pid

    def check(self) -> None:
        """Raises ChildError if the process has ended."""
        status = self._process.poll()
        if status is not None:
            raise ChildError(f"{self.title} {_how_it_ended(status, self.log)}; its log is {self.log}")

    def stop(self) -> bool:
        """Sends SIGTERM, waits, and kills the rest of the group. Returns False if it did not end in 15 s."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        obeyed = self._process.poll() is not None
        self.kill()
        return obeyed

    def kill(self) -> None:
        """Kills the process and all processes that it started, immediately."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + _REAP_SECONDS
        while self._signal(0) and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._process.stdin:
            self._process.stdin.close()

    def _signal(self, number: int) -> bool:
        """Sends a signal to the group. Returns False if the group has no process. Signal 0 sends nothing."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS: EPERM where only zombies are left
            return False
        return True


def _how_it_ended(status: int, log: Path) -> str:
    """Returns a text with the exit status and the last line of the log, which is often the exception."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    lines = log.read_text(errors="replace").strip().splitlines()
    # The log of the engine also contains the functions' lines of JSON, which do not explain its end.
    if not lines or lines[-1].startswith("{"):
        return f"ended with status {status}"
    return f"ended with status {status}: {lines[-1]}"


def _mark(folder: Path) -> str:
    return f"imagecache={folder}"


@contextlib.contextmanager
def try_lock(file: Path, note: str) -> Iterator[str | None]:
    """Locks `file` until the end of the block, and writes `note` into it for others to read.

    Yields None if this process now holds the lock, or else the note of the process that does.
    """
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            yield lock.read().strip() or "another process"
            return
        lock.truncate(0)
        lock.write(note)
        lock.flush()
        yield None


def clear_leftovers(folder: Path) -> None:
    """Waits until the processes of an earlier run have ended, and kills any that do not end in 15 s.

    A function that is still running after its engine was killed would write to the next engine.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while commands := leftovers(folder):
        # A process of `local.child` has noticed that its parent has ended, and is saving. Functions without
        # an engine never end by themselves.
        is_saving = any(" -m local.child " in command for command in commands.values())
        if not is_saving or time.monotonic() > deadline:
            for pid in commands:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def leftovers(folder: Path) -> dict[int, str]:
    """Returns the command lines of this folder's processes, by process id."""
    child = rf" -X {re.escape(_mark(folder))} -m local\.child "
    function = rf" {re.escape(str(folder / 'tmp'))}/ministack-lambda-.*/_worker\.py$"
    pattern = re.compile(f"{child}|{function}")
    return {pid: command for pid, command in _commands() if pid != os.getpid() and pattern.search(command)}


def _commands() -> Iterator[tuple[int, str]]:
    """Yields process id and command line of all processes of this user."""
    if not Path("/proc/self/cmdline").exists():  # macOS
        listing = subprocess.run(
            ["ps", "-xww", "-o", "pid=,command="], capture_output=True, text=True, check=True
        )
        for line in listing.stdout.splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command.strip()
        return
    for process in Path("/proc").iterdir():
        # A process may end while it is read.
        with contextlib.suppress(OSError):
            if process.name.isdigit() and process.stat().st_uid == os.getuid():
                arguments = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                yield int(process.name), b" ".join(arguments).decode(errors="replace")
