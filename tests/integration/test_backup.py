"""A backup has what cannot be had again, and a restore brings it into another stack."""

import errno
import gzip
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings

from imagecache.model.contact import KeptBy
from imagecache.stores.blobs import blob_id
from imagecache_cli.errors import CommandError, SettingsError
from imagecache_migration.backup.folder import BackupFolder, DamagedFileError, Manifest
from imagecache_migration.backup.restore import RestoreReport
from imagecache_migration.backup.stack_rows import KINDS
from imagecache_migration.backup.verify import VerifyReport, verify
from tests.integration.backup_world import (
    EVERYTHING,
    Worlds,
    back_up,
    everything,
    fill,
    ignore,
    make_image,
    objects,
    restore,
    shown_files,
)
from tests.integration.conftest import NOW, Stack, fresh_stack
from tests.snapshots import key, mxc, png


@pytest.fixture
def folder(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path / "backup")


def problems(report: VerifyReport) -> dict[str, int]:
    """Returns how often each problem was found."""
    found = [finding.problem for finding in report.findings]
    return {problem: found.count(problem) for problem in found}


@settings(max_examples=3, deadline=None, derandomize=True)
@example(world=EVERYTHING)
@given(world=Worlds)
def test_a_restored_stack_equals_the_one_that_was_backed_up(world: dict[str, list[Any]]) -> None:
    with TemporaryDirectory() as path:
        folder = BackupFolder(Path(path))
        with fresh_stack() as source:
            fill(source, world)
            expected = everything(source)
            files = shown_files(source)
            report = back_up(source, folder)
            assert everything(source) == expected
        assert report.rows["images"] == len(expected["CachedImagesTable"])
        assert verify(folder, ignore).findings == []
        with fresh_stack() as target:
            restored = restore(target, folder)
            assert everything(target) == expected
            assert shown_files(target) == files, "the thumbnails are made again"
        assert sum(restored.images.values()) == len(expected["CachedImagesTable"])
        assert not restored.has_left_out


def test_a_second_backup_copies_only_new_originals_and_removes_what_was_forgotten(
    stack: Stack, folder: BackupFolder
) -> None:
    fill(stack, {**EVERYTHING, "images": [("cached", 0), ("cached", 1), ("cached", 1)]})
    first = back_up(stack, folder)
    assert (first.originals, first.new_originals, first.new_bytes) == (2, 2, len(png(0)) + len(png(1)))
    make_image(stack, 3, "cached", 2)
    stack.cached_images.forget(key(0))
    stack.calls.clear()

    second = back_up(stack, folder)

    assert (second.originals, second.new_originals, second.new_bytes) == (2, 1, len(png(2)))
    assert stack.calls.count("GetObject") == 1
    assert stack.writes() == []
    names = sorted(folder.files())
    assert len([name for name in names if name.startswith("originals/")]) == 2
    assert second.removed_files == 2, "an original, and the earlier rows of images"
    assert verify(folder, ignore).findings == []
    third = back_up(stack, folder)
    assert (third.new_originals, third.removed_files, sorted(folder.files())) == (0, 0, names)


def test_a_stack_that_had_no_picture_yet_is_backed_up_into_the_same_folder(
    stack: Stack, folder: BackupFolder
) -> None:
    fill(stack, {**EVERYTHING, "images": []})
    back_up(stack, folder)
    make_image(stack, 0, "cached", 0)
    assert back_up(stack, folder).new_originals == 1


def test_only_the_owner_may_read_a_backup_and_it_holds_no_salt(stack: Stack, folder: BackupFolder) -> None:
    fill(stack, EVERYTHING)
    back_up(stack, folder)
    for path in [folder.path, *folder.path.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    salt = stack.wiring.salt_store.read()
    assert all(salt not in (folder.path / name).read_bytes() for name in folder.files())
    assert salt.hex() not in (folder.path / "manifest.json").read_text()


class KilledError(BaseException):
    """The command ends here, as if its process were killed."""


@contextmanager
def killed_after(calls: int, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Kills the command before a call of AWS or a change of the disk. Yields the number of such calls."""
    counter = itertools.count()
    made = 0

    def kill(*_: Any, **__: Any) -> None:
        nonlocal made
        made = next(counter) + 1
        if made > calls:
            raise KilledError

    with monkeypatch.context() as patch:
        for name in ("replace", "fsync", "unlink"):
            original = getattr(os, name)

            def call(*arguments: Any, original: Any = original) -> Any:
                kill()
                return original(*arguments)

            patch.setattr(os, name, call)
        for client in (stack.dynamodb, stack.s3):
            client.meta.events.register("before-call.*.*", kill)
        try:
            yield lambda: made
        finally:
            for client in (stack.dynamodb, stack.s3):
                client.meta.events.unregister("before-call.*.*", kill)


def test_cut_at_any_moment_the_folder_has_the_last_good_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_stack() as stack:
        fill(stack, EVERYTHING)
        back_up(stack, BackupFolder(tmp_path / "first"))
        make_image(stack, 20, "cached", 77)
        stack.cached_images.forget(key(0))
        stack.cached_images.forget(key(1))
        for survived in itertools.count():
            folder = BackupFolder(tmp_path / str(survived))
            copy(tmp_path / "first", folder.path)
            before = folder.complete_manifest()
            with killed_after(survived, stack, monkeypatch):
                try:
                    back_up(stack, folder)
                    break
                except KilledError:
                    pass
            assert problems(verify(folder, ignore)).keys() <= {"additional"}, f"after {survived} calls"
            assert folder.complete_manifest().original_bytes in {
                before.original_bytes,
                before.original_bytes - len(png(0)) + len(png(77)),
            }
            back_up(stack, folder)
            assert verify(folder, ignore).findings == [], f"after {survived} calls"
    assert survived > 12


def copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target / path.relative_to(source))


def test_a_restore_that_was_killed_before_any_call_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = BackupFolder(tmp_path / "backup")
    with fresh_stack() as stack:
        people, contacts = EVERYTHING["people"][:1], EVERYTHING["contacts"][:1]
        fill(stack, {"images": [("cached", 0), ("failed", 2)], "people": people, "contacts": contacts})
        expected = everything(stack)
        back_up(stack, folder)
    with fresh_stack() as stack, killed_after(10**6, stack, monkeypatch) as calls:
        restore(stack, folder)
        total = calls()
    assert total > 12
    for survived in range(total):
        with fresh_stack() as stack:
            with killed_after(survived, stack, monkeypatch), pytest.raises(KilledError):
                restore(stack, folder)
            restore(stack, folder)
            assert everything(stack) == expected, f"killed after {survived} calls"


def test_a_stack_that_is_not_empty_is_refused_unless_the_backup_is_merged_into_it(
    stack: Stack, folder: BackupFolder
) -> None:
    fill(stack, EVERYTHING)
    back_up(stack, folder)
    before = everything(stack)
    stack.calls.clear()
    with pytest.raises(SettingsError, match="not empty: restore into a new one"):
        restore(stack, folder)
    assert stack.writes() == []
    report = restore(stack, folder, merge=True)
    assert counts(report).keys() == {"already_there"}
    assert everything(stack) == before
    with pytest.raises(SettingsError, match="was restored here already"):
        restore(stack, folder)


def test_what_syncs_and_people_did_meanwhile_is_kept_and_forgotten_stays_forgotten(
    tmp_path: Path,
) -> None:
    folder = BackupFolder(tmp_path / "backup")
    with fresh_stack() as source:
        images = [("cached", 0), ("forgotten", 1), ("cached", 2), ("cached", 0), ("failed", 0), ("cached", 1)]
        fill(source, {**EVERYTHING, "images": images})
        back_up(source, folder)
    with fresh_stack() as stack:
        states = ["cached", "cached", "forgotten", "failed", "cached", "held"]
        images = [(state, 50) for state in states]
        people = [(0, 0, False, False)]
        fill(stack, {"images": images, "people": people, "contacts": [([], KeptBy.MANUAL, 3)]})
        stack.now += 1000
        report = restore(stack, folder, merge=True)
        assert counts(report) == {
            "already_there": 2,
            "forgotten_now": 1,
            "forgotten": 1,
            "restored": 1,
            "held": 1,
        }
        assert report.has_left_out
        rows = [stack.row(key(number)) for number in range(6)]
        assert [row["status"] for row in rows] == [
            *("cached", "forgotten", "forgotten", "cached", "cached", "pending"),
        ]
        salt = stack.wiring.salt_store.read()
        assert rows[0]["blobId"] == blob_id(salt, png(50)), "what was here is kept"
        assert rows[3]["blobId"] == blob_id(salt, png(0))
        contact = stack.contacts_table.one("contact0")
        assert contact is not None
        assert contact.image_key == key(3)
        person = stack.wiring.people_table.several(["person0"])["person0"]
        assert person.pictures[key(0)].chosen_at == NOW, "the choice of a person is kept"
        stack.now += 90_001
        assert not restore(stack, folder).has_left_out, "it continues"
        assert stack.row(key(5))["status"] == "cached"


def test_in_the_stack_that_made_the_backup_what_was_fetched_again_is_not_forgotten(
    stack: Stack, folder: BackupFolder
) -> None:
    fill(stack, {**EVERYTHING, "images": [("forgotten", 0), ("cached", 1)]})
    back_up(stack, folder)
    stack.cached_images.request_refresh(key(0), now=NOW)
    make_image(stack, 0, "cached", 0)
    assert counts(restore(stack, folder, merge=True)) == {"already_there": 2}
    assert stack.row(key(0))["status"] == "cached"


def test_a_contact_saved_during_the_backup_keeps_its_identifiers(tmp_path: Path) -> None:
    """The row of an identifier was read before a contact claimed it, and the contact after that."""
    folder = BackupFolder(tmp_path / "backup")
    with fresh_stack() as source:
        fill(source, {**EVERYTHING, "images": []})
        for row in source.dynamodb.scan(TableName="ContactsTable")["Items"]:
            if row["contactId"]["S"].startswith("id#participant#"):
                source.dynamodb.delete_item(TableName="ContactsTable", Key={"contactId": row["contactId"]})
        back_up(source, folder)
    with fresh_stack() as stack:
        restore(stack, folder)
        contacts = [*stack.contacts_table.all_contacts()]
        held = stack.contacts_table.holders(
            identifier for contact in contacts for identifier in contact.identifiers
        )
        assert len(held) == 3


def test_after_a_restore_the_next_sync_links_all_members_again(folder: BackupFolder) -> None:
    with fresh_stack() as source:
        fill(source, {**EVERYTHING, "images": []})
        back_up(source, folder)
    with fresh_stack() as target:
        restore(target, folder)
        assert target.wiring.contact_changes.relink_position().is_behind


def test_an_original_that_the_stack_has_lost_stays_in_the_backup_and_is_reported_if_it_never_was(
    folder: BackupFolder,
) -> None:
    with fresh_stack() as stack:
        fill(stack, {**EVERYTHING, "images": [("cached", 0)]})
        back_up(stack, folder)
        make_image(stack, 1, "cached", 1)
        for entry in objects(stack):
            if entry["Key"].startswith("originals/"):
                stack.s3.delete_object(Bucket="images", Key=entry["Key"])
        report = back_up(stack, folder)
        assert (report.lost, report.originals) == (1, 1)
    with fresh_stack() as target:
        restore(target, folder)
        assert target.row(key(0))["status"] == "cached"
        assert target.row(key(1)) == {"imageKey": key(1), "sourceUrl": mxc(1), "status": "pending"}


def test_an_original_with_other_bytes_than_its_name_says_is_no_backup(
    stack: Stack, folder: BackupFolder
) -> None:
    fill(stack, {**EVERYTHING, "images": [("cached", 0)]})
    name = f"originals/{stack.row(key(0))['blobId']}"
    stack.s3.put_object(Bucket="images", Key=name, Body=png(1))
    assert back_up(stack, folder).lost == 1


@pytest.mark.parametrize("change", ["forgotten", "replaced", "deleted"])
def test_an_image_that_changes_during_a_backup_is_either_old_or_new(
    folder: BackupFolder, change: str
) -> None:
    """Between the read of its row and that of its original, the original is deleted."""
    with fresh_stack() as stack:
        fill(stack, {**EVERYTHING, "images": [("cached", 0)]})

        def meanwhile(model: Any, **_: object) -> None:
            if model.name == "GetObject":
                stack.s3.meta.events.unregister("before-call.*.*", meanwhile)
                blob = stack.row(key(0))["blobId"]
                if change == "deleted":
                    row = {"imageKey": {"S": key(0)}}
                    stack.dynamodb.delete_item(TableName="CachedImagesTable", Key=row)
                else:
                    stack.cached_images.forget(key(0))
                if change == "replaced":
                    stack.cached_images.request_refresh(key(0), now=NOW)
                    make_image(stack, 0, "cached", 9)
                stack.blobs.delete_versions(blob, before=NOW + 1)

        stack.s3.meta.events.register("before-call.*.*", meanwhile)
        report = back_up(stack, folder)
    with fresh_stack() as target:
        restore(target, folder)
        assert (target.row(key(0))["status"], report.originals, report.lost) == {
            "forgotten": ("forgotten", 0, 0),
            "replaced": ("cached", 1, 0),
            "deleted": ("pending", 0, 1),
        }[change]


# --- what a backup must not replace


def test_a_stack_that_lost_everything_does_not_replace_its_last_backup(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backup")
    with fresh_stack() as stack:
        fill(stack, EVERYTHING)
        back_up(stack, folder)
        expected = everything(stack)
    manifest = folder.complete_manifest()
    with fresh_stack() as stack:
        with pytest.raises(SettingsError, match="the backup of another stack, or of this one before it lost"):
            back_up(stack, folder)
        make_image(stack, 0, "cached", 5)
        with pytest.raises(SettingsError, match="of another stack"):
            back_up(stack, folder)
        assert folder.complete_manifest() == manifest
        assert verify(folder, ignore).findings == []
    with fresh_stack() as stack:
        restore(stack, folder)
        assert everything(stack) == expected
        assert back_up(stack, folder).new_originals == 0, "the stack into which it was restored goes on"
        assert back_up(stack, folder).new_originals == 0


def test_a_backup_that_lacks_many_pictures_of_the_last_one_needs_consent(
    stack: Stack, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagecache_migration.backup.create._MANY", 1)
    fill(stack, {**EVERYTHING, "images": [("cached", shade) for shade in range(3)]})
    back_up(stack, folder)
    for number in (0, 1):
        stack.cached_images.forget(key(number))
    with pytest.raises(CommandError, match="lacks 2 of the 3 pictures"):
        back_up(stack, folder)
    assert folder.complete_manifest().originals == 3
    assert back_up(stack, folder, force=True).originals == 1


def test_a_folder_with_other_files_is_refused_and_nothing_in_it_is_changed(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(SettingsError, match=r"not a backup, and not empty \(letter.txt\)"):
        back_up(stack, BackupFolder(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_disk_that_is_full_leaves_the_last_backup(
    stack: Stack, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(stack, {**EVERYTHING, "images": [("cached", 0)]})
    back_up(stack, folder)
    make_image(stack, 1, "cached", 1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            back_up(stack, folder)
    assert verify(folder, ignore).findings == [], "no part of a file is left either"
    assert folder.complete_manifest().originals == 1


def test_a_disk_of_a_server_which_cannot_lock_folders_takes_a_backup_and_files_of_macos_are_ignored(
    stack: Stack, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    folder.path.mkdir()
    (folder.path / ".DS_Store").touch()
    monkeypatch.setattr("fcntl.flock", refuse)
    back_up(stack, folder)
    (folder.path / "rows" / "._x").touch()
    assert verify(folder, ignore).findings == []


def test_two_commands_do_not_write_into_one_folder(stack: Stack, folder: BackupFolder) -> None:
    back_up(stack, folder)
    with folder.locked(writes=True):
        for command in (lambda: back_up(stack, folder), lambda: verify(folder, ignore)):
            with pytest.raises(SettingsError, match="another command uses"):
                command()


# --- verify


def test_verify_finds_a_flipped_bit_a_missing_and_an_additional_file_and_says_whose_picture(
    folder: BackupFolder,
) -> None:
    images = [("cached", 0), ("cached", 1), ("cached", 2)]
    people = [(0, 0, False, False), (1, 1, False, False)]
    world = {"images": images, "contacts": EVERYTHING["contacts"], "people": people}
    with fresh_stack() as stack:
        fill(stack, world)
        back_up(stack, folder)
        names = {path.read_bytes(): path for path in folder.path.rglob("originals/*/*")}
        flip_a_bit(names[png(0)])
        names[png(1)].unlink()
        (folder.path / "originals" / "note.txt").write_text("mine")
        (folder.path / ".new-abc").write_text("cut")

        report = verify(folder, ignore)

        assert report.checked == 1
        assert {(finding.file, finding.problem, finding.people) for finding in report.findings} == {
            (names[png(0)].relative_to(folder.path).as_posix(), "damaged", ("Person 0", "ada")),
            (names[png(1)].relative_to(folder.path).as_posix(), "missing", ("ada",)),
            ("originals/note.txt", "additional", ()),
            (".new-abc", "additional", ()),
        }
        names[png(0)].unlink()
        assert back_up(stack, folder).new_originals == 2, "the stack still has both"
        assert problems(verify(folder, ignore)) == {"additional": 1}, "a person's own file is not removed"


def test_nothing_is_restored_of_a_damaged_picture_and_the_others_are(folder: BackupFolder) -> None:
    with fresh_stack() as source:
        fill(source, {**EVERYTHING, "images": [("cached", 0), ("cached", 1), ("cached", 2)]})
        back_up(source, folder)
    names = {path.read_bytes(): path for path in folder.path.rglob("originals/*/*")}
    flip_a_bit(names[png(0)])
    names[png(1)].unlink()
    with fresh_stack() as target:
        report = restore(target, folder)
        assert counts(report) == {"damaged": 2, "restored": 1}
        assert (report.has_left_out, target.row(key(0))) == (True, {})


def counts(report: RestoreReport) -> dict[str, int]:
    return {outcome.value: count for outcome, count in report.images.items()}


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_flipped_bit_anywhere_in_the_rows_or_the_manifest_is_found_before_anything_is_written(
    folder: BackupFolder,
) -> None:
    with fresh_stack() as source:
        fill(source, EVERYTHING)
        back_up(source, folder)
    with fresh_stack() as target:
        for path in folder.path.rglob("rows/*"):
            flip_a_bit(path)
            assert "damaged, with the rows of all" in verify(folder, ignore).findings[0].problem
            with pytest.raises(CommandError, match="is damaged"):
                restore(target, folder)
            flip_a_bit(path)
        assert target.writes() == []
    assert verify(folder, ignore).findings == []
    path = folder.path / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content) - 1, 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(SettingsError, match=r"is damaged|later version"):
            verify(folder, ignore)


@pytest.fixture
def changed(folder: BackupFolder) -> Callable[[Callable[[dict[str, Any]], object]], None]:
    """Makes an empty backup, and returns a function that changes its manifest together with the hash."""
    folder.prepare()
    rows = {kind: folder.put_rows([]) for kind in KINDS}
    folder.put_manifest(Manifest("2027-01-15T08:00:00+00:00", "", rows, originals=0, original_bytes=0))

    def change_manifest(change: Callable[[dict[str, Any]], object]) -> None:
        file = folder.path / "manifest.json"
        content = json.loads(file.read_text())
        change(content)
        del content["sha256"]
        content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        file.write_text(json.dumps(content))

    return change_manifest


@pytest.mark.parametrize(
    "sha256", [None, 5, "", "../../x", "a\0b", "a" * 5000, "\ud800"], ids=lambda sha256: repr(sha256)[:9]
)
def test_a_manifest_that_somebody_has_changed_with_its_hash_is_refused(
    folder: BackupFolder, changed: Callable[[Callable[[dict[str, Any]], object]], None], sha256: object
) -> None:
    def change(content: dict[str, Any]) -> None:
        if sha256 is None:
            del content["rows"]["images"]
        else:
            content["rows"]["images"]["sha256"] = sha256

    changed(change)
    with pytest.raises(SettingsError, match=r"manifest\.json is damaged"):
        verify(folder, ignore)


@pytest.mark.parametrize("content", ['{"format": 1e999}', "[" * 100_000], ids=["number", "depth"])
def test_a_manifest_that_no_program_has_written_is_refused(folder: BackupFolder, content: str) -> None:
    folder.path.mkdir()
    (folder.path / "manifest.json").write_text(content)
    with pytest.raises(SettingsError, match=r"manifest\.json is damaged"):
        verify(folder, ignore)


@pytest.mark.parametrize(
    "lines",
    [
        *(b"x", b"[]", b'{"row": []}', b"[" * 100_000),
        *(b'{"row": {}, "original": %b}' % value for value in (b"5", b'"a\\u0000"', b'"../x"')),
    ],
    ids=lambda lines: repr(lines)[:30],
)
@pytest.mark.parametrize("how", ["compressed", "plain", "cut"])
def test_rows_that_somebody_has_changed_with_all_hashes_are_damaged(
    folder: BackupFolder,
    changed: Callable[[Callable[[dict[str, Any]], object]], None],
    lines: bytes,
    how: str,
) -> None:
    compressed = gzip.compress(lines)
    content = {"compressed": compressed, "plain": lines, "cut": compressed[:-9]}[how]
    sha256 = hashlib.sha256(content).hexdigest()
    (folder.path / "rows" / f"{sha256}.jsonl.gz").write_bytes(content)
    changed(lambda manifest: manifest["rows"]["images"].update(sha256=sha256))
    with pytest.raises(DamagedFileError, match=f"{sha256}.jsonl.gz is damaged"):
        verify(folder, ignore)
