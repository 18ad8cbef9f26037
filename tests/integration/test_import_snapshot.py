"""An import brings what the original application had, once, and changes nothing that was here before."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.errors import StoreUnavailableError
from imagecache.model.image import ImageMessage, ImageStatus, RejectionReason
from imagecache.rules.retries import NEVER
from imagecache.sources.transport import MAX_IMAGE_BYTES
from imagecache.stores.blobs import blob_id
from imagecache.stores.chats.participants import Reference
from imagecache_migration.convex_import import chat_import, image_import
from imagecache_migration.convex_snapshot import read_snapshot
from imagecache_migration.outcomes import DocumentResult, Outcome
from imagecache_migration.snapshot_archive import open_archive
from tests.integration import made
from tests.integration.conftest import NOW, Stack, fresh_stack
from tests.integration.demo_chats import chat_with, fill, person
from tests.snapshots import CACHED_AT, Export, chat, key, mxc, on_disk, participant, png

MINUTE = 60_000
Bring = Callable[..., Counter[str]]


@pytest.fixture
def bring(stack: Stack, tmp_path: Path) -> Bring:
    """Imports an export, and returns how often each outcome occurred, of images and of chats."""

    def bring(export: Export, *, dry_run: bool = False) -> Counter[str]:
        images, chats = imported(stack, export, tmp_path / "snapshot.zip", dry_run=dry_run)
        return Counter(result.outcome.value for result in [*images, *chats])

    return bring


def imported(
    stack: Stack, export: Export, path: Path, *, dry_run: bool = False
) -> tuple[list[DocumentResult], list[DocumentResult]]:
    """Imports an export, and returns the results of images and those of chats."""
    # One image at a time, because moto is not thread-safe.
    images = replace(image_import(stack.wiring, dry_run=dry_run), images_at_once=1)
    chats = chat_import(stack.wiring, dry_run=dry_run)
    with open_archive(export.zipped(path)) as archive:
        snapshot = read_snapshot(archive)
        return [*images.run(snapshot)], [*chats.run(snapshot)]


def three_chats() -> Export:
    """Returns two single chats and a group of both people. The pictures of the two are cached."""
    export = Export()
    for number in (0, 1):
        export.image(number)
    export.tables["beeperChats"] = [
        chat(0),
        chat(1),
        chat(2, type="group", participantId=None, participantImgURL=None),
    ]
    export.tables["beeperParticipants"] = [
        participant(2, 0),
        participant(2, 1),
        participant(0, 0, fullName=None),
    ]
    return export


def state(stack: Stack) -> dict[str, Any]:
    """Returns every row and every object, without the values that are random or count attempts."""
    tables = {
        name: sorted(
            (
                {field: value for field, value in item.items() if field not in {"fence", "heldUntil"}}
                for item in stack.dynamodb.scan(TableName=name)["Items"]
            ),
            key=str,
        )
        for name in ("BeeperChatsTable", "ChatParticipantsTable", "CachedImagesTable")
    }
    objects = [entry["Key"] for entry in stack.s3.list_objects_v2(Bucket="images").get("Contents", [])]
    return {**tables, "objects": objects}


def test_an_image_is_stored_as_the_cacher_stores_it_with_the_moment_of_the_original(
    stack: Stack, bring: Bring
) -> None:
    export = Export()
    export.image(1)
    assert bring(export) == {"imported": 1}
    row = stack.row(key(1))
    blob = blob_id(stack.wiring.salt_store.read(), png(1))
    expected = {
        "status": "cached",
        "blobId": blob,
        "sourceUrl": mxc(1),
        "contentType": "image/png",
        "fileSize": str(len(png(1))),
        "width": "40",
        "height": "20",
        "cachedAt": str(CACHED_AT),
        "checkedAt": str(CACHED_AT),
    }
    assert {name: row[name] for name in expected} == expected
    assert {"lease", "attempts", "reason", "nextAttemptAt"}.isdisjoint(row)
    assert stack.s3.get_object(Bucket="images", Key=f"originals/{blob}")["Body"].read() == png(1)
    assert sorted(state(stack)["objects"]) == [
        *(f"images/{blob}/{size}.webp" for size in (192, 640, 96)),
        f"originals/{blob}",
    ]


def test_nothing_that_was_imported_is_downloaded(
    stack: Stack, demo: DemoAccount, session: requests.Session, bring: Bring
) -> None:
    """Sync finds that the chats have changed, completes them, and queues only the one picture that is new."""
    fill(
        demo,
        [chat_with(0, person(0)), chat_with(1, person(1)), chat_with(2, person(0), person(1), person(2))],
    )
    export = three_chats()
    for number in (0, 1):
        export.table("cachedImages")[number]["sourceUrl"] = f"mxc://local.beeper.com/alex_{number}"
    for row in [*export.table("beeperChats"), *export.table("beeperParticipants")]:
        row.update({name: url.replace("MediaId", "") for name, url in row.items() if "mxc://" in str(url)})
    assert bring(export) == {"imported": 5}

    report = stack.sync(demo, session)

    assert (report.outcome, report.changed, report.queued) == ("ok", 3, 1)
    assert [message["body"].count("alex_2") for message in stack.messages()] == [2]
    assert stack.participants_table.roster("!2:beeper.local").keys() == {
        "@me:beeper.local",
        "@0:beeper.local",
        "@1:beeper.local",
        "@2:beeper.local",
    }
    assert stack.sync(demo, session).changed == 0


def test_chats_are_shown_with_their_pictures_before_any_sync(stack: Stack, bring: Bring) -> None:
    assert bring(three_chats()) == {"imported": 5}
    listed = stack.chats_table.several(f"!{number}:beeper.local" for number in range(3))
    shown = {
        chat.chat_id: [member.image and member.image.key for member in chat.participants] for chat in listed
    }
    assert shown == {
        "!0:beeper.local": [key(0)],
        "!1:beeper.local": [key(1)],
        "!2:beeper.local": [key(0), key(1)],
    }
    assert {view.status for view in stack.cached_images.views([key(0), key(1)]).values()} == {
        ImageStatus.CACHED
    }
    assert sorted(stack.participants_table.references()) == [
        Reference(key(0), "!0:beeper.local", "@0:beeper.local", False),
        Reference(key(0), "!2:beeper.local", "@0:beeper.local", False),
        Reference(key(1), "!1:beeper.local", "@1:beeper.local", False),
        Reference(key(1), "!2:beeper.local", "@1:beeper.local", False),
    ]


def test_a_second_import_changes_nothing(stack: Stack, bring: Bring) -> None:
    bring(three_chats())
    before = state(stack)
    stack.calls.clear()
    assert bring(three_chats()) == {"already_there": 5}
    assert state(stack) == before
    assert stack.writes() == ["UpdateItem"] * 2, "the sync lock, taken and given back"


def test_a_dry_run_says_the_same_and_writes_nothing(stack: Stack, bring: Bring) -> None:
    export = three_chats()
    export.image(5, content=b"<!doctype html><html>asleep</html>")
    assert bring(export, dry_run=True) == {"imported": 5, "a_page": 1}
    assert stack.writes() == []
    assert bring(export) == {"imported": 5, "a_page": 1}
    assert bring(export, dry_run=True) == {"already_there": 5, "a_page": 1}


class KilledError(Exception):
    """The command ends here, as if its process were killed."""


def test_killed_before_any_call_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    """It is killed before each of its calls in turn. What it had leased is free again after a while."""
    export = Export()
    export.image(0)
    export.tables["beeperChats"] = [chat(0), chat(1)]
    with fresh_stack() as stack:
        imported(stack, export, tmp_path / "s.zip")
        calls = len(stack.calls)
        complete = without_random_values(stack)
    assert calls > 12
    for survived in range(calls):
        with fresh_stack() as stack:
            with killed_after(survived, stack), pytest.raises(KilledError):
                imported(stack, export, tmp_path / "s.zip")
            stack.now += 10 * MINUTE + 1
            imported(stack, export, tmp_path / "s.zip")
            assert without_random_values(stack) == complete, f"killed after {survived} calls"


@contextmanager
def killed_after(calls: int, stack: Stack) -> Iterator[None]:
    counted = itertools.count()

    def kill(**_: Any) -> None:
        if next(counted) >= calls:
            raise KilledError

    for client in (stack.dynamodb, stack.s3):
        client.meta.events.register("before-call.*.*", kill)
    yield
    for client in (stack.dynamodb, stack.s3):
        client.meta.events.unregister("before-call.*.*", kill)


def without_random_values(stack: Stack) -> str:
    """Returns the state without what depends on the salt and on the time of the import."""
    blob = blob_id(stack.wiring.salt_store.read(), png(0))
    text = str(state(stack)).replace(blob, "<blob>")
    return text.replace(str(NOW), "<now>").replace(str(stack.now), "<now>")


def test_one_image_in_several_forms_is_stored_once_from_the_first_intact_file(
    stack: Stack, bring: Bring
) -> None:
    export = Export()
    export.image(1, sha256="ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
    export.image(1, url=on_disk(1), content=png(50))
    export.image(1, content=png(60))
    assert bring(export) == {"wrong_checksum": 1, "imported": 1, "same_image": 1}
    assert stack.row(key(1))["fileSize"] == str(len(png(50)))
    assert stack.row(key(1))["sourceUrl"] == on_disk(1)


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (b"<!DOCTYPE html>\n<HTML><title>error code: 1033</title></HTML>", "a_page"),
        (b"\x89PNG\r\n\x1a\n broken", "undecodable"),
        (b"GIF89a", "undecodable"),
        (b"", "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_svg"),
        (b"\0" * (MAX_IMAGE_BYTES + 1), "too_large"),
    ],
)
def test_bytes_that_are_not_a_picture_are_left_out_with_their_reason_and_harm_no_other(
    stack: Stack, bring: Bring, content: bytes, result: str
) -> None:
    export = Export()
    export.image(1, content=content)
    export.image(2)
    assert bring(export) == {result: 1, "imported": 1}
    assert stack.row(key(1)) == {}


def test_a_url_that_is_never_fetched_is_left_out_with_its_reason(stack: Stack, bring: Bring) -> None:
    export = Export()
    for url in ("ftp://pictures.example/1.png", "file:///etc/passwd", "", "https://pictures.example/1.png"):
        export.image(1, url=url)
    assert bring(export) == {
        "unsupported_scheme": 1,
        "outside_media_folder": 1,
        "malformed": 1,
        "imported": 1,
    }
    assert [row["imageKey"] for row in state(stack)["CachedImagesTable"]] == [
        {"S": "https://pictures.example/1.png"}
    ]


def test_what_was_forgotten_is_not_brought_back(stack: Stack, bring: Bring) -> None:
    made.cache(stack, key(1), "b10b")
    stack.cached_images.forget(key(1))
    before = state(stack)
    export = Export()
    export.image(1)
    assert bring(export) == {"forgotten": 1}
    assert state(stack) == before


def test_a_cached_image_is_left_as_it_is_even_if_a_refresh_is_requested(stack: Stack, bring: Bring) -> None:
    made.cache(stack, key(1), "b10b")
    stack.cached_images.request_refresh(key(1), now=NOW + 1)
    before = state(stack)
    export = Export()
    export.image(1)
    assert bring(export) == {"already_there": 1}
    assert state(stack) == before


def test_an_image_that_a_worker_has_claimed_is_left_to_it(stack: Stack, bring: Bring) -> None:
    export = Export()
    export.image(1)
    request = ImageMessage(key(1), mxc(1), NOW)
    stack.claims.claim(request, now=NOW, lease_seconds=90, nonce="other")
    assert bring(export) == {"held": 1}
    stack.now += 91_000
    assert bring(export) == {"imported": 1}


@pytest.mark.parametrize(
    ("interfere", "outcome"),
    [
        (lambda stack: stack, Outcome.ALREADY_THERE),
        (lambda stack: stack.cached_images.forget(key(1)), Outcome.FORGOTTEN),
        (lambda stack: stack.cached_images.request_refresh(key(1), now=NOW + 9), Outcome.ALREADY_THERE),
    ],
)
def test_a_cacher_that_is_faster_wins_and_the_import_leaves_nothing_behind(
    stack: Stack, tmp_path: Path, interfere: Callable[[Stack], object], outcome: Outcome
) -> None:
    """The cacher caches the image after the import has read its row and before the import claims it."""
    export = Export()
    export.image(1)

    def nonce() -> str:
        made.cache(stack, key(1), "b10b")
        return str(interfere(stack))

    slower = replace(image_import(stack.wiring, dry_run=False), images_at_once=1, nonce=nonce)
    with open_archive(export.zipped(tmp_path / "s.zip")) as archive:
        assert [*slower.run(read_snapshot(archive))] == [DocumentResult("image0", outcome)]
    assert state(stack)["objects"] == []
    assert stack.row(key(1)).get("blobId") in {None, "b10b"}


@pytest.mark.parametrize("due", [NOW + 1, NEVER])
def test_imported_bytes_replace_a_failure_even_one_for_good(stack: Stack, bring: Bring, due: int) -> None:
    made.fail(stack, key(1), next_attempt_at=due)
    export = Export()
    export.image(1)
    assert bring(export) == {"imported": 1}
    row = stack.row(key(1))
    assert (row["status"], {"reason", "nextAttemptAt", "failures"} & row.keys()) == ("cached", set())


def test_an_error_of_aws_is_not_counted_as_an_attempt_of_the_image(stack: Stack, tmp_path: Path) -> None:
    export = Export()
    export.image(1)
    stack.s3.delete_bucket(Bucket="images")
    with pytest.raises(StoreUnavailableError, match="NoSuchBucket"):
        imported(stack, export, tmp_path / "s.zip")
    assert (stack.row(key(1))["attempts"], "lease" in stack.row(key(1))) == ("0", False)


def test_a_chat_that_is_here_already_is_left_as_it_is(stack: Stack, bring: Bring) -> None:
    export = Export()
    export.tables["beeperChats"] = [chat(1), chat(1, title="Twice"), chat(2, chatId=None)]
    made.put(stack, replace(made.CHAT, chat_id="!1:beeper.local"))
    before = state(stack)
    assert bring(export) == {"already_there": 1, "same_chat": 1, "no_id": 1}
    assert state(stack) == before


def test_a_chat_that_a_killed_sync_has_begun_is_left_to_the_next_sync(stack: Stack, bring: Bring) -> None:
    """The chat's members are stored, and the chat itself is not."""
    export = Export()
    export.tables["beeperChats"] = [chat(1)]
    stack.participants_table.put("!1:beeper.local", [made.person("1:beeper.local")], fence=3)
    before = state(stack)
    assert bring(export) == {"already_there": 1}
    assert state(stack) == before


def test_no_chat_is_written_while_sync_runs(stack: Stack, bring: Bring) -> None:
    held = stack.wiring.sync_lock.acquire(now=NOW, lease_ms=MINUTE)
    assert held is not None
    assert bring(three_chats()) == {"imported": 2, "sync_runs": 3}
    stack.wiring.sync_lock.release(held.fence)
    assert bring(three_chats()) == {"already_there": 2, "imported": 3}
    assert stack.wiring.sync_lock.acquire(now=NOW, lease_ms=MINUTE) is not None, "the lock was given back"


def test_every_document_is_accounted_for(stack: Stack, tmp_path: Path) -> None:
    export = three_chats()
    export.image(9, url="nowhere")
    images, chats = imported(stack, export, tmp_path / "s.zip")
    assert {result.document_id: result.outcome for result in images} == {
        "image0": Outcome.IMPORTED,
        "image1": Outcome.IMPORTED,
        "image2": RejectionReason.MALFORMED,
    }
    assert {result.document_id for result in chats} == {"chat0", "chat1", "chat2"}
    assert sum(result.imported_bytes for result in images) == len(png(0)) + len(png(1))
