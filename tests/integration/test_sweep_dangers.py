"""The worst moments: a sweep deletes no image that is shown, or is just about to be."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests

from demo.service import DemoAccount
from imagecache.imaging.pictures import render
from imagecache.model.image import Blob, ImageSource
from imagecache.model.job import JobStatus
from imagecache.stores.blobs import blob_id, object_keys
from imagecache.usecases.operating.jobs import Step
from imagecache.usecases.upkeep.sweep_progress import SweepCounts
from tests.integration.conftest import Stack, fresh_stack
from tests.integration.made import request
from tests.integration.sweeping import (
    DAY,
    a_picture,
    begun,
    counted,
    keep,
    nights,
    objects,
    shown,
    sweep_of,
    swept,
    synced,
)

MINUTES = 60_000


class KilledError(Exception):
    """The process was killed."""


@contextmanager
def before(stack: Stack, operation: str, act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` once, right before the first such call."""
    service, done = getattr(stack, operation.split(".", maxsplit=1)[0]), False

    def meanwhile(**_: object) -> None:
        nonlocal done
        if not done:
            done = True
            act()

    service.meta.events.register(f"before-call.{operation}", meanwhile)
    try:
        yield
        assert done, f"there was no {operation}"
    finally:
        service.meta.events.unregister(f"before-call.{operation}", meanwhile)


@pytest.fixture
def due(stack: Stack) -> str:
    """The blob of an image that the next sweep deletes."""
    blob = keep(stack, "s/ada")
    nights(stack, 2)
    swept(stack)
    nights(stack, 30)
    return blob


def test_content_that_a_cacher_adopts_while_it_is_deleted_is_not_lost(stack: Stack) -> None:
    """The sweep has seen that no row names it; the worker has stored it, and commits after the deletion."""
    shown(stack, "ada")
    original = a_picture("red")
    blob = blob_id(b"salt", original)
    stack.blobs.put(blob, original, render(original))
    nights(stack, 2)
    claim = stack.won(request("s/ada"))
    with before(stack, "s3.DeleteObjects", lambda: stack.blobs.put(blob, original, render(original))):
        assert counted(swept(stack))["versionsDeleted"] == 4
    stack.claims.commit(claim, Blob(blob, "image/png", len(original), 32, 32), now=stack.now)
    assert objects(stack) == set(object_keys(blob))


def test_content_that_a_row_names_since_it_was_counted_is_left_alone(stack: Stack) -> None:
    shown(stack, "ada")
    original = a_picture("red")
    stack.blobs.put(blob_id(b"salt", original), original, render(original))
    nights(stack, 2)
    sweep = sweep_of(stack)
    stock = sweep.blob_sweeper.take_stock(old_before=stack.now - DAY)
    unnamed = sweep.blob_sweeper.unnamed_blobs(stock)
    keep(stack, "s/ada")
    old_versions = sweep.blob_sweeper.old_versions(unnamed, listed=stock.listed, old_before=stack.now - DAY)
    counts = sweep.blob_sweeper.delete(old_versions)
    assert counts == SweepCounts(unsure=1)


def test_a_reference_added_right_before_the_deletion_keeps_the_image(stack: Stack, due: str) -> None:
    """The query for references has missed it, because an index may lag behind its table."""

    def sync() -> None:
        shown(stack, "ada")
        assert stack.image_queueing.request([ImageSource("s/ada", "mxc://s/ada")]) == 0

    with before(stack, "dynamodb.BatchExecuteStatement", sync):
        assert counted(swept(stack)) == {"due": 1, "dueBytes": len(a_picture("red"))}
    assert stack.row("s/ada")["blobId"] == due
    assert objects(stack) == set(object_keys(due))
    assert "orphanedAt" not in stack.row("s/ada")


def test_a_reference_added_right_after_the_deletion_has_the_image_fetched_again(
    stack: Stack, due: str
) -> None:
    """Sync has read the row before it was deleted, and notices it when it cannot remove the mark."""
    assert objects(stack) == set(object_keys(due))
    shown(stack, "ada")

    def sweep() -> None:
        stack.participants_table.remove([("!ada", "@ada")], fence=1)  # not yet in the index
        swept(stack)
        shown(stack, "ada")

    with before(stack, "dynamodb.UpdateItem", sweep):
        assert stack.image_queueing.request([ImageSource("s/ada", "mxc://s/ada")]) == 1
    assert stack.row("s/ada")["status"] == "pending"


def test_an_image_that_is_shown_since_the_references_were_read_does_not_stay_marked(stack: Stack) -> None:
    keep(stack, "s/ada")
    nights(stack, 2)

    def show() -> None:
        shown(stack, "ada")

    with before(stack, "s3.ListObjectVersions", show):
        assert counted(swept(stack)) == {"marked": 1}
    assert "orphanedAt" not in stack.row("s/ada")


def test_an_image_that_a_worker_has_is_not_deleted(stack: Stack, due: str) -> None:
    stack.cached_images.request_refresh("s/ada", now=stack.now)
    stack.claims.claim(request("s/ada"), now=stack.now, lease_seconds=90, nonce="n")
    assert counted(swept(stack)) == {"due": 1, "dueBytes": len(a_picture("red"))}
    assert stack.row("s/ada")["blobId"] == due


def test_an_incomplete_list_of_beepers_costs_no_image(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    """Two of three chats are not listed for a month: more than the brake lets through.

    None is deleted, so their images keep their references.
    """
    stack.sync(demo, session)
    pages = stack.dynamodb.get_paginator("scan").paginate(
        TableName="ChatParticipantsTable", IndexName="byImage"
    )
    keys = {item["imageKey"]["S"] for page in pages for item in page["Items"]}
    hidden = [chat for number, chat in enumerate(demo.account.chats) if number % 3]
    for chat in hidden:
        demo.account.remove_chat(chat.id)
    for _ in range(3):
        stack.now += 16 * DAY
        report = stack.sync(demo, session, complete=True)
        swept(stack)
    assert report.refused == len(hidden)
    assert set(stack.cached_images.records(keys)) == keys
    assert not any("orphanedAt" in stack.row(key) for key in keys)


def test_two_sweeps_at_once_do_together_what_one_does(stack: Stack, due: str) -> None:
    shown(stack, "bob", "new")
    bob = keep(stack, "s/bob", "blue")
    assert due != bob
    runs = [sweep_of(stack).run(replace(begun(stack), job_id=name)) for name in ("one", "two")]
    told: list[Step] = []
    while runs:
        for run in list(runs):
            try:
                told.append(next(run))
            except StopIteration:
                runs.remove(run)
    assert sum(step.counts.get("deleted", 0) for step in told) == 1
    assert stack.row("s/ada") == {}
    assert objects(stack) == set(object_keys(bob))
    assert [one["body"].count("s/new") for one in stack.messages()] == [2], "key and URL, in one message"


def test_a_sweep_that_is_killed_before_any_write_is_completed_by_the_next() -> None:
    """A kill before a read leaves what a kill before the next write leaves, so only writes are tried."""
    for writes_before_the_kill in itertools.count():
        with fresh_stack() as stack:
            blob = keep(stack, "s/ada")
            shown(stack, "bob", "new")
            bob = keep(stack, "s/bob", "blue")
            nights(stack, 2)
            swept(stack)
            stack.messages()
            nights(stack, 30)
            was_killed = swept_until_killed(stack, writes_before_the_kill)
            nights(stack, 1)
            assert swept(stack).status is JobStatus.DONE
            assert stack.row("s/ada") == {}
            assert blob not in str(objects(stack))
            assert objects(stack) == set(object_keys(bob))
            assert stack.row("s/new")["status"] == "pending"
        if not was_killed:
            break
    assert writes_before_the_kill > 10


def swept_until_killed(stack: Stack, writes: int) -> bool:
    """Kills a sweep after so many writes. Returns False if it was done before."""

    def kill(**_: object) -> None:
        if len(stack.writes()) > writes:
            raise KilledError

    services = (stack.dynamodb, stack.s3, stack.sqs)
    stack.calls.clear()
    for service in services:
        service.meta.events.register("before-call.*.*", kill)
    try:
        swept(stack)
    except KilledError:
        return True
    finally:
        for service in services:
            service.meta.events.unregister("before-call.*.*", kill)
    return False


@pytest.mark.parametrize("skew", [-10 * MINUTES, 10 * MINUTES])
def test_clocks_that_are_minutes_apart_cost_no_image(stack: Stack, skew: int) -> None:
    """The sweep's clock differs from the clocks of the workers and of the bucket."""
    shown(stack, "ada")
    original = a_picture("red")
    blob = blob_id(b"salt", original)
    synced(stack)
    claim = stack.won(request("s/ada"))
    stack.blobs.put(blob, original, render(original))
    stack.now += skew
    assert counted(swept(stack)).keys() <= {"queued"}, "it may take the lease for lapsed"
    stack.now -= skew
    stack.claims.commit(claim, Blob(blob, "image/png", len(original), 32, 32), now=stack.now)
    assert objects(stack) == set(object_keys(blob))
    keep(stack, "s/bob", "blue")
    stack.now += skew + 2 * DAY
    synced(stack)
    assert counted(swept(stack)) == {"marked": 1}
    stack.now += -skew
    shown(stack, "bob", chat_id="!bob")
    stack.image_queueing.request([ImageSource("s/bob", "mxc://s/bob")])
    assert "orphanedAt" not in stack.row("s/bob")
