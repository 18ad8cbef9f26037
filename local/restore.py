"""Restores a backup into the stack of this run before its first sync: `make run RESTORE=FOLDER`."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from local.console import say
from local.template import ROOT

_SECONDS_BETWEEN_CHECKS = 0.5
_SECONDS_TO_STOP = 5.0


class RestoreError(Exception):
    """The backup was not restored. The message is one line; what was wrong is on stderr already."""


class Restore:
    """The restore that a person asked for. It runs once, also if another account is connected later."""

    def __init__(self, folder: Path | None) -> None:
        """Takes the folder of the backup, or None if nothing is to be restored."""
        self.folder = folder

    def run(self, check: Callable[[], None], *, pause: Callable[[], None]) -> None:
        """Restores the backup by the command `imagecache restore`, which writes its progress to stderr.

        `pause` is called before. It should keep the workers from downloading what a scheduled sync queues
        meanwhile, because the backup has most of it. `check` is called meanwhile, and may raise.

        Raises RestoreError if the command did not reach its end; the next restore continues it. If only some
        images were left out, the command has said why, and the run continues.
        """
        if self.folder is None:
            return
        say(f"restoring {self.folder}")
        pause()
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "imagecache_cli", "--local", "restore", str(self.folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C reaches only us, and we interrupt the command once
        ) as command:
            try:
                while not _has_ended(command):
                    check()
                assert command.stdout  # noqa: S101 - it is a pipe
                answer = command.stdout.read().strip()
            except BaseException:
                _stop(command)  # the next start continues the restore
                raise
        # Its exit code is 1 if it failed, and also if some images were left out. Only a restore that has
        # reached its end prints an answer.
        if not answer:
            raise RestoreError(
                f"{self.folder} was not restored: see above. Start without RESTORE if it was restored before,"
                " or if `.local/bin/imagecache --local restore FOLDER --merge` is to add it to what is here"
            )
        say(answer)
        self.folder = None


def _stop(command: "subprocess.Popen[str]") -> None:
    """Interrupts the command, which then shows the cursor of the terminal again, or else terminates it.

    A command does not notice the interrupt if this process was started with SIGINT ignored, as shells do for
    processes in the background.
    """
    command.send_signal(signal.SIGINT)
    try:
        command.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        command.terminate()


def _has_ended(command: "subprocess.Popen[str]") -> bool:
    """Waits for half a second at most, and returns whether the command has ended."""
    try:
        command.wait(_SECONDS_BETWEEN_CHECKS)
    except subprocess.TimeoutExpired:
        return False
    return True
