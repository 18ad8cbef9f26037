"""Processes of one stack folder: started, stopped, and found again when their parent was killed."""

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

_STOP_SECONDS = 15.0
_REAP_SECONDS = 2.0  # what we killed but did not start is reaped by init, or in some containers by nobody


class ChildError(Exception):
    """A process of ours did not start, or ended by itself."""


class Child:
    """A module running as a process group of its own, which ends when we do (see `local.child`).

    `name` names its log, its mark of a clean stop and its errors; it is the last part of `module` by default.
    """

    def __init__(
        self,
        folder: Path,
        module: str,
        arguments: Sequence[str] = (),
        *,
        name: str | None = None,
        environment: Mapping[str, str],
    ) -> None:
        self.name = name or module.rpartition(".")[2]
        self.log, saved = folder / f"{self.name}.log", folder / f"{self.name}.saved"
        # Python keeps unknown -X options: this one tells later runs whose process it is.
        command = [sys.executable, "-X", _mark(folder), "-m", "local.child", str(saved), module, *arguments]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C is for us, who then stop it in order
            )

    def check(self) -> None:
        """Complain if it is not running."""
        if (status := self._process.poll()) is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise ChildError(
                f"{self.name} ended with {status}: {lines[-1] if lines else 'no output'} (see {self.log})"
            )

    def stop(self) -> bool:
        """Ask it to end, and make sure that nothing of it is left. False: it had to be killed."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        obeyed = self._process.poll() is not None
        self.kill()
        return obeyed

    def kill(self) -> None:
        """End it and everything it started, at once."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + _REAP_SECONDS
        while self._signal(0) and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._process.stdin:
            self._process.stdin.close()

    def _signal(self, number: int) -> bool:
        """Whether there was anybody to get it."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS: EPERM where only zombies are left
            return False
        return True


def _mark(folder: Path) -> str:
    return f"imagecache={folder}"


@contextlib.contextmanager
def only_one(lock: Path, note: str) -> Iterator[str | None]:
    """Yield None while we hold the lock, or the note of the process that holds it."""
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            yield file.read().strip() or "another process"
            return
        file.truncate(0)
        file.write(note)
        file.flush()
        yield None


def clear_leftovers(folder: Path) -> None:
    """Wait for what an earlier run left to end, and end what does not.

    Functions may outlive a killed engine, and would write into the next one.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    while found := leftovers(folder):
        # Those that watch their parent are saving and stopping; orphaned functions have nobody to report to.
        watched = any(" -m local.child " in command for command in found.values())
        if not watched or time.monotonic() > deadline:
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def leftovers(folder: Path) -> dict[int, str]:
    """Our processes of this folder, by what their command lines say: pid → command."""
    child = rf" -X {re.escape(_mark(folder))} -m local\.child "
    function = rf" {re.escape(str(folder / 'tmp'))}/ministack-lambda-.*/_worker\.py$"
    ours = re.compile(f"{child}|{function}")
    return {pid: command for pid, command in _commands() if pid != os.getpid() and ours.search(command)}


def _commands() -> Iterator[tuple[int, str]]:
    if not Path("/proc/self/cmdline").exists():  # macOS
        listing = subprocess.run(
            ["ps", "-xww", "-o", "pid=,command="], capture_output=True, text=True, check=True
        )
        for line in listing.stdout.splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command.strip()
        return
    for entry in Path("/proc").iterdir():
        # A process may end while we look, and some belong to others.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == os.getuid():
                yield (
                    int(entry.name),
                    entry.joinpath("cmdline")
                    .read_bytes()
                    .rstrip(b"\0")
                    .replace(b"\0", b" ")
                    .decode(errors="replace"),
                )
