"""The brakes: a sweep deletes nothing if it would be too much, or if it cannot know what is shown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imagecache.imaging.pictures import render
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.blobs import object_keys
from imagecache.stores.state.beeper_health import BeeperState
from tests.integration.conftest import Stack
from tests.integration.made import fail
from tests.integration.sweeping import DAY, a_picture, counted, keep, nights, objects, shown, sweep_of, swept
from tests.integration.sync_results import beeper_was_found


def orphaned(stack: Stack, count: int) -> None:
    """Makes so many images that have had no reference for thirty days."""
    for number in range(count):
        fail(stack, f"s/{number}")
    nights(stack, 2)
    swept(stack)
    nights(stack, 30)


@pytest.mark.parametrize(
    ("gone", "of", "stopped"), [(50, 50, False), (51, 51, True), (51, 254, True), (51, 255, False)]
)
def test_more_than_fifty_and_more_than_a_fifth_are_too_much(gone: int, of: int, stopped: bool) -> None:
    assert is_too_much(gone, of=of, more_than=50, share=0.2) is stopped


def test_so_many_images_are_deleted_only_when_a_person_forces_it(stack: Stack) -> None:
    orphaned(stack, 51)
    refused = swept(stack)
    assert (refused.result["refused"], refused.result["due"]) == (["too_many_images"], 51)
    assert stack.row("s/50")["status"] == "failed"
    forced = swept(stack, force=True)
    assert (forced.result["refused"], forced.result["deleted"]) == ([], 51)


def test_an_emptied_table_does_not_take_the_originals_with_it(stack: Stack) -> None:
    blobs = [f"{number:064x}" for number in range(51)]
    for blob in blobs:
        stack.s3.put_object(Bucket="images", Key=f"originals/{blob}", Body=b"x")
    nights(stack, 2)
    job = swept(stack)
    assert (job.result["refused"], job.result["unnamed"]) == (["too_many_blobs"], 51)
    assert len(objects(stack)) == 51
    assert swept(stack, force=True).result["versionsDeleted"] == 51


@pytest.mark.parametrize(
    ("state", "reason"), [(BeeperState.OK, "no_recent_sync"), (BeeperState.OFFLINE, "offline")]
)
def test_nothing_is_deleted_when_the_last_complete_sync_is_two_days_old(
    stack: Stack, state: BeeperState, reason: str
) -> None:
    orphaned(stack, 1)
    stack.blobs.put("loose", a_picture("red"), render(a_picture("red")))
    stack.now += 2 * DAY
    beeper_was_found(stack, state, now=stack.now)
    job = swept(stack)
    assert job.result["refused"] == [reason]
    assert counted(job) == {"due": 1, "unnamed": 1, "unnamedBytes": job.progress["unnamedBytes"]}
    assert objects(stack) == set(object_keys("loose"))
    assert stack.wiring.statistics_store.read()["refused"] == [reason]
    assert swept(stack, force=True).result["deleted"] == 1


@contextmanager
def refusing(stack: Stack, operation: str, *, index: str, times: int = 1000) -> Iterator[None]:
    """Lets DynamoDB refuse this operation on that index so many times."""

    def refuse(params: dict[str, Any], **_: object) -> None:
        nonlocal times
        if json.loads(params["body"]).get("IndexName") == index and times:
            times -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    event = f"before-call.dynamodb.{operation}"
    stack.dynamodb.meta.events.register_first(event, refuse)
    try:
        yield
    finally:
        stack.dynamodb.meta.events.unregister(event, refuse)


def test_nothing_is_marked_or_deleted_when_the_references_cannot_be_read(stack: Stack) -> None:
    orphaned(stack, 1)
    keep(stack, "s/ada")
    stack.blobs.put("loose", a_picture("blue"), render(a_picture("blue")))
    nights(stack, 2)
    with refusing(stack, "Scan", index="byImage", times=1):
        assert swept(stack, force=True).result["refused"] == ["scan_failed"]
    assert stack.row("s/0")["status"] == "failed"
    assert "orphanedAt" not in stack.row("s/ada")
    assert set(object_keys("loose")) <= objects(stack)
    assert counted(swept(stack))["deleted"] == 1


def test_an_image_whose_references_cannot_be_read_is_not_deleted_but_counted(stack: Stack) -> None:
    orphaned(stack, 1)
    with refusing(stack, "Query", index="byImage"):
        assert counted(swept(stack)) == {"due": 1, "unsure": 1}
    assert stack.row("s/0")["status"] == "failed"


def test_content_whose_rows_cannot_be_read_is_left_alone(stack: Stack) -> None:
    stack.blobs.put("loose", a_picture("red"), render(a_picture("red")))
    nights(stack, 2)
    with refusing(stack, "Query", index="byBlob"):
        assert counted(swept(stack))["unsure"] == 1
    assert objects(stack) == set(object_keys("loose"))


def test_a_brake_stops_deletions_and_nothing_else(stack: Stack) -> None:
    shown(stack, "new")
    keep(stack, "s/old")
    stack.now += 3 * DAY
    job = swept(stack, sweep_of(stack))
    assert counted(job) == {"marked": 1, "queued": 1}
    assert job.result["refused"] == ["no_recent_sync"]
