"""Deletes what this clone has made on this machine: `make clean`. Refuses while `make run` is running."""

import fcntl
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LOCK = Path(".local", "run.lock")
"""The file that `make run` locks, see `local.run`."""
_FOLDERS = (".local", ".aws-sam")


def clean(root: Path) -> int:
    """Deletes the folders, and returns the exit code: 2 if a running stack uses them."""
    lock = root / _LOCK
    if lock.exists():
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(  # noqa: T201 - to the person at the terminal
                    "`make run` is running here, and would lose its pictures: stop it first"
                    " (Ctrl-C, or `.local/bin/imagecache service uninstall`)",
                    file=sys.stderr,
                )
                return 2
            _delete(root)
    else:
        _delete(root)
    return 0


def _delete(root: Path) -> None:
    for name in _FOLDERS:
        shutil.rmtree(root / name, ignore_errors=not (root / name).exists())


if __name__ == "__main__":
    sys.exit(clean(ROOT))
