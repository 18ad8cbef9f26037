"""Runs a module that ends when its parent does: `python -m local.child MODULE ARGUMENTS...`.

The parent holds the other end of this process's stdin. When the parent dies, even by SIGKILL, that pipe
closes, and this process sends SIGTERM to its process group.
"""

import os
import runpy
import signal
import sys
import threading

_SECONDS_TO_STOP = 20.0


def main() -> None:
    """Runs the module like `python -m`, then ends the processes that the module has started."""
    del sys.argv[0]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status: int | str | None = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        status = ending.code
    # The engine has started processes for functions, which must not run longer than the engine.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    sys.exit(status)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    # The whole group gets the signal, because the engine would wait for a function that is running.
    os.killpg(0, signal.SIGTERM)
    threading.Event().wait(_SECONDS_TO_STOP)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
