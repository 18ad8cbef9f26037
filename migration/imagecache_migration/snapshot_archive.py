"""Reads a snapshot export, zipped or unpacked, without writing anything to the disk.

As nothing is unpacked, the names of an archive's members cannot do any harm. Every read has a limit, so what
a member inflates to cannot either.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from imagecache.errors import ImageCacheError

Document = dict[str, Any]

_SUPPORTED_COMPRESSION = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# The errors that a damaged zip file raises, depending on what in it is damaged.
_DAMAGE = (OSError, EOFError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most bytes that are read, whatever an archive contains."""

    # A Convex document has at most 1 MiB, and JSON may need six bytes for each of its bytes.
    line: int = 6 * 1024 * 1024
    # 5,000 chats with 60,000 participants are about 40 MB.
    table: int = 1024 * 1024 * 1024


DEFAULT_LIMITS = Limits()


class SnapshotError(ImageCacheError):
    """This cannot be read as a snapshot export. The message says what to do."""


class Archive(Protocol):
    """Files by their names, `folder/file`, and how much of them may be read."""

    names: frozenset[str]
    limits: Limits

    def open(self, name: str) -> io.BufferedReader: ...


class _Folder:
    """An unpacked snapshot."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.limits = limits
        self._root = root.resolve()
        self.names = frozenset(
            f"{file.parent.name}/{file.name}" for file in root.glob("*/*") if self._is_inside(file)
        )

    def _is_inside(self, file: Path) -> bool:
        """Returns whether this is a file of the snapshot, and not a link to a file outside."""
        return file.is_file() and file.resolve().is_relative_to(self._root)

    def open(self, name: str) -> io.BufferedReader:
        return (self._root / name).open("rb")


class _Zip:
    """A snapshot as it was downloaded."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.limits = limits
        self._archive = archive
        self.names = frozenset(archive.namelist())

    def open(self, name: str) -> io.BufferedReader:
        member = self._archive.getinfo(name)
        # Convex writes these methods. Others cannot be inflated in pieces, so a read could have no limit.
        if member.compress_type not in _SUPPORTED_COMPRESSION:
            raise zipfile.BadZipFile("unsupported method of compression")
        return io.BufferedReader(cast("io.RawIOBase", self._archive.open(member)))


@contextmanager
def open_archive(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Archive]:
    """Opens a snapshot, which several threads may then read. Raises SnapshotError."""
    if path.is_dir():
        yield _Folder(path, limits)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise SnapshotError(f"{error.strerror}: check the path") from error
    # A ZipFile that opens its file itself closes it after the last reader, and counts these without a lock.
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise SnapshotError("it is not a zip file, or only a part of one: export it again") from error
        yield _Zip(archive, limits)


def read_file(archive: Archive, name: str, *, most: int) -> bytes | None:
    """Returns the content of a file, or None if it cannot be read.

    At most `most + 1` bytes are returned: as many mean that the file has more than `most`.
    """
    try:
        with archive.open(name) as file:
            return file.read(most + 1)
    except _DAMAGE:
        return None


def read_documents(archive: Archive, name: str) -> Iterator[Document | None]:
    """Returns the JSON object of each line, or None for a line that is not one. Raises SnapshotError.

    The last line of a file that was cut short is not a JSON object, for example.
    """
    try:
        with archive.open(name) as file:
            for line in _lines(file, archive.limits):
                yield _document(line)
    except _DAMAGE as error:
        raise SnapshotError(f"{name} is damaged: export the snapshot again") from error


def _lines(file: io.BufferedReader, limits: Limits) -> Iterator[bytes]:
    """Returns the lines that are not empty. A line that is too long comes in pieces, which are not JSON."""
    bytes_left = limits.table
    while line := file.readline(limits.line):
        bytes_left -= len(line)
        if bytes_left < 0:
            raise SnapshotError(
                f"a table has more than {limits.table:,} bytes: check that it is the right snapshot"
            )
        if line.strip():
            yield line


def _document(line: bytes) -> Document | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
