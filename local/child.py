"""Runs a module that ends when its parent does: `python -m local.child SAVED MODULE ARGUMENTS...`.

The parent holds the other end of this process's stdin. When the parent dies, even by SIGKILL, that pipe
closes, and this process sends SIGTERM to its process group. The empty file SAVED is created if the module
ends without an error.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

_SECONDS_TO_SAVE = 20.0  # saving 60,000 rows takes 3 s


def main() -> None:
    """Runs the module like `python -m`, then ends the processes that the module has started."""
    saved, *sys.argv = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status: int | str | None = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        status = ending.code
    if not status:
        Path(saved).touch()
    # The engine has started processes for functions, which must not run longer than the engine.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    sys.exit(status)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    # The whole group gets the signal, because the engine would wait for a function that is running.
    os.killpg(0, signal.SIGTERM)
    threading.Event().wait(_SECONDS_TO_SAVE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
