"""Repairs and revalidations: lost objects are restored, and no image that is shown is lost by that."""

import json

import pytest

from imagecache.key_set import KeySet
from imagecache.rules.source_urls import image_key
from imagecache.stores.blobs import object_keys
from imagecache.stores.chats.participants import ShownKeys
from imagecache.usecases.upkeep.sweep_blobs import Stock
from imagecache.usecases.upkeep.sweep_progress import SweepCounts
from tests.integration.conftest import Stack
from tests.integration.made import request
from tests.integration.sweeping import (
    DAY,
    a_picture,
    counted,
    keep,
    lose,
    nights,
    objects,
    shown,
    sweep_of,
    swept,
)

WEB = "https://example.org/ada.png"


@pytest.fixture
def blob(stack: Stack) -> str:
    """The blob of a picture that a chat shows."""
    shown(stack, "ada")
    return keep(stack, "s/ada")


def asked_for(stack: Stack) -> list[str]:
    return [json.loads(message["body"])["imageKey"] for message in stack.messages()]


@pytest.mark.parametrize("lost", [[1], [3], [1, 2, 3]])
def test_lost_thumbnails_are_made_again_from_the_original(stack: Stack, blob: str, lost: list[int]) -> None:
    before = {key: stack.s3.get_object(Bucket="images", Key=key)["Body"].read() for key in object_keys(blob)}
    row = stack.row("s/ada")
    lose(stack, *(object_keys(blob)[number] for number in lost))
    nights(stack, 2)
    assert counted(swept(stack)) == {"rebuilt": 1}
    for key, content in before.items():
        assert stack.s3.get_object(Bucket="images", Key=key)["Body"].read() == content
    assert stack.row("s/ada") == row
    assert asked_for(stack) == []
    assert counted(swept(stack)) == {}


@pytest.mark.parametrize("lost", [[4], [1, 4]])
def test_a_lost_moving_copy_is_made_again_from_the_original(stack: Stack, lost: list[int]) -> None:
    shown(stack, "ada")
    blob = keep(stack, "s/ada", is_animated=True)
    keys = object_keys(blob, is_animated=True)
    assert objects(stack) == set(keys)
    moving = stack.s3.get_object(Bucket="images", Key=keys[4])["Body"].read()
    nights(stack, 2)
    stack.calls.clear()
    assert counted(swept(stack)) == {}, "nothing is missing"
    assert stack.calls.count("ListObjectVersions") == 2, "the bucket is listed, and no single blob"
    lose(stack, *(keys[number] for number in lost))
    assert counted(swept(stack)) == {"rebuilt": 1}
    assert stack.s3.get_object(Bucket="images", Key=keys[4])["Body"].read() == moving
    assert counted(swept(stack)) == {}


def test_a_moving_copy_does_not_stand_for_a_lost_thumbnail(stack: Stack) -> None:
    """The row of an image that was cached by an earlier version says nothing of a moving copy."""
    shown(stack, "ada")
    blob = keep(stack, "s/ada", is_animated=True)
    stack.dynamodb.update_item(
        TableName="CachedImagesTable",
        Key={"imageKey": {"S": "s/ada"}},
        UpdateExpression="REMOVE isAnimated",
    )
    nights(stack, 2)
    assert counted(swept(stack)) == {}
    lose(stack, object_keys(blob)[1])
    assert counted(swept(stack)) == {"rebuilt": 1}


def test_a_lost_original_is_asked_for_while_its_thumbnails_go_on_being_shown(stack: Stack, blob: str) -> None:
    lose(stack, object_keys(blob)[0])
    nights(stack, 2)
    assert counted(swept(stack)) == {}, "it was fetched only days ago"
    nights(stack, 5)
    assert counted(swept(stack)) == {"refetched": 1}
    row = stack.row("s/ada")
    assert (row["status"], row["blobId"], row["refreshRequestedAt"]) == ("cached", blob, str(stack.now))
    assert asked_for(stack) == ["s/ada"]


def test_an_image_of_which_nothing_is_left_is_downloaded_again(stack: Stack, blob: str) -> None:
    lose(stack, *object_keys(blob))
    nights(stack, 2)
    assert counted(swept(stack)) == {"lost": 1}
    row = stack.row("s/ada")
    assert row["status"] == "pending"
    assert not {"blobId", "view", "cachedAt", "checkedAt"} & row.keys()
    assert asked_for(stack) == ["s/ada"]
    assert keep(stack, "s/ada") == blob
    assert counted(swept(stack)) == {}


@pytest.mark.parametrize("left", [0, 1, 4])
def test_deleted_objects_are_undeleted_and_not_given_up(stack: Stack, blob: str, left: int) -> None:
    """`aws s3 rm` leaves the versions in the bucket, which may be the last copies there are."""
    for key in object_keys(blob)[left:]:
        stack.s3.delete_object(Bucket="images", Key=key)
    lose(stack, *object_keys(blob)[:left][1:])
    nights(stack, 2)
    assert counted(swept(stack)) == {0: {"undeleted": 1}, 1: {"undeleted": 1}, 4: {"rebuilt": 1}}[left]
    assert objects(stack) == set(object_keys(blob))
    assert stack.row("s/ada")["blobId"] == blob
    assert asked_for(stack) == []


def test_an_original_that_cannot_be_decoded_any_more_is_left_to_a_person(stack: Stack, blob: str) -> None:
    original, small, *_ = object_keys(blob)
    stack.s3.put_object(Bucket="images", Key=original, Body=b"not what was stored")
    lose(stack, small)
    nights(stack, 2)
    assert counted(swept(stack)) == {"damaged": 1}
    assert stack.row("s/ada")["blobId"] == blob
    assert len([one for one in stack.blobs.versions(blob) if one.is_original]) == 2


def test_objects_that_only_seem_to_be_missing_are_not_touched(stack: Stack, blob: str) -> None:
    """The bucket was listed before the worker stored the objects."""
    row = stack.row("s/ada")
    nights(stack, 2)
    sweep = sweep_of(stack)
    [page] = sweep.row_sweeper.sweep(
        after=None, shown=ShownKeys(KeySet(["s/ada"])), stock=Stock(), dry_run=False
    )
    assert (page.counts, page.last_key) == (SweepCounts(rows=1), None)
    assert stack.row("s/ada") == row
    assert objects(stack) == set(object_keys(blob))


@pytest.mark.parametrize("meanwhile", ["another blob", "a worker"])
def test_a_row_that_has_changed_meanwhile_keeps_what_it_has(stack: Stack, blob: str, meanwhile: str) -> None:
    lose(stack, *object_keys(blob))
    [row], _ = stack.cached_images.rows_for_sweep(after=None)
    stack.cached_images.request_refresh("s/ada", now=stack.now + 1)
    if meanwhile == "another blob":
        keep(stack, "s/ada", "blue")
    else:
        stack.claims.claim(request("s/ada"), now=stack.now, lease_seconds=90, nonce="other")
    assert stack.cached_images.reset_to_pending("s/ada", blob_id=blob, now=stack.now) is False
    assert row.blob_id == blob
    assert stack.row("s/ada")["status"] == "cached"


def test_an_image_of_the_web_is_revalidated_after_thirty_days_and_no_other(stack: Stack, blob: str) -> None:
    web = image_key(WEB)
    keep(stack, web, "green", url=WEB)
    stack.cached_images.record_look_up(web, now=stack.now + DAY)
    nights(stack, 29)
    assert counted(swept(stack)) == {}
    nights(stack, 1)
    assert counted(swept(stack)) == {"revalidated": 1}
    assert asked_for(stack) == [web]
    assert stack.row(web)["status"] == "cached"
    assert "refreshRequestedAt" not in stack.row("s/ada")
    assert stack.row("s/ada")["blobId"] == blob


@pytest.mark.usefixtures("blob")
def test_images_from_beeper_are_revalidated_only_if_a_setting_says_so(stack: Stack) -> None:
    nights(stack, 29)
    sweep = sweep_of(stack, refetch_media_after=30 * DAY)
    assert counted(swept(stack, sweep)) == {}
    nights(stack, 1)
    assert counted(swept(stack, sweep)) == {"revalidated": 1}


def test_only_images_of_recently_active_chats_are_queued_if_a_setting_says_so(stack: Stack) -> None:
    shown(stack, "new")
    nights(stack, 8)
    assert counted(swept(stack, sweep_of(stack, active_within_days=7))) == {}
    assert counted(swept(stack, sweep_of(stack, active_within_days=9))) == {"queued": 1}


@pytest.mark.usefixtures("blob")
def test_the_snapshot_has_bytes_orphans_and_refusals(stack: Stack) -> None:
    keep(stack, "s/old", "blue")
    nights(stack, 2)
    swept(stack)
    snapshot = stack.wiring.statistics_store.read()
    originals = len(a_picture("red")) + len(a_picture("blue"))
    served = sum(
        entry["Size"] for entry in stack.s3.list_objects_v2(Bucket="images", Prefix="images/")["Contents"]
    )
    assert {name: snapshot[name] for name in ("images", "orphaned", "original_bytes", "served_bytes")} == {
        "images": 2,
        "orphaned": 1,
        "original_bytes": originals,
        "served_bytes": served,
    }
    assert (snapshot["swept_at"], snapshot["refused"]) == (stack.now, [])
    nights(stack, 30)
    swept(stack)
    assert stack.wiring.statistics_store.read()["orphaned"] == 0
