"""`python -m local.child SAVED MODULE ARGUMENTS...`: runs a module that ends when its parent does.

Our parent holds the other end of stdin. However it dies, SIGKILL included, that pipe closes: then this
process, and all that it started, is asked to stop. SAVED is touched once the module ended by itself.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

_PATIENCE = 20.0  # seconds to save the state: 60,000 rows take 3


def main() -> None:
    """Run the module as `python -m` would."""
    saved, *sys.argv = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status: int | str | None = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        status = ending.code
    if not status:
        Path(saved).touch()
    # Whatever the module started (the functions of the engine) must not outlive it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    sys.exit(status)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    # To the whole group: a function at work would be waited for.
    os.killpg(0, signal.SIGTERM)
    threading.Event().wait(_PATIENCE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
