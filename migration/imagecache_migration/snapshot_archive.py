"""A snapshot export, zipped or unpacked, read where it lies.

Nothing is ever unpacked onto the disk, so what a member is called can do no harm; every read has an end, so
what it inflates to cannot either.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from imagecache.errors import ImageCacheError

Document = dict[str, Any]

# A Convex document ends at 1 MiB, and JSON may write each of its bytes as six.
_LONGEST_LINE = 6 * 1024 * 1024
# 5,000 chats and their 60,000 participants are about 40 MB.
_LARGEST_TABLE = 1024 * 1024 * 1024
# What a damaged zip raises, by the depth of the damage.
_BROKEN = (OSError, EOFError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error)


class SnapshotError(ImageCacheError):
    """This cannot be read as a snapshot export; the message says what to do."""


class Archive(Protocol):
    """Files by their names, `folder/file`."""

    names: frozenset[str]

    def open(self, name: str) -> io.BufferedReader: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.names = frozenset(
            f"{file.parent.name}/{file.name}" for file in root.glob("*/*") if self._is_own(file)
        )

    def _is_own(self, file: Path) -> bool:
        """A link must not lead to what is not of the snapshot."""
        return file.is_file() and file.resolve().is_relative_to(self._root)

    def open(self, name: str) -> io.BufferedReader:
        return (self._root / name).open("rb")


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = frozenset(archive.namelist())

    def open(self, name: str) -> io.BufferedReader:
        member = self._archive.getinfo(name)
        # What Convex writes; other methods hold what cannot be inflated in pieces.
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise zipfile.BadZipFile("unknown method of compression")
        return io.BufferedReader(cast("io.RawIOBase", self._archive.open(member)))


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """May be read by several threads. Raises SnapshotError."""
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise SnapshotError(f"it cannot be opened: {error.strerror}") from error
    # Opened by us: a zip that opened its file itself counts its readers, without a lock, to close it.
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise SnapshotError("this is no zip file, or a part of one: export it once more") from error
        yield _Zip(archive)


def read_file(archive: Archive, name: str, *, most: int) -> bytes | None:
    """At most `most + 1` bytes, which says that there are more; None when it cannot be read."""
    try:
        with archive.open(name) as file:
            return file.read(most + 1)
    except _BROKEN:
        return None


def read_documents(archive: Archive, name: str) -> Iterator[Document | None]:
    """One JSON object a line; None for each line that is none, as the last one of a file cut short.

    Raises SnapshotError.
    """
    try:
        with archive.open(name) as file:
            for line in _lines(file):
                yield _document(line)
    except _BROKEN as error:
        raise SnapshotError(f"{name} is damaged: export the snapshot once more") from error


def _lines(file: io.BufferedReader) -> Iterator[bytes]:
    """Lines that are too long come in pieces, none of which is JSON."""
    left = _LARGEST_TABLE
    while line := file.readline(_LONGEST_LINE):
        left -= len(line)
        if left < 0:
            raise SnapshotError("a table of more than 1 GB is none of a snapshot of chats")
        if line.strip():
            yield line


def _document(line: bytes) -> Document | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
