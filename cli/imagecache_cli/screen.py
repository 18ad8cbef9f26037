"""Answers go to stdout, everything else to stderr: a person reads both, a program only the first."""

import json
import sys
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.text import Text

from imagecache_cli.api import Json
from imagecache_cli.plain import plain

# A pipe has no width: rows are not broken for it.
_WIDTH_OF_A_PIPE = 240


@dataclass(frozen=True, slots=True)
class Screen:
    """`as_json`: stdout gets one JSON document and nothing else."""

    out: Console
    err: Console
    as_json: bool

    @classmethod
    def open(cls, *, as_json: bool) -> "Screen":
        return cls(out=_console(stderr=False), err=_console(stderr=True), as_json=as_json)

    def show(self, document: Json, shown: RenderableType) -> None:
        """The answer: as JSON, or as a person reads it."""
        if self.as_json:
            # ASCII: every control character of a title is escaped, and any locale prints it.
            print(json.dumps(document, indent=2))  # noqa: T201 - it is what was asked for
        else:
            self.out.print(shown)

    def note(self, text: str) -> None:
        """A line beside the answer."""
        self.err.print(Text(plain(text)))


def complain(text: str) -> None:
    """The one line that says what is wrong."""
    print(f"imagecache: {plain(text)}", file=sys.stderr)  # noqa: T201 - it is for the person


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_PIPE
    return console
