"""The nightly sweep: images without a reference are deleted after a grace, and all others are kept."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from imagecache.api.values import iso8601
from imagecache.imaging.pictures import render
from imagecache.model.chat import Chat
from imagecache.model.contact import Contact, KeptBy
from imagecache.model.image import ImageRef, ImageSource
from imagecache.model.job import BackfillOrder, JobStatus, RetryFailedOrder, new_job
from imagecache.queues.images import from_body
from imagecache.rules.source_urls import image_key
from imagecache.stores.blobs import object_keys
from imagecache.stores.chats.participants import ShownKeys
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.upkeep import sweep_cache
from imagecache.usecases.upkeep.sweep_rows import RowSweeper
from tests.integration.api import Api
from tests.integration.conftest import NOW, Stack
from tests.integration.made import ADA, fail
from tests.integration.sweeping import DAY, a_picture, counted, keep, nights, objects, shown, sweep_of, swept

WEB = "https://example.org/ada.png"


def unshown(stack: Stack, chat: Chat) -> None:
    stack.participants_table.remove(
        [(chat.chat_id, one.participant_id) for one in chat.participants], fence=1
    )


def test_an_image_without_a_reference_is_marked_kept_for_thirty_days_then_deleted_with_its_objects(
    stack: Stack,
) -> None:
    chat = shown(stack, "ada", "bob")
    ada, bob = keep(stack, "s/ada", "red"), keep(stack, "s/bob", "blue")
    unshown(stack, replace(chat, participants=chat.participants[1:]))
    nights(stack, 2)
    assert counted(swept(stack)) == {"marked": 1}
    marked_at = stack.now
    assert stack.row("s/bob")["orphanedAt"] == str(marked_at)
    nights(stack, 29)
    assert counted(swept(stack)) == {}
    assert objects(stack) == {*object_keys(ada), *object_keys(bob)}
    nights(stack, 1)
    job = swept(stack)
    size = len(a_picture("blue"))
    assert counted(job) == {
        "due": 1,
        "dueBytes": size,
        "deleted": 1,
        "unnamed": 1,
        "unnamedBytes": job.progress["bytesFreed"],
        "versionsDeleted": 4,
        "bytesFreed": job.progress["bytesFreed"],
    }
    assert job.progress["bytesFreed"] > size
    assert stack.row("s/bob") == {}
    assert objects(stack) == set(object_keys(ada))


def test_the_moving_copy_is_deleted_with_its_image(stack: Stack) -> None:
    keep(stack, "s/ada", is_animated=True)
    nights(stack, 2)
    assert counted(swept(stack)) == {"marked": 1}
    nights(stack, 30)
    assert swept(stack).progress["versionsDeleted"] == 5
    assert objects(stack) == set()


def test_an_orphan_that_could_not_be_cached_is_never_tried_again_and_is_deleted_in_time(
    stack: Stack,
) -> None:
    fail(stack, "s/bob")
    nights(stack, 2)
    assert counted(swept(stack)) == {"marked": 1}
    marked_at = stack.now
    nights(stack, 29)

    assert stack.wiring.image_queueing.request_due() == 0
    job = new_job("retry", RetryFailedOrder(), now=stack.now)
    assert sum(step.counts["queued"] for step in stack.wiring.image_backfill.retry_failed(job)) == 0

    assert (stack.messages(), stack.row("s/bob")["orphanedAt"]) == ([], str(marked_at))
    nights(stack, 1)
    assert counted(swept(stack)) == {"due": 1, "deleted": 1}
    assert stack.row("s/bob") == {}


def test_orphans_do_not_keep_other_images_that_are_due_waiting(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagecache.usecases.caching.queue_images._DUE_AT_ONCE", 1)
    for number, key in enumerate(("s/orphan1", "s/orphan2", "s/zoe")):
        fail(stack, key, next_attempt_at=NOW + number)
    for key in ("s/orphan1", "s/orphan2"):
        stack.cached_images.mark_orphans([key], now=NOW, at_once=1)
    stack.now += DAY
    assert stack.wiring.image_queueing.request_due() == 1
    assert [from_body(message["body"]).image_key for message in stack.messages()] == ["s/zoe"]


def test_an_image_that_the_sweep_has_just_deleted_is_not_queued_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    still_in_the_index = [ImageSource("s/bob", "mxc://s/bob")]
    monkeypatch.setattr(CachedImages, "due", lambda *_, **__: iter(still_in_the_index))
    assert stack.wiring.image_queueing.request_due() == 0
    assert (stack.messages(), stack.row("s/bob")) == ([], {})


@pytest.mark.parametrize("who", ["a chat", "a contact", "a look-up", "a chat's own picture"])
def test_whatever_is_shown_again_is_unmarked_and_kept(stack: Stack, who: str) -> None:
    keep(stack, "s/ada")
    nights(stack, 2)
    assert counted(swept(stack)) == {"marked": 1}
    match who:
        case "a chat":
            shown(stack, "ada")
        case "a contact":
            contact = Contact("c1", "Ada", "mxc://s/ada", ImageRef("s/ada"), (), KeptBy.MANUAL)
            stack.contacts_table.save(contact, before=None)
        case "a look-up":
            stack.cached_images.record_look_up("s/ada", now=stack.now)
        case "a chat's own picture":
            own = replace(ADA, participant_id="#chat")
            stack.participants_table.put("!group", [own], fence=1)
    nights(stack, 29)
    swept(stack)
    assert "orphanedAt" not in stack.row("s/ada")
    nights(stack, 0)
    assert counted(swept(stack)) == {}
    assert stack.row("s/ada")["status"] == "cached"


def test_an_image_that_is_shown_again_during_a_sweep_is_unmarked_by_the_search_for_missing_images(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(stack, "s/ada")
    nights(stack, 2)
    assert counted(swept(stack)) == {"marked": 1}
    read_references = RowSweeper.shown_images

    def then_shown(row_sweeper: RowSweeper) -> ShownKeys:
        keys = read_references(row_sweeper)
        shown(stack, "ada")
        return keys

    monkeypatch.setattr(RowSweeper, "shown_images", then_shown)
    nights(stack, 1)
    swept(stack)
    assert "orphanedAt" not in stack.row("s/ada")


def test_a_look_up_counts_for_thirty_days(stack: Stack) -> None:
    keep(stack, "s/ada")
    stack.cached_images.record_look_up("s/ada", now=stack.now)
    nights(stack, 29)
    assert counted(swept(stack)) == {}
    nights(stack, 1)
    assert counted(swept(stack)) == {"marked": 1}


def test_a_reference_takes_the_mark_away_at_once(stack: Stack) -> None:
    keep(stack, "s/ada")
    nights(stack, 2)
    swept(stack)
    assert stack.image_queueing.request([ImageSource("s/ada", "mxc://s/ada")]) == 0
    assert "orphanedAt" not in stack.row("s/ada")


def test_a_forgotten_image_is_remembered_however_long_it_has_no_reference(stack: Stack) -> None:
    keep(stack, "s/ada")
    stack.cached_images.forget("s/ada")
    for _ in range(3):
        nights(stack, 31)
        swept(stack)
    assert stack.row("s/ada")["status"] == "forgotten"
    assert objects(stack) == set()


def test_a_forgotten_image_that_a_chat_shows_is_brought_back_by_neither_sweep_nor_backfill(
    stack: Stack,
) -> None:
    shown(stack, "ada")
    keep(stack, "s/ada")
    stack.cached_images.forget("s/ada")
    nights(stack, 2)
    sweep = sweep_of(stack)
    job = swept(stack, sweep)
    again = new_job("b", BackfillOrder(), now=stack.now)
    backfilled = [step.counts for step in sweep.backfill.backfill(again, BackfillOrder())]
    assert (job.result.get("queued", 0), sum(one["queued"] for one in backfilled)) == (0, 0)
    assert sum(one["chats"] for one in backfilled) == 1
    assert stack.messages() == []
    assert stack.row("s/ada")["status"] == "forgotten"
    assert objects(stack) == set(), "the sweep has collected what forgetting left"


def test_a_failed_image_without_a_reference_is_deleted_too(stack: Stack) -> None:
    fail(stack, "s/ada")
    nights(stack, 2)
    swept(stack)
    nights(stack, 30)
    assert counted(swept(stack)) == {"due": 1, "deleted": 1}


def test_content_of_two_images_is_kept_until_both_are_gone(stack: Stack) -> None:
    chat = shown(stack, "ada")
    blob = keep(stack, "s/ada", "red")
    assert keep(stack, "s/twin", "red") == blob
    nights(stack, 2)
    swept(stack)
    nights(stack, 30)
    assert counted(swept(stack))["deleted"] == 1
    assert objects(stack) == set(object_keys(blob))
    unshown(stack, chat)
    nights(stack, 1)
    swept(stack)
    nights(stack, 30)
    assert counted(swept(stack))["versionsDeleted"] == 8
    assert objects(stack) == set()


def test_objects_that_no_row_names_are_kept_for_a_day(stack: Stack) -> None:
    original = a_picture("red")
    stack.blobs.put("loose", original, render(original))
    nights(stack, 0)
    assert counted(swept(stack)) == {}
    stack.now += DAY
    assert counted(swept(stack)) == {}
    stack.now += 1
    assert counted(swept(stack))["versionsDeleted"] == 4
    assert objects(stack) == set()


def test_a_sweep_in_as_many_invocations_as_it_has_steps_is_the_same_sweep(stack: Stack) -> None:
    keep(stack, "s/old", "blue")
    nights(stack, 2)
    assert counted(swept(stack, a_step_at_a_time=True)) == {"marked": 1}
    keep(stack, "s/ada", "red")
    shown(stack, "ada", "new")
    nights(stack, 30)
    job = swept(stack, a_step_at_a_time=True)
    assert job.status is JobStatus.DONE
    assert (job.result["deleted"], job.result["versionsDeleted"], job.result["queued"]) == (1, 4, 1)


def test_a_sweep_reads_the_rows_of_images_once(stack: Stack) -> None:
    keep(stack, "s/old", "blue")
    nights(stack, 2)
    swept(stack)
    keep(stack, "s/ada")
    shown(stack, "ada")
    nights(stack, 30)
    stack.calls.clear()
    assert swept(stack).result["deleted"] == 1
    assert "BatchGetItem" not in stack.calls
    scans = ("people", "references", "references of contacts", "rows", "blobs", "blobs", "members")
    assert stack.calls.count("Scan") == len(scans)


@pytest.mark.parametrize("most_kept", [2, 3], ids=["read again", "kept"])
def test_all_due_images_are_deleted_however_many_are_kept_in_memory(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, most_kept: int
) -> None:
    monkeypatch.setattr(sweep_cache, "_MOST_DUE_KEPT", most_kept)
    for name, color in (("one", "red"), ("two", "green"), ("three", "blue")):
        keep(stack, f"s/{name}", color)
    nights(stack, 2)
    swept(stack)
    nights(stack, 30)
    job = swept(stack, replace(sweep_of(stack), rows_per_step=2))
    assert (job.result["due"], job.result["deleted"]) == (3, 3)
    assert objects(stack) == set()


def test_a_refresh_whose_message_was_lost_is_queued_again(stack: Stack) -> None:
    keep(stack, "s/ada")
    shown(stack, "ada")
    stack.cached_images.request_refresh("s/ada", now=stack.now + 1)
    nights(stack, 2)
    assert counted(swept(stack)) == {"queued": 1}


def test_a_dry_run_plans_what_a_real_one_does_and_writes_nothing(stack: Stack) -> None:
    shown(stack, "ada", "new")
    keep(stack, image_key(WEB), "green", url=WEB)
    stack.cached_images.record_look_up(image_key(WEB), now=stack.now + 20 * DAY)
    lost = keep(stack, "s/ada", "red")
    keep(stack, "s/old", "blue")
    nights(stack, 2)
    swept(stack)
    stack.messages()
    stack.blobs.delete_versions(lost, before=stack.now + 1)
    stack.blobs.put("loose", a_picture("white"), render(a_picture("white")))
    nights(stack, 30)
    before = held(stack)
    stack.calls.clear()
    plan = swept(stack, dry_run=True)
    assert Counter(stack.writes()).keys() == {"PutItem", "UpdateItem"}, "how far the job is"
    assert Counter(stack.writes())["UpdateItem"] == 1, "the claim of the job"
    assert held(stack) == before
    assert stack.messages() == []
    told = counted(plan)
    assert {name: told[name] for name in ("due", "revalidated", "lost", "unnamed", "queued")} == {
        "due": 1,
        "revalidated": 1,
        "lost": 1,
        "unnamed": 1,
        "queued": 1,
    }
    assert told["dueBytes"] == len(a_picture("blue"))
    costs: Any = plan.result["costs"]
    assert set(costs) == {"reads", "writes", "lists", "messages", "dollars"}
    assert costs["messages"] == 3
    assert 0 < costs["dollars"] < 0.001
    done = counted(swept(stack))
    assert (done["deleted"], done["revalidated"], done["lost"]) == (1, 1, 1)


def test_statistics_report_the_last_sweep(stack: Stack) -> None:
    api = Api(stack)
    keep(stack, "s/old", "blue")
    before = api.get("/api/stats")
    assert (before["orphaned"], before["storage"]) == (None, {"originalBytes": None, "servedBytes": None})
    assert before["lastSweep"] == {"finishedAt": None, "refused": [], "deleted": None, "bytesFreed": None}
    nights(stack, 2)
    swept(stack)
    shown(stack, "ada")
    keep(stack, "s/ada", "red")
    nights(stack, 30)
    swept(stack, dry_run=True)
    assert api.get("/api/stats")["orphaned"] == 1
    assert api.get("/api/stats")["lastSweep"]["deleted"] == 0
    freed = swept(stack).progress["bytesFreed"]
    stats = api.get("/api/stats")
    assert stats["orphaned"] == 0
    assert stats["lastSweep"] == {
        "finishedAt": iso8601(stack.now),
        "refused": [],
        "deleted": 1,
        "bytesFreed": freed,
    }
    red = a_picture("red")
    left = {"originalBytes": len(red), "servedBytes": sum(map(len, render(red).thumbnails.values()))}
    assert stats["storage"] == left


def test_the_api_reports_a_sweep_as_a_job(stack: Stack) -> None:
    keep(stack, "s/old")
    stack.now += 2 * DAY
    job = swept(stack, force=True)
    told = Api(stack).ask("GET /api/jobs/{jobId}", path={"jobId": job.job_id})[1]
    assert (told["kind"], told["status"], told["result"]["refused"]) == ("cleanup", "done", [])
    assert (told["progress"]["marked"], told["result"]["costs"]["writes"]) == (1, 2)


def held(stack: Stack) -> list[object]:
    """Returns the rows, the objects and the last snapshot."""
    rows = stack.dynamodb.scan(TableName="CachedImagesTable")["Items"]
    return [sorted(map(str, rows)), objects(stack), stack.wiring.statistics_store.read()]
