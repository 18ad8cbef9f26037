"""Progress for the person at the terminal: one short line per step, with the seconds since the start."""

import contextlib
import sys
import time
from typing import TextIO

_STARTED = time.monotonic()


def say(text: str) -> None:
    """One line of progress on stderr."""
    _write(f"{time.monotonic() - _STARTED:6.1f} s  {text}\n", sys.stderr)


def complain(text: str) -> None:
    """The one line that says what is wrong."""
    _write(f"{text}\n", sys.stderr)


def announce(text: str) -> None:
    """A line that programs may wait for: alone on stdout."""
    _write(f"{text}\n", sys.stdout)


def _write(text: str, stream: TextIO) -> None:
    # The terminal may be closed already (SIGHUP), or whoever read our pipe gone: stop cleanly all the same.
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()
