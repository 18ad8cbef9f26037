"""Reads a snapshot export, zipped or unpacked, without writing anything to the disk.

A malicious archive can do no harm: its files are not unpacked, so their names do not matter, and every read
has a limit, so their uncompressed size does not matter either.
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
# The errors that reading a damaged zip file may raise.
_DAMAGE = (OSError, EOFError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Limits:
    """The maximum numbers of bytes that are read from an archive."""

    # A Convex document has at most 1 MiB, and JSON may need six bytes for each of its bytes.
    line: int = 6 * 1024 * 1024
    # 5,000 chats with 60,000 participants are about 40 MB.
    table: int = 1024 * 1024 * 1024


DEFAULT_LIMITS = Limits()


class SnapshotError(ImageCacheError):
    """A file or a folder is not a snapshot export, or is damaged. The message says what to do."""


class Archive(Protocol):
    """The files of a snapshot by their names (`folder/file`), and the limits for reading them."""

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
        """Returns True if this is a file in the folder, not a link to a file outside of it."""
        return file.is_file() and file.resolve().is_relative_to(self._root)

    def open(self, name: str) -> io.BufferedReader:
        return (self._root / name).open("rb")


class _Zip:
    """A snapshot as a zip file, as it was downloaded."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.limits = limits
        self._archive = archive
        self.names = frozenset(archive.namelist())

    def open(self, name: str) -> io.BufferedReader:
        member = self._archive.getinfo(name)
        # Convex uses these compression methods. Others cannot be read in pieces, so the limit would not work.
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
    # The file is opened here. Otherwise ZipFile would open it and close it after its last reader, and it
    # counts its readers without a lock, which is not safe with several threads.
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise SnapshotError("it is not a zip file, or only a part of one: export it again") from error
        yield _Zip(archive, limits)


def read_file(archive: Archive, name: str, *, most: int) -> bytes | None:
    """Returns the content of a file, or None if it is missing or damaged.

    Returns at most `most + 1` bytes, so that the caller can see that a file has more than `most`.
    """
    try:
        with archive.open(name) as file:
            return file.read(most + 1)
    except _DAMAGE:
        return None


def read_documents(archive: Archive, name: str) -> Iterator[Document | None]:
    """Yields the JSON object of each line, or None for a line that is not one. Raises SnapshotError.

    For example, the last line of a truncated file is not a JSON object.
    """
    try:
        with archive.open(name) as file:
            for line in _lines(file, archive.limits):
                yield _document(line)
    except _DAMAGE as error:
        raise SnapshotError(f"{name} is damaged: export the snapshot again") from error


def _lines(file: io.BufferedReader, limits: Limits) -> Iterator[bytes]:
    """Yields the lines that are not empty. A line that is too long is split, so that it is not valid JSON."""
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
