"""Reads a snapshot export, zipped or unpacked, without writing anything to the disk.

A malicious archive can do no harm: its files are not unpacked, so their names do not matter, and every read
has a limit, so their uncompressed size does not matter either.

A snapshot that was unpacked and zipped again often has a folder around its files, names that begin with `./`
or have backslashes, and files that macOS has added. It is found all the same.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from imagecache.errors import ImageCacheError

Document = dict[str, Any]

_SUPPORTED_COMPRESSION = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 1
_FIRST_FILES = ("_storage/documents.jsonl", "cachedImages/documents.jsonl", "beeperChats/documents.jsonl")
# A snapshot's own files are two levels deep. The others are folders around it.
_DEEPEST = 5
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


class _UnreadableMethodError(zipfile.BadZipFile):
    """A file in a zip archive is in a form that is not read. The message completes "it is damaged or ..."."""


class _Folder:
    """An unpacked snapshot, or a folder that contains one."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.limits = limits
        self._root = root.resolve()
        files = (file for depth in range(1, _DEEPEST + 1) for file in root.glob("/".join("*" * depth)))
        self._paths = _names_in_snapshot(
            str(file.relative_to(root)) for file in files if self._is_inside(file)
        )
        self.names = frozenset(self._paths)

    def _is_inside(self, file: Path) -> bool:
        """Returns True if this is a file in the folder, not a link to a file outside of it."""
        return file.is_file() and file.resolve().is_relative_to(self._root)

    def open(self, name: str) -> io.BufferedReader:
        return (self._root / self._paths[name]).open("rb")


class _Zip:
    """A snapshot as a zip file, as it was downloaded or zipped again."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.limits = limits
        self._archive = archive
        self._members = _names_in_snapshot(archive.namelist())
        self.names = frozenset(self._members)

    def open(self, name: str) -> io.BufferedReader:
        member = self._archive.getinfo(self._members[name])
        if member.flag_bits & _ENCRYPTED:
            raise _UnreadableMethodError("encrypted")
        # Convex uses these compression methods. Others cannot be read in pieces, so the limit would not work.
        if member.compress_type not in _SUPPORTED_COMPRESSION:
            raise _UnreadableMethodError("compressed by another method than Deflate")
        return io.BufferedReader(cast("io.RawIOBase", self._archive.open(member)))


def _names_in_snapshot(names: Iterable[str]) -> dict[str, str]:
    """Returns the names of all files within the snapshot (`folder/file`), with their names in the archive.

    Raises SnapshotError if the archive contains several snapshots.
    """
    by_path = {path: name for name in names if (path := _path(name))}
    root = _root(by_path)
    return {path.removeprefix(root): name for path, name in by_path.items() if path.startswith(root)}


def _path(name: str) -> str:
    """Returns the name with slashes and without `.`, or "" for a folder and for what macOS has added."""
    parts = [part for part in name.replace("\\", "/").split("/") if part != "."]
    is_added = "__MACOSX" in parts or parts[-1:] == [".DS_Store"] or parts[-1].startswith("._")
    return "" if is_added or not parts[-1] else "/".join(parts)


def _root(paths: Iterable[str]) -> str:
    """Returns the folder that contains the snapshot, with a slash at its end, or "" if there is none.

    Of folders within each other, the outer one is the snapshot. Raises SnapshotError.
    """
    listed = list(paths)
    for first_file in _FIRST_FILES:
        roots = {path.removesuffix(first_file) for path in listed if f"/{path}".endswith(f"/{first_file}")}
        least = min((root.count("/") for root in roots), default=0)
        outer = sorted(root for root in roots if root.count("/") == least)
        if len(outer) > 1:
            raise SnapshotError(
                f"it contains {len(outer)} snapshots, such as {outer[0]} and {outer[1]}:"
                " import each on its own"
            )
        if outer:
            return outer[0]
    zipped = next((path for path in listed if path.lower().endswith(".zip")), None)
    if zipped:
        raise SnapshotError(f"it contains {zipped}, but no unpacked snapshot: import that file instead")
    return ""


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
            for line in _lines(file, name, archive.limits):
                yield _document(line)
    except _UnreadableMethodError as error:
        raise SnapshotError(
            f"{name} is damaged or {error}: unpack the file and import the folder, or export it again"
        ) from error
    except _DAMAGE as error:
        raise SnapshotError(f"{name} is damaged: export the snapshot again") from error


def _lines(file: io.BufferedReader, name: str, limits: Limits) -> Iterator[bytes]:
    """Yields the lines that are not empty. A line that is too long is split, so that it is not valid JSON."""
    bytes_left = limits.table
    while line := file.readline(limits.line):
        bytes_left -= len(line)
        if bytes_left < 0:
            raise SnapshotError(
                f"{name} has more than {limits.table:,} bytes: check that it is the right snapshot"
            )
        if line.strip():
            yield line


def _document(line: bytes) -> Document | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
