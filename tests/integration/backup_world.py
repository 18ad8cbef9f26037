"""Stacks with images in every state, contacts and people, for tests of backups."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from imagecache.imaging.pictures import render
from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy
from imagecache.model.image import (
    Failure,
    FailureReason,
    ImageMessage,
    ImageRef,
    OriginAnswer,
    Validators,
)
from imagecache.model.person import KnownPicture
from imagecache_migration.backup.create import BackupReport
from imagecache_migration.backup.folder import BackupFolder
from imagecache_migration.backup.restore import RestoreReport
from imagecache_migration.backup.work import backup_maker, restorer
from tests.integration.conftest import NOW, Stack
from tests.snapshots import key, mxc, png

Item = dict[str, Any]

IMAGES = st.lists(
    st.tuples(
        st.sampled_from(["pending", "held", "cached", "refreshed", "failed", "final", "forgotten", "orphan"]),
        st.integers(0, 2),  # which picture: several images have the same content
    ),
    max_size=6,
)
CONTACTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["+442079460958", "+442079460959"]), max_size=2, unique=True),
        st.sampled_from(KeptBy),
        st.none() | st.integers(0, 5),
    ),
    max_size=4,
)
PEOPLE = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.booleans(), st.booleans()), max_size=6)
Worlds = st.fixed_dictionaries({"images": IMAGES, "contacts": CONTACTS, "people": PEOPLE})

EVERYTHING: dict[str, list[Any]] = {
    "images": [
        *(("cached", 0), ("cached", 0), ("forgotten", 1), ("failed", 0), ("pending", 0)),
        *(("refreshed", 2), ("final", 0), ("held", 0), ("orphan", 1)),
    ],
    "contacts": [(["+442079460958"], KeptBy.MANUAL, 0), (["+442079460958"], KeptBy.BEEPER, None)],
    "people": [(0, 0, True, False), (0, 1, False, True), (1, 1, False, False)],
}


def fill(stack: Stack, world: dict[str, list[Any]]) -> None:
    """Stores a world as syncs, workers and people do."""
    for number, (state, shade) in enumerate(world["images"]):
        make_image(stack, number, state, shade)
    for number, (phones, kept_by, image) in enumerate(world["contacts"]):
        identifiers = [Identifier(IdentifierKind.PHONE, phone) for phone in phones]
        identifiers.append(Identifier(IdentifierKind.PARTICIPANT, f"@{number}:beeper.local"))
        url = None if image is None else mxc(image)
        stack.contacts_table.put(
            Contact(
                contact_id=f"contact{number}",
                full_name=f"Person {number}",
                source_url=url,
                image=None if image is None else ImageRef(key(image)),
                identifiers=tuple(identifiers),
                kept_by=kept_by,
                updated_at=NOW,
            )
        )
    for person, image, is_chosen, is_absent in world["people"]:
        people = stack.wiring.people_table
        person_id = f"person{person}"
        picture = KnownPicture(key(image), mxc(image), "WhatsApp", None, NOW - image, full_name="ada")
        people.record([(person_id, picture)], fence=1)
        people.record_links([(person_id, f"@{person}:beeper.local")], fence=1)
        if is_chosen:
            people.choose([(person_id, key(image))], now=NOW)
        if is_absent:
            people.mark_absent(people.items_and_people_in_chats()[0], since=NOW)


def make_image(stack: Stack, number: int, state: str, shade: int) -> None:
    """Stores an image in a state, with a picture of this shade if the state has one."""
    message = ImageMessage(key(number), mxc(number), NOW)
    stack.cached_images.mark_queued(message)
    if state == "pending":
        return
    claim = stack.won(message)
    if state == "held":
        return
    answers = [OriginAnswer(NOW, "beeper", "200")]
    if state in {"failed", "final"}:
        due = NOW + 1 if state == "failed" else 2**53
        stack.claims.fail(claim, Failure(FailureReason.GONE, NOW, due), answers=answers)
        return
    original = png(shade)
    validators = Validators(etag='"1"')
    blob = stack.blobs.store(original, render(original), validators)
    stack.claims.commit(claim, blob, now=NOW, answers=answers)
    match state:
        case "forgotten":
            stack.cached_images.forget(key(number))
        case "refreshed":
            stack.cached_images.request_refresh(key(number), now=NOW + 5)
        case "orphan":
            stack.cached_images.record_look_up(key(number), now=NOW)
            stack.cached_images.mark_orphans([key(number)], now=NOW, at_once=1)


def back_up(stack: Stack, folder: BackupFolder, *, force: bool = False) -> BackupReport:
    # One picture at a time, because moto is not thread-safe.
    return backup_maker(stack.wiring, at_once=1).back_up(folder, force=force, progress=ignore)


def restore(stack: Stack, folder: BackupFolder, *, merge: bool = False) -> RestoreReport:
    return restorer(stack.wiring, at_once=1).restore(folder, merge=merge, progress=ignore)


def ignore(_kind: str, _count: int) -> None:
    """Shows no progress."""


def everything(stack: Stack) -> dict[str, Any]:
    """Returns what a restored stack must have in common with the stack that was backed up.

    Instead of blob ids, which contain the salt, rows have the bytes of the originals.
    """
    originals = {
        entry["Key"].removeprefix("originals/"): stack.s3.get_object(Bucket="images", Key=entry["Key"])[
            "Body"
        ].read()
        for entry in objects(stack)
        if entry["Key"].startswith("originals/")
    }
    tables = {}
    for name in ("CachedImagesTable", "ContactsTable", "ChatParticipantsTable"):
        rows = (comparable(row, originals) for row in stack.dynamodb.scan(TableName=name)["Items"])
        tables[name] = sorted(rows, key=str)
    return tables


def comparable(row: Any, originals: dict[str, bytes]) -> Item:
    lost = {"lease", "attempts", "queuedAt", "orphanedAt", "syncedBy", "absentSince"}
    item: Item = {name: next(iter(value.values())) for name, value in row.items() if name not in lost}
    if "blobId" in item:
        blob = item["blobId"]
        item["blobId"] = originals[blob]
        item["view"] = json.loads(item["view"])
        assert item["view"].pop(0) == blob
    return item


def objects(stack: Stack) -> list[Any]:
    entries: list[Any] = stack.s3.list_objects_v2(Bucket="images").get("Contents", [])
    return entries


def shown_files(stack: Stack) -> set[tuple[int, ...]]:
    """Returns the sizes of the thumbnails of each image that has a copy. Fails if one of them is missing."""
    sizes = {entry["Key"]: entry["Size"] for entry in objects(stack)}
    blobs = {row.get("blobId") for row in map(stack.row, map(key, range(9)))} - {None}
    with suppress(KeyError):
        return {tuple(sizes[f"images/{blob}/{size}.webp"] for size in (96, 192, 640)) for blob in blobs}
    raise AssertionError("a thumbnail is missing")
