"""What the original application had is here afterwards, once, and whatever was here is as it was."""

import hashlib
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
from imagecache.model.image import ImageMessage, ImageStatus
from imagecache.rules.retries import NEVER
from imagecache.sources.transport import MAX_IMAGE_BYTES
from imagecache.stores.chats.participants import Reference
from imagecache_migration.convex_snapshot import read_snapshot
from imagecache_migration.import_snapshot import ChatImport, ImageImport, Outcome
from imagecache_migration.snapshot_archive import open_archive
from tests.integration import made
from tests.integration.accounts import chat_with, fill, person
from tests.integration.conftest import NOW, Stack, stack_on_moto
from tests.snapshots import CACHED_AT, Export, chat, key, mxc, on_disk, participant, png

MINUTE = 60_000
Bring = Callable[..., Counter[str]]


@pytest.fixture
def bring(stack: Stack, tmp_path: Path) -> Bring:
    """The import of an export: how often each result, of images and of chats."""

    def bring(export: Export, *, dry_run: bool = False) -> Counter[str]:
        images, chats = imported(stack, export, tmp_path / "snapshot.zip", dry_run=dry_run)
        return Counter(outcome.result for outcome in [*images, *chats])

    return bring


def imported(
    stack: Stack, export: Export, path: Path, *, dry_run: bool = False
) -> tuple[list[Outcome], list[Outcome]]:
    images = ImageImport(
        images=stack.cached_images,
        claims=stack.claims,
        blobs=stack.blobs,
        salt=stack.sync_state.salt,
        clock=stack.clock,
        at_once=1,
        dry_run=dry_run,
    )
    chats = ChatImport(
        chats=stack.chats_table,
        participants=stack.participants_table,
        state=stack.sync_state,
        clock=stack.clock,
        dry_run=dry_run,
    )
    with open_archive(export.zipped(path)) as archive:
        snapshot = read_snapshot(archive)
        return [*images.run(snapshot)], [*chats.run(snapshot)]


def three_chats() -> Export:
    """Chat 0 and 1 with one person each, 2 a group of both; their two pictures are cached."""
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
    """Every row and every object, but for what is random or counts attempts."""
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
    objects = [one["Key"] for one in stack.s3.list_objects_v2(Bucket="images").get("Contents", [])]
    return {**tables, "objects": objects}


def test_an_image_is_stored_as_the_cacher_stores_it_with_the_moment_of_the_original(
    stack: Stack, bring: Bring
) -> None:
    export = Export()
    export.image(1)
    assert bring(export) == {"imported": 1}
    row = stack.row(key(1))
    blob = hashlib.sha256(stack.sync_state.salt() + png(1)).hexdigest()
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
    """Sync finds the chats changed, completes them, and asks for no picture but the one that is new."""
    fill(
        demo,
        [chat_with(0, person(0)), chat_with(1, person(1)), chat_with(2, person(0), person(1), person(2))],
    )
    export = three_chats()
    for number in (0, 1):
        export.table("cachedImages")[number]["sourceUrl"] = f"mxc://local.beeper.com/alex_{number}"
    for one in [*export.table("beeperChats"), *export.table("beeperParticipants")]:
        one.update({name: url.replace("MediaId", "") for name, url in one.items() if "mxc://" in str(url)})
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
    listed = stack.chat_reader.several(f"!{number}:beeper.local" for number in range(3))
    shown = {
        one.chat_id: [member.image and member.image.key for member in one.participants] for one in listed
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
    assert stack.writes() == ["UpdateItem"] * 2, "the lock of sync, taken and given back"


def test_a_dry_run_says_the_same_and_writes_nothing(stack: Stack, bring: Bring) -> None:
    export = three_chats()
    export.image(5, content=b"<!doctype html><html>asleep</html>")
    assert bring(export, dry_run=True) == {"imported": 5, "a_page": 1}
    assert stack.writes() == []
    assert bring(export) == {"imported": 5, "a_page": 1}
    assert bring(export, dry_run=True) == {"already_there": 5, "a_page": 1}


class KilledError(Exception):
    """The command ends here, as if its process had been killed."""


def test_killed_before_any_call_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    """Before each of its calls in turn; what it had leased is free again after a while."""
    export = Export()
    export.image(0)
    export.tables["beeperChats"] = [chat(0), chat(1)]
    with stack_on_moto() as stack:
        imported(stack, export, tmp_path / "s.zip")
        calls, whole = len(stack.calls), without_what_is_random(stack)
    assert calls > 12
    for survived in range(calls):
        with stack_on_moto() as stack:
            with killed_after(survived, stack), pytest.raises(KilledError):
                imported(stack, export, tmp_path / "s.zip")
            stack.now += 10 * MINUTE + 1
            imported(stack, export, tmp_path / "s.zip")
            assert without_what_is_random(stack) == whole, f"killed after {survived} calls"


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


def without_what_is_random(stack: Stack) -> str:
    """The salt, and when it was done."""
    blob = hashlib.sha256(stack.sync_state.salt() + png(0)).hexdigest()
    known = str(state(stack)).replace(blob, "<blob>")
    return known.replace(str(NOW), "<now>").replace(str(stack.now), "<now>")


def test_one_image_in_several_forms_is_stored_once_from_the_first_that_is_whole(
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
def test_bytes_that_are_no_picture_are_left_out_by_name_and_harm_no_other(
    stack: Stack, bring: Bring, content: bytes, result: str
) -> None:
    export = Export()
    export.image(1, content=content)
    export.image(2)
    assert bring(export) == {result: 1, "imported": 1}
    assert stack.row(key(1)) == {}


def test_a_url_that_is_never_fetched_is_left_out_by_its_reason(stack: Stack, bring: Bring) -> None:
    export = Export()
    for url in ("ftp://pictures.example/1.png", "file:///etc/passwd", "", "https://pictures.example/1.png"):
        export.image(1, url=url)
    assert bring(export) == {
        "rejected_unsupported_scheme": 1,
        "rejected_outside_media_folder": 1,
        "rejected_malformed": 1,
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


def test_what_is_cached_already_is_left_as_it_is_though_a_newer_one_is_wanted(
    stack: Stack, bring: Bring
) -> None:
    made.cache(stack, key(1), "b10b")
    stack.cached_images.request_refresh(key(1), now=NOW + 1)
    before = state(stack)
    export = Export()
    export.image(1)
    assert bring(export) == {"already_there": 1}
    assert state(stack) == before


def test_what_a_worker_has_in_its_hands_is_left_to_it(stack: Stack, bring: Bring) -> None:
    export = Export()
    export.image(1)
    request = ImageMessage(key(1), mxc(1), NOW)
    stack.claims.claim(request, now=NOW, lease_seconds=90, nonce="other")
    assert bring(export) == {"held": 1}
    stack.now += 91_000
    assert bring(export) == {"imported": 1}


@pytest.mark.parametrize(
    ("interfere", "result"),
    [
        (lambda stack: stack, "already_there"),
        (lambda stack: stack.cached_images.forget(key(1)), "forgotten"),
        (lambda stack: stack.cached_images.request_refresh(key(1), now=NOW + 9), "already_there"),
    ],
)
def test_a_cacher_that_is_faster_wins_and_the_import_leaves_nothing_behind(
    stack: Stack, tmp_path: Path, interfere: Callable[[Stack], object], result: str
) -> None:
    """In the moment between looking and claiming."""
    export = Export()
    export.image(1)

    def nonce() -> str:
        made.cache(stack, key(1), "b10b")
        return str(interfere(stack))

    late = ImageImport(
        images=stack.cached_images,
        claims=stack.claims,
        blobs=stack.blobs,
        salt=stack.sync_state.salt,
        clock=stack.clock,
        at_once=1,
        dry_run=False,
        nonce=nonce,
    )
    with open_archive(export.zipped(tmp_path / "s.zip")) as archive:
        assert [*late.run(read_snapshot(archive))] == [Outcome("image0", result, bytes=0)]
    assert state(stack)["objects"] == []
    assert stack.row(key(1)).get("blobId") in {None, "b10b"}


@pytest.mark.parametrize("due", [NOW + 1, NEVER])
def test_bytes_are_better_than_a_failure_even_a_final_one(stack: Stack, bring: Bring, due: int) -> None:
    made.fail(stack, key(1), next_attempt_at=due)
    export = Export()
    export.image(1)
    assert bring(export) == {"imported": 1}
    row = stack.row(key(1))
    assert (row["status"], {"reason", "nextAttemptAt", "failures"} & row.keys()) == ("cached", set())


def test_a_refusal_of_aws_is_not_counted_against_the_image(stack: Stack, tmp_path: Path) -> None:
    export = Export()
    export.image(1)
    stack.s3.delete_bucket(Bucket="images")
    with pytest.raises(StoreUnavailableError, match="NoSuchBucket"):
        imported(stack, export, tmp_path / "s.zip")
    assert (stack.row(key(1))["attempts"], "lease" in stack.row(key(1))) == ("0", False)


def test_a_chat_that_is_here_is_left_as_it_is(stack: Stack, bring: Bring) -> None:
    export = Export()
    export.tables["beeperChats"] = [chat(1), chat(1, title="Twice"), chat(2, chatId=None)]
    made.put(stack, replace(made.CHAT, chat_id="!1:beeper.local"))
    before = state(stack)
    assert bring(export) == {"already_there": 1, "same_chat": 1, "no_id": 1}
    assert state(stack) == before


def test_what_a_killed_sync_has_begun_is_left_to_the_next_one(stack: Stack, bring: Bring) -> None:
    """Its members are there, the chat is not yet."""
    export = Export()
    export.tables["beeperChats"] = [chat(1)]
    stack.participants_table.put("!1:beeper.local", [made.person("1:beeper.local")], fence=3)
    before = state(stack)
    assert bring(export) == {"already_there": 1}
    assert state(stack) == before


def test_no_chat_is_written_while_sync_runs(stack: Stack, bring: Bring) -> None:
    fence = stack.sync_state.lock(now=NOW, milliseconds=MINUTE)
    assert fence is not None
    assert bring(three_chats()) == {"imported": 2, "sync_runs": 3}
    stack.sync_state.unlock(fence)
    assert bring(three_chats()) == {"already_there": 2, "imported": 3}
    assert stack.sync_state.lock(now=NOW, milliseconds=MINUTE) is not None, "given back"


def test_every_document_is_accounted_for(stack: Stack, tmp_path: Path) -> None:
    export = three_chats()
    export.image(9, url="nowhere")
    images, chats = imported(stack, export, tmp_path / "s.zip")
    assert {one.document_id: one.result for one in images} == {
        "image0": "imported",
        "image1": "imported",
        "image2": "rejected_malformed",
    }
    assert {one.document_id for one in chats} == {"chat0", "chat1", "chat2"}
    assert sum(one.bytes for one in images) == len(png(0)) + len(png(1))
