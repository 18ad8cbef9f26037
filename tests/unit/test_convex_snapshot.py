"""A snapshot export is read completely, and a hostile or damaged one does no harm."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagecache.errors import ImageFailedError
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.sources.transport import MAX_IMAGE_BYTES
from imagecache_migration.convex_snapshot import Snapshot, SnapshotImage, read_snapshot
from imagecache_migration.outcomes import FileProblem, SnapshotFileError
from imagecache_migration.snapshot_archive import DEFAULT_LIMITS, Limits, SnapshotError, open_archive
from tests.snapshots import CACHED_AT, Export, chat, key, mxc, on_disk, participant, png

Write = Callable[[Export, Path], Path]


def read(export: Export, path: Path, limits: Limits = DEFAULT_LIMITS) -> Snapshot:
    with open_archive(export.unpacked(path), limits) as archive:
        return read_snapshot(archive)


def problem(export: Export, path: Path) -> FileProblem:
    """Returns why the only image's file cannot be imported from a zip."""
    with open_archive(export.zipped(path / "s.zip")) as archive:
        snapshot = read_snapshot(archive)
        with pytest.raises(SnapshotFileError) as refused:
            snapshot.read_original(snapshot.images[0])
    return refused.value.problem


def one_image(**stored: Any) -> Export:
    export = Export()
    export.image(1, **stored)
    return export


@pytest.mark.parametrize("write", [Export.unpacked, lambda export, path: export.zipped(path / "s.zip")])
def test_images_are_read_with_their_bytes_from_a_zip_or_a_folder(write: Write, tmp_path: Path) -> None:
    export = one_image()
    export.image(2, url=on_disk(2), content=png(7))
    with open_archive(write(export, tmp_path)) as archive:
        snapshot = read_snapshot(archive)
        contents = [snapshot.read_original(image) for image in snapshot.images]
    assert snapshot.images == [
        SnapshotImage("image0", mxc(1), "kg0", CACHED_AT),
        SnapshotImage("image1", on_disk(2), "kg1", CACHED_AT),
    ]
    assert contents == [png(1), png(7)]


def zipped_anew(export: Export, path: Path, *, before: str = "", slash: str = "/", **added: bytes) -> Path:
    """Writes a zip with `before` in front of every name, `slash` between folders, and other files."""
    with zipfile.ZipFile(path / "s.zip", "w") as archive:
        for name, content in added.items():
            archive.writestr(name, content)
        for name, content in export.members().items():
            # ZipInfo would replace a backslash on Windows only.
            archive.writestr(zipfile.ZipInfo(before + name.replace("/", slash)), content)
    return path / "s.zip"


@pytest.mark.parametrize(
    ("before", "slash"),
    [
        ("", "/"),
        ("./", "/"),
        ("snapshot/", "/"),
        ("./snapshot/", "/"),
        ("a/b/c/", "/"),
        ("", "\\"),
        ("snapshot\\", "\\"),
        (".\\snapshot\\", "\\"),
        ("Snapshot 1.2 (März)/", "/"),
    ],
)
def test_a_snapshot_that_was_zipped_anew_is_found(before: str, slash: str, tmp_path: Path) -> None:
    added = {
        "__MACOSX/snapshot/_storage/._documents.jsonl": b"\0\5\x16\7",
        "__MACOSX/_storage/documents.jsonl": b"\0\5\x16\7",
        f"{before}_storage/._kg0.bin": b"\0\5\x16\7",
        f"{before}.DS_Store": b"Bud1",
        f"{before}_storage/": b"",
        f"{before}_components/mail/_storage/documents.jsonl": b"{}",
        f"{before}_components/mail/cachedImages/documents.jsonl": b"{}",
    }
    with open_archive(zipped_anew(one_image(), tmp_path, before=before, slash=slash, **added)) as archive:
        snapshot = read_snapshot(archive)
        assert snapshot.read_original(snapshot.images[0]) == png(1)
        assert len(snapshot.images) == 1


@pytest.mark.parametrize("inner", ["snapshot", "a/b", "__MACOSX/../snapshot"])
def test_a_folder_around_an_unpacked_snapshot_is_read(inner: str, tmp_path: Path) -> None:
    (tmp_path / "__MACOSX").mkdir()
    one_image().unpacked(tmp_path / inner)
    with open_archive(tmp_path) as archive:
        snapshot = read_snapshot(archive)
        assert snapshot.read_original(snapshot.images[0]) == png(1)


def test_backslashes_that_became_a_part_of_file_names_are_read(tmp_path: Path) -> None:
    for name, content in one_image().members().items():
        (tmp_path / name.replace("/", "\\")).write_bytes(content)
    with open_archive(tmp_path) as archive:
        snapshot = read_snapshot(archive)
        assert snapshot.read_original(snapshot.images[0]) == png(1)


def test_an_archive_without_one_readable_snapshot_says_what_is_wrong(tmp_path: Path) -> None:
    two = tmp_path / "two.zip"
    with zipfile.ZipFile(two, "w") as archive:
        for folder in ("monday", "tuesday"):
            archive.writestr(f"{folder}/_storage/documents.jsonl", "")
    nested = tmp_path / "nested.zip"
    with zipfile.ZipFile(nested, "w") as archive:
        archive.writestr("export/snapshot.zip", "PK")
    bzip2 = tmp_path / "bzip2.zip"
    with zipfile.ZipFile(bzip2, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in one_image().members().items():
            archive.writestr(name, content)
    for path, said in (
        (two, "it contains 2 snapshots, such as monday/ and tuesday/: import each on its own"),
        (nested, "it contains export/snapshot.zip, but no unpacked snapshot: import that file instead"),
        (
            bzip2,
            "is damaged or compressed by another method than Deflate: unpack the file and import the folder",
        ),
    ):
        with pytest.raises(SnapshotError, match=said), open_archive(path) as opened:
            read_snapshot(opened)


@pytest.mark.parametrize("extension", ["", ".jpeg", ".svg+xml"])
def test_a_file_is_found_whatever_its_extension_was_guessed_to_be(extension: str, tmp_path: Path) -> None:
    export = one_image()
    export.files = {f"_storage/kg0{extension}": png(1)}
    with open_archive(export.unpacked(tmp_path)) as archive:
        snapshot = read_snapshot(archive)
        assert snapshot.read_original(snapshot.images[0]) == png(1)


def test_a_row_may_name_its_file_by_the_older_id(tmp_path: Path) -> None:
    export = one_image()
    export.table("cachedImages")[0]["convexStorageId"] = "0a1b-kg0"
    with open_archive(export.unpacked(tmp_path)) as archive:
        snapshot = read_snapshot(archive)
        assert snapshot.read_original(snapshot.images[0]) == png(1)


def test_a_checksum_may_be_hexadecimal_and_a_size_unknown(tmp_path: Path) -> None:
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    export = one_image(content=b"abc", sha256=abc, size=None)
    with open_archive(export.unpacked(tmp_path)) as archive:
        snapshot = read_snapshot(archive)
        assert snapshot.read_original(snapshot.images[0]) == b"abc"


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}, FileProblem.WRONG_CHECKSUM),  # of "abc"
        ({"sha256": None}, FileProblem.NO_CHECKSUM),
        ({"sha256": "ungWv48Bz"}, FileProblem.NO_CHECKSUM),
        ({"size": 3.0}, FileProblem.WRONG_SIZE),
        ({"_id": "kg9", "internalId": None}, FileProblem.MISSING),
    ],
)
def test_a_file_is_read_only_if_it_is_what_the_snapshot_says(
    stored: dict[str, Any], expected: FileProblem, tmp_path: Path
) -> None:
    assert problem(one_image(**stored), tmp_path) is expected


def test_a_file_that_was_not_exported_is_missing(tmp_path: Path) -> None:
    export = one_image()
    export.files = {}
    assert problem(export, tmp_path) is FileProblem.MISSING


def test_a_bomb_is_inflated_no_further_than_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated = 0
    read = zipfile.ZipExtFile.read

    def counted(file: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        nonlocal inflated
        content = read(file, n)
        inflated += len(content)
        return content

    export = one_image(content=b"\0" * 4 * MAX_IMAGE_BYTES)
    path = export.zipped(tmp_path / "bomb.zip")
    with open_archive(path) as archive:
        snapshot = read_snapshot(archive)
        monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
        with pytest.raises(ImageFailedError, match="too_large"):
            snapshot.read_original(snapshot.images[0])
    assert MAX_IMAGE_BYTES < inflated < MAX_IMAGE_BYTES + 100_000


def test_a_table_that_is_larger_than_any_of_a_snapshot_is_refused(tmp_path: Path) -> None:
    export = one_image()
    export.tables["beeperChats"] = [chat(number) for number in range(100)]
    with pytest.raises(SnapshotError, match="more than 10,000 bytes"):
        read(export, tmp_path, Limits(table=10_000))


def test_a_line_that_is_longer_than_any_document_is_not_a_document(tmp_path: Path) -> None:
    export = one_image()
    export.table("cachedImages").insert(0, {"_id": "long", "sourceUrl": "x" * 10_000})
    snapshot = read(export, tmp_path, Limits(line=2_000))
    assert [image.document_id for image in snapshot.images] == ["image0"]
    assert snapshot.unreadable_lines["cachedImages"] > 0


def test_a_name_that_leads_elsewhere_is_never_opened(tmp_path: Path) -> None:
    """Nothing is unpacked, and only the names of stored files are used."""
    export = one_image()
    export.files = {"../kg0.bin": png(1), "_storage/../kg0.bin": png(1), "/_storage/kg0.bin": png(1)}
    before = set(tmp_path.parent.iterdir())
    assert problem(export, tmp_path) is FileProblem.MISSING
    assert (set(tmp_path.parent.iterdir()), [file.name for file in tmp_path.iterdir()]) == (before, ["s.zip"])


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    export = one_image()
    folder = export.unpacked(tmp_path / "snapshot")
    (tmp_path / "elsewhere").write_bytes(png(1))
    (folder / "_storage" / "kg0.bin").unlink()
    os.symlink(tmp_path / "elsewhere", folder / "_storage" / "kg0.bin")
    with open_archive(folder) as archive:
        snapshot = read_snapshot(archive)
        with pytest.raises(SnapshotFileError, match="file_missing"):
            snapshot.read_original(snapshot.images[0])


def test_a_damaged_member_harms_no_other(tmp_path: Path) -> None:
    export = one_image()
    export.image(2)
    content = bytearray(export.zipped(tmp_path / "s.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        start = archive.getinfo("_storage/kg0.bin").header_offset
    content[start + 4 : start + 80] = b"?" * 76
    (tmp_path / "damaged.zip").write_bytes(content)
    with open_archive(tmp_path / "damaged.zip") as damaged:
        snapshot = read_snapshot(damaged)
        with pytest.raises(SnapshotFileError, match="file_unreadable"):
            snapshot.read_original(snapshot.images[0])
        assert snapshot.read_original(snapshot.images[1]) == png(2)


@pytest.mark.parametrize("line", ['{"_id": "cut off', "[]", "\\ud800", "[" * 100_000])
def test_a_line_that_is_no_document_is_counted_and_the_rest_is_read(line: str, tmp_path: Path) -> None:
    export = one_image()
    export.table("cachedImages").append(line)
    snapshot = read(export, tmp_path)
    assert ([image.document_id for image in snapshot.images], snapshot.unreadable_lines) == (
        ["image0"],
        {"cachedImages": 1},
    )


def test_fields_may_be_missing_null_extra_or_of_another_kind(tmp_path: Path) -> None:
    export = Export()
    export.tables["cachedImages"] = [
        {},
        {"_id": None, "sourceUrl": 5, "convexStorageId": [], "cachedAt": "1762900000123", "more": {}},
        {"_id": "c", "cachedAt": float("nan"), "_creationTime": 7.9},
    ]
    export.tables["beeperChats"] = [
        {},
        {"_id": "d", "chatId": "!d", "lastActivity": None, "participantId": 4},
    ]
    snapshot = read(export, tmp_path)
    assert snapshot.images == [
        SnapshotImage("", "", "", 0),
        SnapshotImage("", "", "", CACHED_AT),
        SnapshotImage("c", "", "", 7),
    ]
    assert [row.chat and row.chat.chat_id for row in snapshot.chats] == [None, "!d"]


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"cachedImages/documents.jsonl": b""}, "--include-file-storage"),
        (
            {"_storage/documents.jsonl": b"", "users/documents.jsonl": b""},
            "the Convex application with your chats",
        ),
    ],
)
def test_an_export_of_another_application_is_refused(
    members: dict[str, bytes], complaint: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with open_archive(tmp_path / "s.zip") as opened, pytest.raises(SnapshotError, match=complaint):
        read_snapshot(opened)


def test_what_is_not_a_zip_file_is_refused(tmp_path: Path) -> None:
    whole = one_image().zipped(tmp_path / "s.zip").read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    for name, complaint in {"half.zip": "not a zip file", "none.zip": "No such file"}.items():
        with pytest.raises(SnapshotError, match=complaint), open_archive(tmp_path / name):
            pass


def test_other_methods_of_compression_are_not_inflated(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in one_image().members().items():
            archive.writestr(name, content)
    (tmp_path / "s.zip").write_bytes(out.getvalue())
    with open_archive(tmp_path / "s.zip") as opened, pytest.raises(SnapshotError, match="damaged"):
        read_snapshot(opened)


def test_a_chat_has_the_members_of_the_original_and_the_shown_person_first(tmp_path: Path) -> None:
    export = Export()
    export.tables["beeperChats"] = [chat(1, participantImgURL=on_disk(1), phoneNumber="+442079460958")]
    export.tables["beeperParticipants"] = [
        participant(1, 9, isSelf=True, imgURL=None),
        participant(1, 8, fullName="Meta AI", imgURL="http://bots.example/8"),
        participant(1, 1, username="one", imgURL=mxc(5)),
        participant(2, 3),
    ]
    [row] = read(export, tmp_path).chats
    assert row.chat is not None
    people = row.chat.participants
    assert [person.participant_id for person in people] == [
        "@1:beeper.local",
        "@9:beeper.local",
        "@8:beeper.local",
    ]
    assert (people[0].full_name, people[0].username, people[0].phone_number) == (
        "Person 1",
        "one",
        "+442079460958",
    )
    assert [person.image for person in people] == [
        ImageRef(key(1)),
        None,
        ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME),
    ]
    assert [person.is_self for person in people] == [False, True, False]
    assert (row.chat.last_activity, row.chat.last_message, row.chat.unread_count) == (
        1762899999999,
        "hello",
        1,
    )
    assert (row.chat.title, row.chat.network, row.chat.participant_count) == ("Person 1", "WhatsApp", 3)


def test_what_has_no_place_in_this_system_is_counted(tmp_path: Path) -> None:
    export = Export()
    export.tables["beeperChats"] = [
        chat(1, cachedProfileImageUrl="https://happy-otter-123.convex.cloud/1"),
        chat(2, participantId=None),
        chat(3, type="group"),
    ]
    snapshot = read(export, tmp_path)
    assert (snapshot.cached_profile_image_urls, snapshot.pictures_without_person) == (1, 2)
    assert [row.chat and len(row.chat.participants) for row in snapshot.chats] == [1, 0, 0]
