"""Prints answers on stdout and everything else on stderr: a program reads only stdout, a person both."""

import json
import sys
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.text import Text

from imagecache_cli.api import Json
from imagecache_cli.plain import plain

# A pipe has no width, and rows must not be wrapped for it.
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

    def show(self, document: Json, shown: RenderableType) -> None:
        """Prints the answer: `document` as JSON, or `shown` for a person."""
        if self.as_json:
            # json.dumps escapes everything beyond ASCII: titles cannot control the terminal.
            print(json.dumps(document, indent=2))  # noqa: T201 - the command's answer
        else:
            self.out.print(shown)

    def note(self, text: str) -> None:
        """Prints a line on stderr, beside the answer."""
        self.err.print(Text(plain(text)))


def complain(text: str) -> None:
    """Prints the one line that says what is wrong."""
    print(f"imagecache: {plain(text)}", file=sys.stderr)  # noqa: T201 - the command's error


def _console(*, stderr: bool) -> Console:
    # Titles may contain what rich takes for markup, emoji codes or numbers to colour.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    return console
