"""Restores a backup into a stack: the originals, new thumbnails of them, and the rows.

The blob ids are made with the salt of that stack, so the backup contains no salt. The objects of an image are
stored before its row. What the stack has already is kept, so a restore that was interrupted is continued by
the same command. Only an image that was forgotten in another stack is forgotten in this one, too.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TypeVar

from imagecache.errors import ImageFailedError, NotFoundError
from imagecache.imaging.pictures import render
from imagecache.model.contact import Identifier, IdentifierKind
from imagecache.model.image import Blob, ImageRecord, ImageStatus
from imagecache.parallel import in_parallel
from imagecache.stores.batches import item_of
from imagecache.stores.bulk_reads import Item, batch_get
from imagecache.stores.contacts import identifier_row_key
from imagecache.stores.images.row import ImageRow
from imagecache.stores.images.views import view_text
from imagecache.wiring import Wiring
from imagecache_cli.errors import SettingsError
from imagecache_migration.backup.create import Progress
from imagecache_migration.backup.folder import BackupFolder, DamagedFileError, Entry, Manifest
from imagecache_migration.backup.restore_record import Restore, RestoreRecords
from imagecache_migration.backup.stack_rows import (
    CONTACTS,
    IMAGES,
    KINDS,
    PEOPLE,
    StackRows,
    place_of,
    read_salt,
)
from imagecache_migration.outcomes import CodeWithMeaning

T = TypeVar("T")

_ROWS_AT_ONCE = 100


class Outcome(CodeWithMeaning):
    """The outcome of an image in the backup. `meaning` is for people."""

    RESTORED = "restored", "restored"
    ALREADY_THERE = "already_there", "it was here before, and is left as it is"
    FORGOTTEN = "forgotten", "it was forgotten here, and is not brought back"
    FORGOTTEN_NOW = "forgotten_now", "it was forgotten in the backup, so it was forgotten here, too"
    HELD = "held", "a worker has it now: run this again in a minute"
    DAMAGED = "damaged", "its file in the backup is damaged or missing: `imagecache backup verify` names it"
    UNDECODABLE = "undecodable", "its file in the backup cannot be decoded any more"

    @property
    def is_left_out(self) -> bool:
        """True if the image should have been restored but was not."""
        return self in {Outcome.HELD, Outcome.DAMAGED, Outcome.UNDECODABLE}


@dataclass(slots=True)
class RestoreReport:
    """Counts what was restored: images by outcome, the bytes of their originals, and rows of other kinds."""

    created_at: str
    images: dict[Outcome, int] = field(default_factory=dict)
    original_bytes: int = 0
    contacts: int = 0
    people: int = 0

    @property
    def has_left_out(self) -> bool:
        """True if an image should have been restored but was not."""
        return any(outcome.is_left_out for outcome in self.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorer:
    """Restores a backup into one stack, `at_once` images in parallel."""

    wiring: Wiring
    restores: RestoreRecords
    at_once: int

    def restore(self, folder: BackupFolder, *, merge: bool, progress: Progress) -> RestoreReport:
        """Restores the backup in the folder.

        Raises SettingsError, before anything is written, if the stack is not empty. It may be if `merge` is
        True, or if an earlier restore of this backup was interrupted or has left something out. Raises
        DamagedFileError, before anything is written, if a file with rows is damaged. Raises
        StoreUnavailableError and OSError.
        """
        with folder.locked(writes=False):
            manifest = folder.complete_manifest()
            for kind in KINDS:
                folder.check_rows(manifest.rows[kind])
            begun = self._begin(manifest, merge=merge)
            report = RestoreReport(manifest.created_at)
            # Images are first: a sync meanwhile would queue those that it does not find.
            self._restore_images(folder, manifest, report, progress, forgets=not self._made(manifest))
            self._restore_people(folder, manifest, report, progress)
            self._restore_contacts(folder, manifest, report, progress)
        if not report.has_left_out:
            self.restores.write(Restore(begun.backup, begun.begun_at, self.wiring.clock()))
        return report

    def _begin(self, manifest: Manifest, *, merge: bool) -> Restore:
        """Records that a restore has begun. Raises SettingsError if the stack is in use."""
        last = self.restores.read()
        if last and last.backup == manifest.sha256 and not last.is_complete:
            return last
        if last and last.backup == manifest.sha256 and not merge:
            raise SettingsError(
                "this backup was restored here already, and completely: there is nothing to do."
                " --merge brings back what was deleted since then"
            )
        if not merge and not all(self._rows(kind).is_empty() for kind in KINDS):
            raise SettingsError(
                "this stack is not empty: restore into a new one, before its first sync, or add --merge,"
                " which keeps what it has and adds what it lacks"
            )
        begun = Restore(manifest.sha256, self.wiring.clock())
        self.restores.write(begun)
        return begun

    def _made(self, manifest: Manifest) -> bool:
        """Returns True if this stack has made the backup, and has not lost its data since then."""
        return bool(manifest.place) and manifest.place == place_of(read_salt(self.wiring))

    # --- images

    def _restore_images(
        self,
        folder: BackupFolder,
        manifest: Manifest,
        report: RestoreReport,
        progress: Progress,
        *,
        forgets: bool,
    ) -> None:
        rows = self._rows(IMAGES)
        with ThreadPoolExecutor(self.at_once) as pool:
            for entries in _in_chunks(folder.entries(manifest.rows[IMAGES])):
                records = self.wiring.cached_images.records(_key(entry) for entry in entries)

                def restore(entry: Entry, records: dict[str, ImageRecord] = records) -> tuple[Outcome, int]:
                    return self._restore_image(entry, records.get(_key(entry)), folder, rows, forgets=forgets)

                for outcome, size in pool.map(restore, entries):
                    report.images[outcome] = report.images.get(outcome, 0) + 1
                    report.original_bytes += size
                    progress(IMAGES, 1)

    def _restore_image(
        self,
        entry: Entry,
        record: ImageRecord | None,
        folder: BackupFolder,
        rows: StackRows,
        *,
        forgets: bool,
    ) -> tuple[Outcome, int]:
        """Restores one image, and returns the outcome and the size of the original that was stored.

        `record` is what the stack has.
        """
        if settled := self._settle(entry, record, forgets=forgets):
            return settled, 0
        if entry.original is None:
            is_written = rows.put(entry.row)
            size = 0
        else:
            try:
                original = folder.original(entry.original)
                blob = self.wiring.blobs.store(original, render(original))
            except DamagedFileError:
                return Outcome.DAMAGED, 0
            except ImageFailedError:
                return Outcome.UNDECODABLE, 0
            size = len(original)
            is_written = rows.put(_with_blob(entry.row, blob), unless_held_at=self.wiring.clock())
        if is_written:
            return Outcome.RESTORED, size
        # A worker, or another person, was faster.
        now = self.wiring.cached_images.record(_key(entry))
        return self._settle(entry, now, forgets=forgets) or Outcome.HELD, 0

    def _settle(self, entry: Entry, record: ImageRecord | None, *, forgets: bool) -> Outcome | None:
        """Returns the outcome of an image that must not be written, or None if it may be.

        If the image was forgotten in the backup, and `forgets` is True, it is forgotten here. In the stack
        that made the backup, a person may have fetched it again since then.
        """
        if record is None:
            return None
        is_forgotten_there = entry.row["status"]["S"] == ImageStatus.FORGOTTEN.value
        if record.status is ImageStatus.FORGOTTEN:
            return Outcome.ALREADY_THERE if is_forgotten_there else Outcome.FORGOTTEN
        if is_forgotten_there and forgets:
            with suppress(NotFoundError):  # The row was deleted meanwhile; the next run restores it.
                self.wiring.image_changes.forget(entry.row["sourceUrl"]["S"])
            return Outcome.FORGOTTEN_NOW
        if record.status is ImageStatus.CACHED or entry.original is None:
            return Outcome.ALREADY_THERE
        return None

    # --- people and contacts

    def _restore_people(
        self, folder: BackupFolder, manifest: Manifest, report: RestoreReport, progress: Progress
    ) -> None:
        rows = self._rows(PEOPLE)

        def write(row: Item) -> None:
            if not rows.put(row):
                _complete_person(rows, row)

        for entries in _in_chunks(folder.entries(manifest.rows[PEOPLE])):
            others = rows.insert([entry.row for entry in entries])
            in_parallel(write, others, at_once=self.at_once)
            report.people += len(entries)
            progress(PEOPLE, len(entries))

    def _restore_contacts(
        self, folder: BackupFolder, manifest: Manifest, report: RestoreReport, progress: Progress
    ) -> None:
        """Restores the claimants of identifiers and then the contacts, in the order of ContactsTable.save.

        The next sync then links all members again.
        """
        table = [entry.row for entry in folder.entries(manifest.rows[CONTACTS])]
        if not table:
            return
        contacts = [row for row in table if "claimants" not in row]
        claimants = _claimants(table)
        rows = self._rows(CONTACTS)

        def write(row: Item) -> None:
            if not rows.put(row):
                for claimant in row.get("claimants", {"L": []})["L"]:
                    rows.update(
                        {"contactId": row["contactId"]},
                        "SET claimants = list_append(claimants, :ids)",
                        "NOT contains(claimants, :id)",
                        {":ids": {"L": [claimant]}, ":id": claimant},
                    )

        with self.wiring.contact_changes.counted():
            for chunk in chain(_in_chunks(iter(claimants)), _in_chunks(iter(contacts))):
                present = self._present_contacts(chunk)
                missing = [row for row in chunk if not _is_part_of(row, present)]
                in_parallel(write, rows.insert(missing), at_once=self.at_once)
                progress(CONTACTS, len(chunk))
        report.contacts = len(contacts)

    def _present_contacts(self, chunk: list[Item]) -> dict[str, Item]:
        """Returns the rows of contacts and identifiers that the stack has with these keys, by key."""
        items = batch_get(
            self.wiring.client("dynamodb"),
            table_name=self.wiring.config.contacts_table,
            key_name="contactId",
            keys=[row["contactId"]["S"] for row in chunk],
            attributes=("contactId", "claimants"),
            consistent=True,
        )
        return {item["contactId"]["S"]: item for item in items}

    def _rows(self, kind: str) -> StackRows:
        return StackRows(kind, self.wiring, at_once=self.at_once)


def _key(entry: Entry) -> str:
    return str(entry.row["imageKey"]["S"])


def _in_chunks(items: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(items, _ROWS_AT_ONCE)):
        yield chunk


def _with_blob(row: Item, blob: Blob) -> Item:
    """Returns the row of an image with this content, which the stack stores under another blob id."""
    attributes = item_of(
        ImageRow,
        {
            "blob_id": blob.blob_id,
            "content_type": blob.content_type,
            "file_size": blob.file_size,
            "width": blob.width,
            "height": blob.height,
            "placeholder": blob.placeholder,
            "color": blob.color,
            "is_animated": blob.is_animated or None,
            "view": view_text(blob),
        },
    )
    others = {name: value for name, value in row.items() if name != "isAnimated"}
    return {**others, **attributes}


def _is_part_of(row: Item, present: dict[str, Item]) -> bool:
    """Returns True if the stack has this contact, or this identifier with all these claimants."""
    found = present.get(row["contactId"]["S"])
    if found is None:
        return False
    claimants = found.get("claimants", {"L": []})["L"]
    return all(claimant in claimants for claimant in row.get("claimants", {"L": []})["L"])


def _complete_person(rows: StackRows, row: Item) -> None:
    """Adds what the backup knows of a person's picture to the row that the stack has already.

    That is the earlier one of the two dates at which the picture was first seen, and whether it was chosen.
    """
    key = {name: row[name] for name in ("chatId", "participantId")}
    if "firstSeen" in row:
        seen = {":seen": row["firstSeen"]}
        rows.update(key, "SET firstSeen = :seen", "firstSeen > :seen", seen)
    if "chosenAt" in row:
        chosen = {":chosen": row["chosenAt"]}
        is_unchosen = "attribute_exists(chatId) AND attribute_not_exists(chosenAt)"
        rows.update(key, "SET chosenAt = :chosen", is_unchosen, chosen)


def _claimants(table: list[Item]) -> list[Item]:
    """Returns the row of each identifier, with every contact that has the identifier.

    A contact that was saved while the backup was made may be missing in the rows of its identifiers.
    """
    ids = {
        row["contactId"]["S"]: [claimant["S"] for claimant in row["claimants"]["L"]]
        for row in table
        if "claimants" in row
    }
    for row in table:
        if "claimants" not in row:
            for kind, value in json.loads(row.get("identifiers", {"S": "[]"})["S"]):
                claimants = ids.setdefault(identifier_row_key(Identifier(IdentifierKind(kind), value)), [])
                if row["contactId"]["S"] not in claimants:
                    claimants.append(row["contactId"]["S"])
    return [
        {"contactId": {"S": key}, "claimants": {"L": [{"S": claimant} for claimant in claimants]}}
        for key, claimants in ids.items()
    ]
