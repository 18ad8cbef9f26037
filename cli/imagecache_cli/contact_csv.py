"""Reads CSV files as spreadsheets and address books write them: a line of column names, then the contacts."""

import csv
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from imagecache_cli.contact_columns import COLUMNS, KINDS, ContactEntry, column
from imagecache_cli.errors import SettingsError

# Spreadsheets write semicolons in countries where the comma separates decimals, and tabs as "Unicode text".
_DELIMITERS = (",", ";", "\t")
# Excel's own hint in the first line, such as `sep=;`.
_HINT = re.compile(r'\s*"?sep=(.)"?[\s,;]*', re.IGNORECASE)

# The limit of Python's module, which most programs share. No field of a contact may be as long.
_MOST_CHARS = 131_072


def read_csv(text: str, file_name: str) -> Iterator[ContactEntry]:
    """Yields the contacts, numbered by their line. Unknown columns are ignored. Raises SettingsError.

    A row that is not CSV is yielded with a problem, and the next row is read from the next line.
    """
    # Only CR and LF end a line. Other characters that Python treats as line ends may be part of a name.
    lines = list(io.StringIO(text, newline=""))
    with _fields_of_any_length():
        first, delimiter, columns = _header(lines, file_name)
        position = first + 1
        while position < len(lines):
            record, length = _record(lines, position, delimiter)
            entry = ContactEntry(position + 1)
            if record is None:
                entry.problem = (
                    "the row has an opening quotation mark, but no closing one: add it, "
                    'or write "" for a quotation mark within a text'
                )
                yield entry
            elif any(value.strip() for value in record):
                # Rows may be shorter than the header or longer, because many programs omit empty cells at
                # the end.
                for name, value in zip(columns, record, strict=False):
                    entry.add_cell(name, value)
                entry.problem = _length_problem(record)
                yield entry
            position += length


def _header(lines: list[str], file_name: str) -> tuple[int, str, list[str]]:
    """Returns the index of the line of column names, the delimiter, and the meaning of each column.

    Raises SettingsError if the first line that is not empty has no names of identifiers. It is then probably
    a contact.
    """
    hinted: str | None = None
    for index, line in enumerate(lines):
        match = _HINT.fullmatch(line)
        if match and hinted is None:
            hinted = match[1]
        elif line.strip(" \t\r\n,;\ufeff"):
            options = [_columns(lines, index, delimiter) for delimiter in (hinted, *_DELIMITERS) if delimiter]
            best = max(options, key=lambda option: sum(map(bool, option[2])))
            if set(best[2]) & {*KINDS, "participantIds"}:
                return best
            break
    raise SettingsError(f"{file_name} must begin with a line of column names, some of {', '.join(COLUMNS)}")


def _columns(lines: list[str], index: int, delimiter: str) -> tuple[int, str, list[str]]:
    record, length = _record(lines, index, delimiter)
    return index + length - 1, delimiter, [column(name) for name in record or []]


def _record(lines: list[str], position: int, delimiter: str) -> tuple[list[str] | None, int]:
    """Returns the values of the row that begins at this line, and how many lines it has.

    A quoted value may contain line ends. Without its closing quotation mark it would contain all rows up to
    the next mark: such a row is returned as None, with one line. Spaces before a quotation mark are left out.
    """
    # Python refuses this option with a space as the delimiter.
    without_spaces = delimiter != " "
    following = (lines[index] for index in range(position, len(lines)))
    reader = csv.reader(following, delimiter=delimiter, strict=True, skipinitialspace=without_spaces)
    try:
        return next(reader), reader.line_num
    except csv.Error as error:
        # Text after a closing quotation mark is understood if the value ends on its own line.
        if reader.line_num > 1 or "end of data" in str(error):
            return None, 1
    return next(csv.reader([lines[position]], delimiter=delimiter, skipinitialspace=without_spaces)), 1


def _length_problem(record: list[str]) -> str:
    """Returns the problem of a row with an implausibly long value, also in a column that is not read."""
    for number, value in enumerate(record, start=1):
        if len(value) > _MOST_CHARS:
            limit = f"at most {_MOST_CHARS:,} are read"
            return f"cell {number} has {len(value):,} characters, and {limit}: shorten it"
    return ""


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Lifts the limit that Python's csv module has for the length of a field.

    With the limit, one long field would make the module refuse the whole file instead of one row.
    """
    previous = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(previous)
