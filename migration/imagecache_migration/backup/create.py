"""Makes a backup: copies the rows and the originals of a stack into a folder.

Syncs, workers and sweeps may run meanwhile. A row is read at one moment, and its original right after it. If
the original is gone by then, the row is read again, so that the backup has the image either as it was before
the change or as it is after it.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from imagecache.errors import StoreUnavailableError
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.blobs import is_blob_of
from imagecache.stores.bulk_reads import Item
from imagecache.wiring import Wiring
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_migration.backup.folder import (
    BackupFolder,
    DamagedFileError,
    Entry,
    Manifest,
    original_name,
)
from imagecache_migration.backup.restore_record import RestoreRecords
from imagecache_migration.backup.stack_rows import CONTACTS, IMAGES, KINDS, StackRows, place_of, read_salt

Progress = Callable[[str, int], None]
"""Is called with a kind of rows and the number of further rows of this kind that are done."""

# The brake: fewer pictures than this may always disappear between two backups.
_MANY = 50
_LARGE_SHARE = 0.2
_READS_OF_A_ROW = 3
# All that is kept of an image whose original is lost. It is fetched again after a restore.
_KEPT_OF_A_LOST_IMAGE = {"imageKey", "sourceUrl", "lookedUpAt"}


@dataclass(slots=True)
class BackupReport:
    """The outcome of a backup.

    `rows` has the number of rows of each kind; the images may be pending, failed or forgotten, too, and the
    rows of contacts are those of `contacts` and of their identifiers. `lost` is the number of images whose
    original the stack does not have.
    """

    created_at: str
    rows: dict[str, int]
    contacts: int
    originals: int
    original_bytes: int
    new_originals: int
    new_bytes: int
    removed_files: int
    lost: int


@dataclass(frozen=True, slots=True)
class _Copied:
    """An image in the backup, and what was copied for it. `size` is that of its original in bytes."""

    entry: Entry
    size: int = 0
    is_new: bool = False
    is_lost: bool = False


@dataclass(slots=True)
class _Originals:
    """The originals of a backup: sizes of all and of the new ones by SHA-256, and the number of lost ones.

    Several images may have the same original, and may be copied at the same time, so that each or only one of
    them finds it new.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    new_sizes: dict[str, int] = field(default_factory=dict)
    lost: int = 0

    def add(self, copied: _Copied) -> None:
        if original := copied.entry.original:
            self.sizes[original] = copied.size
            if copied.is_new:
                self.new_sizes[original] = copied.size
        self.lost += copied.is_lost


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupMaker:
    """Copies the rows and originals of one stack into a folder, `at_once` originals in parallel."""

    wiring: Wiring
    restores: RestoreRecords
    at_once: int

    def back_up(self, folder: BackupFolder, *, force: bool, progress: Progress) -> BackupReport:
        """Replaces the backup in the folder by a new one. Originals that it has are not copied again.

        Unless `force` is True, raises SettingsError if the folder has the backup of another stack, and
        CommandError if the stack lacks many of its pictures. Raises StoreUnavailableError and OSError. After
        any error, the folder still has the last backup.
        """
        folder.prepare()
        with folder.locked(writes=True):
            previous = folder.manifest()
            salt = read_salt(self.wiring)
            if previous and not force:
                self._refuse_another_place(folder, previous, place_of(salt))
            known = _known_originals(folder, previous)
            originals = _Originals()
            files = {}
            for kind in KINDS:
                rows = StackRows(kind, self.wiring, at_once=self.at_once)
                if kind == IMAGES:
                    entries = self._images(rows, folder, salt, known, originals)
                else:
                    entries = (Entry(row) for page in rows.pages() for row in page)
                # If the disk is full, no further original is read.
                with closing(_counted(entries, partial(progress, kind))) as counted:
                    files[kind] = folder.put_rows(counted)
            if not force:
                _refuse_many_deletions(folder, known, originals)
            # The first picture of the stack, and so its salt, may have been stored meanwhile.
            place = place_of(salt or read_salt(self.wiring))
            manifest = Manifest(
                created_at=datetime.fromtimestamp(self.wiring.clock() / 1000, UTC).isoformat(
                    timespec="seconds"
                ),
                place=place,
                rows=files,
                originals=len(originals.sizes),
                original_bytes=sum(originals.sizes.values()),
            )
            folder.put_manifest(manifest)
            names = {*map(original_name, originals.sizes), *(file.name for file in files.values())}
            removed = folder.remove_all_but(names)
            contacts = sum("claimants" not in entry.row for entry in folder.entries(files[CONTACTS]))
        return BackupReport(
            created_at=manifest.created_at,
            rows={kind: file.rows for kind, file in files.items()},
            contacts=contacts,
            originals=manifest.originals,
            original_bytes=manifest.original_bytes,
            new_originals=len(originals.new_sizes),
            new_bytes=sum(originals.new_sizes.values()),
            removed_files=removed,
            lost=originals.lost,
        )

    def _refuse_another_place(self, folder: BackupFolder, previous: Manifest, place: str) -> None:
        """Raises SettingsError unless the stack was backed up, or restored, with this folder before.

        Otherwise the backup of a stack that was set up again, after it had lost everything, would replace the
        last backup of what was lost. A stack without a salt has stored no picture that could be lost.
        """
        restore = self.restores.read()
        is_restored = restore is not None and restore.is_complete and restore.backup == previous.sha256
        if previous.place not in {"", place} and not is_restored:
            raise SettingsError(
                f"{folder.path} has the backup of another stack, or of this one before it lost its data:"
                " choose another folder, or restore from this one first. --force replaces that backup"
            )

    def _images(
        self,
        rows: StackRows,
        folder: BackupFolder,
        salt: bytes | None,
        known: dict[str, bytes],
        originals: _Originals,
    ) -> Iterator[Entry]:
        """Yields the images, when their originals are in the folder."""

        def copy(row: Item) -> _Copied:
            return self._copy(row, rows, folder, salt, known)

        with ThreadPoolExecutor(self.at_once) as pool:
            for page in rows.pages():
                for copied in pool.map(copy, page):
                    originals.add(copied)
                    yield copied.entry

    def _copy(
        self,
        row: Item,
        rows: StackRows,
        folder: BackupFolder,
        salt: bytes | None,
        known: dict[str, bytes],
    ) -> _Copied:
        """Copies the original of an image into the folder, unless it is there already."""
        for _ in range(_READS_OF_A_ROW):
            if "blobId" not in row:
                return _Copied(Entry(row))
            blob = row["blobId"]["S"]
            sha256 = known[blob].hex() if blob in known else None
            size = folder.size_of_original(sha256) if sha256 else None
            if sha256 and size is not None and row.get("fileSize") == {"N": str(size)}:
                return _Copied(Entry(row, sha256), size)
            original = self._original(blob)
            if original is not None and (salt is None or is_blob_of(blob, salt, original)):
                sha256, is_new = folder.put_original(original)
                return _Copied(Entry(row, sha256), len(original), is_new)
            now = rows.read(row["imageKey"]["S"])
            if now is None or now.get("blobId") == row["blobId"]:
                break
            row = now
        return _Copied(Entry(_lost(row)), is_lost=True)

    def _original(self, blob: str) -> bytes | None:
        """Returns an original, or None if the stack does not have it. Raises StoreUnavailableError."""
        try:
            return self.wiring.blobs.original(blob)
        except StoreUnavailableError:
            if any(
                version.is_original and version.is_current for version in self.wiring.blobs.versions(blob)
            ):
                raise
            return None


def _counted(entries: Iterator[Entry], progress: Callable[[int], None]) -> Generator[Entry, None, None]:
    for entry in entries:
        yield entry
        progress(1)


def _lost(row: Item) -> Item:
    kept = {name: value for name, value in row.items() if name in _KEPT_OF_A_LOST_IMAGE}
    return {**kept, "status": {"S": "pending"}}


def _known_originals(folder: BackupFolder, previous: Manifest | None) -> dict[str, bytes]:
    """Returns the SHA-256 of each original in the last backup, by blob id.

    If the rows of that backup are damaged, none is known, and all originals are read again.
    """
    if previous is None:
        return {}
    try:
        return {
            entry.row["blobId"]["S"]: bytes.fromhex(entry.original)
            for entry in folder.entries(previous.rows[IMAGES])
            if entry.original
        }
    except DamagedFileError:
        return {}


def _refuse_many_deletions(folder: BackupFolder, known: dict[str, bytes], originals: _Originals) -> None:
    """Raises CommandError if the new backup lacks so many pictures of the last one that it looks wrong."""
    before = {sha256.hex() for sha256 in known.values()}
    gone = len(before - originals.sizes.keys())
    if is_too_much(gone, of=len(before), more_than=_MANY, share=_LARGE_SHARE):
        raise CommandError(
            f"the stack lacks {gone:,} of the {len(before):,} pictures in {folder.path}, which is kept:"
            " find out why, or add --force if they were deleted on purpose"
        )
