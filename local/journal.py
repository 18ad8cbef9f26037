"""Keeps named values in a folder so that they survive a kill and a power cut at any moment.

The folder contains numbered files. `snapshot-N` has all values, and `journal-N` what changed after that. When
a journal has become large, changes go to `journal-N+1`, and `snapshot-N` and `journal-N` are folded into
`snapshot-N+1`. The two files that were folded are kept until the next fold, for a snapshot that is damaged.

Each file consists of records. A record is written with one `fsync`, and is read completely or not at all:

    length of the content, CRC-32 of the content, CRC-32 of these two numbers (4 bytes each, little-endian)
    the content: key, value, key, value, ..., each in a line of its own

An empty value removes its key. Keys and values must not contain line breaks, which JSON never does. The last
record of a snapshot is empty.
"""

import contextlib
import fcntl
import os
import re
import shutil
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Final, Self

Values = dict[bytes, bytes]

_HEADER: Final = struct.Struct("<III")
_CHECKED: Final = struct.Struct("<II")  # the part of the header that its own checksum covers
_LEAST_BYTES_TO_FOLD = 16 * 2**20
_VALUES_PER_RECORD = 1000  # of a snapshot
_NAME = re.compile(r"(snapshot|journal)-(\d+)")


class JournalError(Exception):
    """The values cannot be read. The message says what a person can do."""


class End(Enum):
    """The ways in which a file of records can end."""

    WHOLE = auto()  # after a record
    CUT = auto()  # within a record, which was being written when the power failed
    DAMAGED = auto()  # a record, or what follows it, has been changed


def encode(changes: Mapping[bytes, bytes]) -> bytes:
    """Returns the record with these changes."""
    content = b"\n".join(line for change in changes.items() for line in change)
    checked = _CHECKED.pack(len(content), zlib.crc32(content))
    return checked + struct.pack("<I", zlib.crc32(checked)) + content


def _decode(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    lines = content.split(b"\n") if content else []
    return zip(lines[::2], lines[1::2], strict=True)


@dataclass(slots=True)
class _Reader:
    """Reads the records of a file, up to its end or the first record that is not whole."""

    data: memoryview
    offset: int = 0
    end: End = End.WHOLE

    def contents(self) -> Iterator[bytes]:
        """Yields the content of each whole record. Afterwards, `offset` is where the last of them ends."""
        while self.offset < len(self.data):
            header = bytes(self.data[self.offset : self.offset + _HEADER.size])
            if len(header) < _HEADER.size:
                self.end = End.CUT
                return
            length, checksum, header_checksum = _HEADER.unpack(header)
            if zlib.crc32(header[: _CHECKED.size]) != header_checksum:
                self.end = End.DAMAGED
                return
            start = self.offset + _HEADER.size
            content = bytes(self.data[start : start + length])
            if len(content) < length:
                self.end = End.CUT
                return
            if zlib.crc32(content) != checksum:
                self.end = End.DAMAGED
                return
            yield content
            self.offset = start + length


def _read_journal(file: Path, values: Values) -> _Reader:
    """Applies the whole records of a journal to `values`, and returns the reader at its end."""
    reader = _Reader(memoryview(file.read_bytes()))
    for content in reader.contents():
        for key, value in _decode(content):
            if value:
                values[key] = value
            else:
                values.pop(key, None)
    return reader


def _read_snapshot(file: Path) -> Values | None:
    """Returns the values of a snapshot, or None if it is damaged."""
    values: Values = {}
    reader = _Reader(memoryview(file.read_bytes()))
    for content in reader.contents():
        if not content:
            return values if reader.offset + _HEADER.size == len(reader.data) else None
        values.update(_decode(content))
    return None


def write_snapshot(folder: Path, number: int, values: Mapping[bytes, bytes]) -> None:
    """Writes `snapshot-<number>`, which appears complete or not at all."""
    file = folder / f"snapshot-{number}"
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("wb") as output:
        for some in _in_groups(values):
            output.write(encode(some))
        output.write(encode({}))
        output.flush()
        flush_to_disk(output.fileno())
    unfinished.rename(file)
    flush_folder(folder)


def _in_groups(values: Mapping[bytes, bytes]) -> Iterator[dict[bytes, bytes]]:
    group: dict[bytes, bytes] = {}
    for key, value in values.items():
        group[key] = value
        if len(group) == _VALUES_PER_RECORD:
            yield group
            group = {}
    if group:
        yield group


def flush_to_disk(descriptor: int) -> None:
    """Returns when the file is on the disk itself, and not only in the disk's cache."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, where fsync leaves the data in the disk's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


def flush_folder(folder: Path | str) -> None:
    """Makes the names of the files in this folder durable. Does nothing if the folder was deleted."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(slots=True)
class Journal:
    """An open folder of values. One thread at a time may call `write`, and one `fold` may run beside it.

    `values` are the values at the time of opening; the caller may empty it. `problems` are sentences for the
    person: what was damaged, and what became of it.
    """

    folder: Path
    values: Values
    problems: list[str]
    _first: int  # the number of the snapshot that the journals continue
    _last: int
    _descriptor: int = field(default=-1)
    _least_bytes_to_fold: int = _LEAST_BYTES_TO_FOLD

    @classmethod
    def open(cls, folder: Path, *, least_bytes_to_fold: int = _LEAST_BYTES_TO_FOLD) -> Self:
        """Opens the folder, which must exist, and reads its values.

        A damaged file is renamed and never changed. The values are those before the damage; a damaged
        snapshot is replaced by the two files from which it was made. Raises JournalError if that is not
        possible, and OSError if the disk cannot be read or written.
        """
        reading = _Reading(folder)
        reading.read()
        journal = cls(
            folder,
            reading.values,
            reading.problems,
            reading.first,
            reading.last,
            _least_bytes_to_fold=least_bytes_to_fold,
        )
        journal._open_last()
        return journal

    def write(self, changes: Mapping[bytes, bytes]) -> None:
        """Adds the changes in one record, and returns when it is on the disk. Raises OSError."""
        record = memoryview(encode(changes))
        while record:
            record = record[os.write(self._descriptor, record) :]
        flush_to_disk(self._descriptor)

    @property
    def must_fold(self) -> bool:
        """Returns True if the journal is larger than its snapshot and than 16 MiB."""
        return self._size("journal", self._last) > max(
            self._least_bytes_to_fold, self._size("snapshot", self._first)
        )

    def start_next(self) -> None:
        """Starts the next journal, so that the ones before can be folded."""
        os.close(self._descriptor)
        self._last += 1
        self._open_last()

    def fold(self) -> None:
        """Writes a snapshot of everything before the last journal, and deletes files that it supersedes."""
        values: Values = {}
        before, after = self._first, self._last
        if (snapshot := self.folder / f"snapshot-{before}").exists():
            values = _whole(_read_snapshot(snapshot), snapshot)
        for number in range(before, after):
            file = self.folder / f"journal-{number}"
            if _read_journal(file, values).end is not End.WHOLE:
                raise JournalError(f"{file} was changed while it was in use")
        write_snapshot(self.folder, after, values)
        self._first = after
        for file, number in _numbered(self.folder):
            if number < before:
                file.unlink()

    def close(self) -> None:
        """Closes the file. Everything that was written is on the disk already."""
        os.close(self._descriptor)

    def _open_last(self) -> None:
        file = self.folder / f"journal-{self._last}"
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        flush_folder(self.folder)

    def _size(self, kind: str, number: int) -> int:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / f"{kind}-{number}").stat().st_size
        return 0


def _whole(values: Values | None, file: Path) -> Values:
    if values is None:
        raise JournalError(f"{file} was changed while it was in use")
    return values


def _numbered(folder: Path) -> list[tuple[Path, int]]:
    """Returns the snapshots and journals of a folder with their numbers."""
    return [
        (file, int(name[2])) for file in folder.iterdir() if (name := _NAME.fullmatch(file.name)) is not None
    ]


class _Reading:
    """Finds the last good values of a folder, and puts damaged files aside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.values: Values = {}
        self.problems: list[str] = []
        self.first = 0
        self.last = 0

    def read(self) -> None:
        for unfinished in self._folder.glob("*.unfinished"):
            unfinished.unlink()
        self._read_last_snapshot()
        numbers = sorted(number for number in self._numbers("journal") if number >= self.first)
        self.last = numbers[-1] if numbers else self.first
        for expected, number in enumerate(numbers, self.first):
            if number != expected:
                self._put_aside(numbers, number, "the file that it continues is missing")
                return
            file = self._folder / f"journal-{number}"
            reader = _read_journal(file, self.values)
            if reader.end is End.DAMAGED or (reader.end is End.CUT and number != self.last):
                share = 100 * reader.offset // len(reader.data)
                self._put_aside(numbers, number, f"the first {share} % of it can be read")
                return
            if reader.end is End.CUT:
                # The power failed while it was written, so nobody was told that it had been.
                with file.open("r+b") as output:
                    output.truncate(reader.offset)
                    flush_to_disk(output.fileno())

    def _read_last_snapshot(self) -> None:
        """Reads the last snapshot that is not damaged."""
        numbers = sorted(self._numbers("snapshot"), reverse=True)
        for number in numbers:
            values = _read_snapshot(self._folder / f"snapshot-{number}")
            if values is not None:
                self.values, self.first = values, number
                break
        else:
            if numbers and not (self._folder / "journal-0").exists():
                raise self._nothing_readable()
        for number in numbers:
            if number > self.first:
                kept = self._rename(f"snapshot-{number}")
                self.problems.append(
                    f"a snapshot of the stored state is damaged and was kept as {kept}:"
                    " the state is read from the files of which it was made, and nothing is lost"
                )

    def _put_aside(self, numbers: list[int], damaged: int, reason: str) -> None:
        """Copies this journal and all later ones, and continues with a snapshot of the values before it.

        They are deleted only after that: if the disk is full, or the power fails, nothing is lost.
        """
        if not self.values:
            raise self._nothing_readable()
        aside = [number for number in numbers if number >= damaged]
        for number in aside:
            kept = self._copy(f"journal-{number}")
            self.problems.append(
                f"a journal of the stored state is damaged ({reason}) and was kept as {kept}:"
                " what changed after the damage is lost"
            )
            reason = "it continues a damaged one"
        self.first = self.last = self.last + 1
        write_snapshot(self._folder, self.first, self.values)
        for number in aside:
            (self._folder / f"journal-{number}").unlink()

    def _nothing_readable(self) -> JournalError:
        return JournalError(
            "the stored state is damaged, and nothing of it can be read. Nothing was changed: restore"
            f" {self._folder} from a backup, or move it away to start with nothing"
        )

    def _rename(self, name: str) -> Path:
        kept = self._kept(name)
        (self._folder / name).rename(kept)
        flush_folder(self._folder)
        return kept

    def _copy(self, name: str) -> Path:
        kept = self._kept(name)
        shutil.copyfile(self._folder / name, kept)
        with kept.open("rb") as copied:
            flush_to_disk(copied.fileno())
        return kept

    def _kept(self, name: str) -> Path:
        return self._folder / f"{name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"

    def _numbers(self, kind: str) -> set[int]:
        return {number for file, number in _numbered(self._folder) if file.name.startswith(kind)}
