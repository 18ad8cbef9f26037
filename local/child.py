"""Runs a module that ends when its parent does: `python -m local.child SAVED MODULE ARGUMENTS...`.

Our parent holds the other end of stdin. However the parent dies, even of SIGKILL, that pipe closes: then this
process and everything that it started is asked to stop. The file SAVED is made when the module has ended by
itself.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

_SECONDS_TO_SAVE = 20.0  # saving 60,000 rows takes 3 s


def main() -> None:
    """Runs the module as `python -m` would, then ends what it has started."""
    saved, *sys.argv = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status: int | str | None = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        status = ending.code
    if not status:
        Path(saved).touch()
    # The functions that the engine has started must not outlive it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    sys.exit(status)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    # The functions are asked, too, because the engine would wait for one that is at work.
    os.killpg(0, signal.SIGTERM)
    threading.Event().wait(_SECONDS_TO_SAVE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
