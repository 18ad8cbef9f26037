"""Makes the embedded engine (ministack) parse a projection expression once for each request.

ministack parses it again for each row, and compares each of its paths with all others. That takes longer than
all else which it does for a row of a scan or of a batch.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Row = dict[str, Any]
Project = Callable[[Row, str, Mapping[str, str]], Row]

_ALIASES_ONLY = re.compile(r"\s*#\w+\s*(,\s*#\w+\s*)*")


class _Parsed(NamedTuple):
    """An expression with the names of its request, and its attributes (None if ministack must parse it)."""

    expression: str
    names: Mapping[str, str]
    attributes: list[str] | None


def parse_projections_once() -> None:
    """Replaces the function with which ministack in this process projects a row."""
    from ministack.services import dynamodb  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a second

    dynamodb._project_item = parsing_once(dynamodb._project_item)


def parsing_once(project: Project) -> Project:
    """Wraps ministack's function, to which it leaves all expressions but lists of different aliases.

    Such a list, `#0,#1`, is what the stores and PynamoDB send.
    """
    last = _Parsed("", {}, None)

    def project_with_last(row: Row, expression: str, names: Mapping[str, str]) -> Row:
        nonlocal last
        parsed = last
        # All rows of a request come with the same mapping, and no other can take its place in memory as long
        # as it is referred to here.
        if parsed.names is not names or parsed.expression != expression:
            parsed = last = _Parsed(expression, names, _attributes(expression, names))
        if parsed.attributes is None:
            return project(row, expression, names)
        return {name: row[name] for name in parsed.attributes if name in row}

    return project_with_last


def _attributes(expression: str, names: Mapping[str, str]) -> list[str] | None:
    """Returns the attributes that an expression names, or None if it is not a list of different aliases."""
    if not _ALIASES_ONLY.fullmatch(expression):
        return None
    aliases = [alias.strip() for alias in expression.split(",")]
    attributes = [names[alias] for alias in aliases if alias in names]
    return attributes if len(aliases) == len(set(attributes)) else None
