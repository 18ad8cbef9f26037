"""Prints answers on stdout and everything else on stderr, because programs read only stdout."""

import json
import sys
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.text import Text

from imagecache_cli.api import Json
from imagecache_cli.plain import plain

# A pipe has no width. This is wide enough that no row is wrapped.
_PIPE_COLUMNS = 240


@dataclass(frozen=True, slots=True)
class Screen:
    """The two output streams. With `as_json`, stdout gets one JSON document and nothing else."""

    out: Console
    err: Console
    as_json: bool

    @classmethod
    def open(cls, *, as_json: bool) -> "Screen":
        return cls(out=_console(stderr=False), err=_console(stderr=True), as_json=as_json)

    def show(self, document: Json, shown: RenderableType, *, wraps: bool = True) -> None:
        """Prints the answer: `document` as JSON, or `shown` for a person.

        Without `wraps` only the terminal breaks long lines, so that a person can copy each as a whole.
        """
        if self.as_json:
            # json.dumps escapes everything beyond ASCII, so that titles cannot control the terminal.
            print(json.dumps(document, indent=2))  # noqa: T201 - the command's answer
        else:
            self.out.print(shown, soft_wrap=not wraps)

    def note(self, text: str) -> None:
        """Prints a line on stderr that is not part of the answer."""
        self.err.print(Text(plain(text)))


def complain(text: str) -> None:
    """Prints an error as one line on stderr."""
    print(f"imagecache: {plain(text)}", file=sys.stderr)  # noqa: T201 - the command's error


def _console(*, stderr: bool) -> Console:
    # Titles may contain texts that rich would change: markup, emoji codes, and numbers that it colours.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    return console
