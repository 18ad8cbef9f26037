"""Restores a backup into the stack of this run before its first sync: `make run RESTORE=FOLDER`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from local.console import say
from local.template import ROOT

_SECONDS_BETWEEN_CHECKS = 0.5
_SOME_LEFT_OUT = 1  # the exit code of `imagecache restore` if an image could not be restored


class RestoreError(Exception):
    """The backup was not restored. The message is one line; what was wrong is on stderr already."""


class Restore:
    """The restore that a person asked for. It runs once, also if another account is connected later."""

    def __init__(self, folder: Path | None) -> None:
        """Takes the folder of the backup, or None if nothing is to be restored."""
        self.folder = folder

    def run(self, check: Callable[[], None]) -> None:
        """Restores the backup by the command `imagecache restore`, which writes its progress to stderr.

        `check` is called meanwhile, and may raise. Raises RestoreError if nothing was restored. If only some
        images were left out, the command has said which, and the run continues.
        """
        if self.folder is None:
            return
        say(f"restoring {self.folder}")
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "imagecache_cli", "--local", "restore", str(self.folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        ) as command:
            try:
                while (status := _wait(command)) is None:
                    check()
            except BaseException:
                command.terminate()  # the next start continues the restore
                raise
        if status not in {0, _SOME_LEFT_OUT}:
            raise RestoreError(
                f"{self.folder} was not restored: see above, or start without RESTORE and use"
                " `.local/bin/imagecache --local restore FOLDER --merge`"
            )
        self.folder = None


def _wait(command: "subprocess.Popen[bytes]") -> int | None:
    try:
        return command.wait(_SECONDS_BETWEEN_CHECKS)
    except subprocess.TimeoutExpired:
        return None
