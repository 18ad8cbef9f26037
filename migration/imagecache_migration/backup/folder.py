"""A backup on disk: a manifest, the rows of three tables, and the originals of pictures.

    manifest.json                          names the files of `rows/` by their SHA-256
    rows/<SHA-256>.jsonl.gz                a row on each line, with the SHA-256 of its original
    originals/<first two digits>/<SHA-256> an original exactly as it was downloaded

A file is named after its content, so it never changes, and a later backup writes only files that are new. A
backup writes the manifest last, and then removes the files that the manifest no longer names. So whenever it
is cut, the folder holds either the last backup or the new one.
"""

import errno
import gzip
import hashlib
import json
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from imagecache.stores.bulk_reads import Item
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_migration.backup.stack_rows import KINDS

FORMAT = 1
"""The version of the layout. It is raised when an older version of this program could not read a backup."""

MANIFEST = "manifest.json"
_ROWS = "rows"
_ORIGINALS = "originals"
_TEMPORARY = ".new-"  # the names of files that are being written begin with this
_OWN_FILES = re.compile(r"rows/[0-9a-f]{64}\.jsonl\.gz|originals/[0-9a-f]{2}/[0-9a-f]{64}|(.*/)?\.new-[^/]*")
_SHA256 = re.compile("[0-9a-f]{64}")
_CHUNK = 1024 * 1024
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EACCES}


class DamagedFileError(CommandError):
    """A file of the backup is missing, or its content does not have the SHA-256 in the manifest."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} is {problem}: use another copy of the backup, or back up again")
        self.name = name
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a table in DynamoDB's own JSON, and the SHA-256 of its original if there is one."""

    row: Item
    original: str | None = None


@dataclass(frozen=True, slots=True)
class RowsFile:
    """A file with rows: its SHA-256, its size in bytes, and the number of its rows."""

    sha256: str
    bytes: int
    rows: int

    @property
    def name(self) -> str:
        """The path of the file in the folder."""
        return _rows_name(self.sha256)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of everything that a backup contains. `created_at` is in ISO 8601.

    `place` is a hash of the salt of the stack, by which a later backup recognises that stack. It is empty if
    the stack had no salt.
    """

    created_at: str
    place: str
    rows: dict[str, RowsFile]
    originals: int
    original_bytes: int

    @property
    def sha256(self) -> str:
        """The SHA-256 of all other fields. It identifies the backup."""
        return hashlib.sha256(json.dumps(self._fields(), sort_keys=True).encode()).hexdigest()

    def document(self) -> str:
        """Returns the content of manifest.json."""
        return json.dumps({**self._fields(), "sha256": self.sha256}, indent=1) + "\n"

    def _fields(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "createdAt": self.created_at,
            "place": self.place,
            "rows": {table: asdict(file) for table, file in self.rows.items()},
            "originals": {"count": self.originals, "bytes": self.original_bytes},
        }


def original_name(sha256: str) -> str:
    """Returns the path of an original in the folder."""
    return f"{_ORIGINALS}/{sha256[:2]}/{sha256}"


def _rows_name(sha256: str) -> str:
    return f"{_ROWS}/{sha256}.jsonl.gz"


class BackupFolder:
    """Reads and writes the files of a backup. Every method raises OSError if the disk refuses.

    Several threads may read and write originals at the same time. Only the owner may read what is written,
    because it has the names and phone numbers of contacts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changed: set[Path] = set()

    @contextmanager
    def locked(self, *, writes: bool) -> Iterator[None]:
        """Prevents that another process writes into the folder until the end of the block.

        Raises SettingsError if one does, or if there is no such folder.
        """
        if not self.path.is_dir():
            raise SettingsError(f"there is no folder {self.path}: check the path")
        try:
            import fcntl  # noqa: PLC0415 - Windows has no such module
        except ModuleNotFoundError:
            yield
            return
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            with _unless_unsupported():
                fcntl.flock(descriptor, (fcntl.LOCK_EX if writes else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise SettingsError(f"another command uses {self.path} now: wait until it has ended") from error
        try:
            yield
        finally:
            os.close(descriptor)

    def prepare(self) -> None:
        """Creates the folder if it is missing. Raises SettingsError if it contains anything but a backup."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _folder_to_disk(self.path.parent)
        if (self.path / MANIFEST).exists():
            return
        # A first backup that was cut has left these.
        foreign = [
            entry.name
            for entry in self.path.iterdir()
            if entry.name not in {_ROWS, _ORIGINALS}
            and not entry.name.startswith(_TEMPORARY)
            and not _is_of_the_system(entry.name)
        ]
        if foreign:
            raise SettingsError(
                f"{self.path} is not a backup, and not empty ({min(foreign)}): choose another folder"
            )

    def manifest(self) -> Manifest | None:
        """Returns the manifest, or None if the folder has none.

        Raises SettingsError if it is damaged, or of a later version.
        """
        try:
            text = (self.path / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        try:
            content = json.loads(text)
            version = int(content["format"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise self._damaged_manifest() from error
        if version > FORMAT:
            raise SettingsError(
                f"{self.path} was written by a later version (format {version}): update this clone"
            )
        try:
            manifest = Manifest(
                created_at=content["createdAt"],
                place=content["place"],
                rows={table: RowsFile(**file) for table, file in content["rows"].items()},
                originals=content["originals"]["count"],
                original_bytes=content["originals"]["bytes"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged_manifest() from error
        if manifest.sha256 != content.get("sha256") or not _names_all_rows(manifest):
            raise self._damaged_manifest()
        return manifest

    def complete_manifest(self) -> Manifest:
        """Returns the manifest. Raises SettingsError if there is none, or as `manifest` does."""
        manifest = self.manifest()
        if manifest is None:
            raise SettingsError(
                f"{self.path} has no complete backup: check the path, or run `imagecache backup` first"
            )
        return manifest

    def check_rows(self, file: RowsFile) -> None:
        """Raises DamagedFileError if the file is missing or damaged."""
        self._check(file.name, file.sha256)

    def entries(self, file: RowsFile) -> Iterator[Entry]:
        """Yields the rows of the file. Raises DamagedFileError, before the first one, if it is damaged."""
        self.check_rows(file)
        with gzip.open(self.path / file.name, "rb") as lines:
            try:
                for line in lines:
                    yield _entry(line)
            except (gzip.BadGzipFile, EOFError, zlib.error, ValueError, RecursionError) as error:
                # Somebody has changed the file, its name and the manifest.
                raise DamagedFileError(file.name, "damaged") from error

    def check_original(self, sha256: str) -> int:
        """Returns the size of an original in bytes. Raises DamagedFileError if it is missing or damaged."""
        return self._check(original_name(sha256), sha256)

    def original(self, sha256: str) -> bytes:
        """Returns an original. Raises DamagedFileError if it is missing or damaged."""
        name = original_name(sha256)
        try:
            content = (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise DamagedFileError(name, "missing") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedFileError(name, "damaged")
        return content

    def size_of_original(self, sha256: str) -> int | None:
        """Returns the size of an original in bytes, or None if it is missing."""
        try:
            return (self.path / original_name(sha256)).stat().st_size
        except FileNotFoundError:
            return None

    def files(self) -> Iterator[str]:
        """Yields the path of each file in the folder, except those that macOS adds."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                if not _is_of_the_system(name):
                    yield Path(folder, name).relative_to(self.path).as_posix()

    # --- writes

    def put_original(self, content: bytes) -> tuple[str, bool]:
        """Stores an original, and returns its SHA-256 and whether it is new."""
        sha256 = hashlib.sha256(content).hexdigest()
        if self.size_of_original(sha256) == len(content):
            return sha256, False
        with self._new_file((self.path / original_name(sha256)).parent, original_name) as file:
            file.write(content)
        return sha256, True

    def put_rows(self, entries: Iterable[Entry]) -> RowsFile:
        """Stores rows, and returns the file that has them."""
        count = 0
        with (
            self._new_file(self.path / _ROWS, _rows_name) as file,
            # Without a name and a time, the same rows make the same file.
            gzip.GzipFile("", "wb", 6, cast("IO[bytes]", file), mtime=0) as lines,
        ):
            for entry in entries:
                lines.write(_line(entry))
                count += 1
        return RowsFile(file.sha256, file.bytes, count)

    def put_manifest(self, manifest: Manifest) -> None:
        """Replaces the manifest, which makes the new backup the current one."""
        # The names of all files must be on the disk before the manifest that names them.
        for folder in sorted(self._changed):
            _folder_to_disk(folder)
        with self._new_file(self.path, lambda _: MANIFEST) as file:
            file.write(manifest.document().encode())
        _folder_to_disk(self.path)

    def remove_all_but(self, names: Collection[str]) -> int:
        """Removes the files of earlier and of interrupted backups, and returns their number.

        Files that are not in `names` remain if no backup would write files with such names.
        """
        superseded = [
            name for name in self.files() if name not in names and name != MANIFEST and is_own_file(name)
        ]
        for name in superseded:
            (self.path / name).unlink()
        return len(superseded)

    def _check(self, name: str, sha256: str) -> int:
        computed = hashlib.sha256()
        size = 0
        try:
            with (self.path / name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    computed.update(chunk)
                    size += len(chunk)
        except FileNotFoundError as error:
            raise DamagedFileError(name, "missing") from error
        if computed.hexdigest() != sha256:
            raise DamagedFileError(name, "damaged")
        return size

    def _damaged_manifest(self) -> SettingsError:
        return SettingsError(
            f"{self.path / MANIFEST} is damaged: use another copy of this folder. To begin a new backup here,"
            " delete that file"
        )

    @contextmanager
    def _new_file(self, folder: Path, name: Callable[[str], str]) -> Iterator["_HashedFile"]:
        """Opens a new file, which has its name, made from its SHA-256, when its content is on the disk.

        Until then it is a temporary file in `folder`.
        """
        parents = [parent for parent in folder.parents if parent.is_relative_to(self.path)]
        for each in [*reversed(parents), folder]:
            each.mkdir(mode=0o700, exist_ok=True)  # with `parents`, the parents would get another mode
        self._changed |= {folder, *parents}
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=_TEMPORARY)
        try:
            with os.fdopen(descriptor, "wb") as file:
                hashed = _HashedFile(file)
                yield hashed
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path / name(hashed.sha256))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise


def is_own_file(name: str) -> bool:
    """Returns True if a backup writes files with such names."""
    return _OWN_FILES.fullmatch(name) is not None


class _HashedFile:
    """A file that counts and hashes what is written into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far."""
        return self._hash.hexdigest()

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        self.bytes += len(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def _names_all_rows(manifest: Manifest) -> bool:
    return manifest.rows.keys() >= {*KINDS} and all(
        _is_sha256(file.sha256) for file in manifest.rows.values()
    )


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _entry(line: bytes) -> Entry:
    """Returns the row on a line. Raises ValueError if `_line` has not written it."""
    content = json.loads(line)
    if not isinstance(content, dict) or not isinstance(content.get("row"), dict):
        raise ValueError("there is no row")
    original = content.get("original")
    if original is not None and not _is_sha256(original):
        raise ValueError("the original has no name")
    return Entry(content["row"], original)


def _line(entry: Entry) -> bytes:
    content: dict[str, Any] = {"row": entry.row}
    if entry.original:
        content["original"] = entry.original
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _folder_to_disk(folder: Path) -> None:
    with _unless_unsupported():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _unless_unsupported() -> Iterator[None]:
    """Ignores that a file system, for example of a server, can neither lock nor synchronise a folder.

    Windows cannot even open one.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _is_of_the_system(name: str) -> bool:
    """Returns True for files that macOS adds to folders that it shows, or that are on foreign disks."""
    return name == ".DS_Store" or name.startswith("._")
