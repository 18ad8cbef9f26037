"""Writes to the person at the terminal, one short line at a time."""

import contextlib
import sys
import time
from typing import TextIO

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Writes one line of progress to stderr, with the seconds since the program started."""
    _write(f"{time.monotonic() - _STARTED:6.1f} s  {text}\n", sys.stderr)


def complain(text: str) -> None:
    """Writes an error to stderr as one line."""
    _write(f"{' '.join(text.split())}\n", sys.stderr)


def announce(text: str) -> None:
    """Writes a line to stdout. Nothing else is written there, so that a program can wait for the line."""
    _write(f"{text}\n", sys.stdout)


def _write(text: str, stream: TextIO) -> None:
    # The terminal may be closed (SIGHUP), or the program that reads our pipe may have ended. This process
    # must still be able to stop cleanly.
    with contextlib.suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()
