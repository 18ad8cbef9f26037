"""Runs a command in a pseudo-terminal and answers its questions, as a person would."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60  # for a busy machine: a conversation takes two or three
CTRL_C = "\x03"
"""An answer that is not typed: as for Ctrl-C, the command and its children get SIGINT."""
# A shell starts programs in the background so that they ignore SIGINT, and their children do, too.
_HEEDING_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was on the screen in the end, and the command's exit code."""

    screen: str
    exit_code: int


def converse(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], answers: Sequence[tuple[str, str]]
) -> Conversation:
    """Runs the command. When a question, a regular expression, is on the screen, types its answer and Enter.

    Each question must come after the one before it. Fails if one is not asked within a minute.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own Makefile
        [sys.executable, "-c", _HEEDING_SIGINT, *command],
        cwd=folder,
        env=dict(environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    deadline = time.monotonic() + SECONDS
    screen = ""
    seen = 0  # where the last question that was answered ends
    remaining = list(answers)
    try:
        while time.monotonic() < deadline:
            while remaining and (question := re.compile(remaining[0][0]).search(screen, seen)):
                seen = question.end()
                _, answer = remaining.pop(0)
                if answer == CTRL_C:
                    os.killpg(process.pid, signal.SIGINT)
                else:
                    os.write(ours, f"{answer}\n".encode())
            if not (text := _read(ours, deadline)):
                break
            screen += text
        assert not remaining, f"never asked: {remaining}\n{screen}"
        return Conversation(screen, process.wait(SECONDS))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int, deadline: float) -> str:
    """Returns what was written next, or an empty text once nobody writes to the terminal any more."""
    ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
    try:
        return os.read(terminal, 65536).decode(errors="replace") if ready else ""
    except OSError:  # Linux: EIO after the last writer has closed it
        return ""
