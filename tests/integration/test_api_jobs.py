"""Jobs: the API accepts them, functions work on them, and the API reports their progress."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import DAY, HOUR
from imagecache.errors import JobOverError
from imagecache.model.contact import Contact, KeptBy
from imagecache.model.image import ImageRef
from imagecache.model.job import (
    BackfillOrder,
    CleanupOrder,
    Job,
    JobKind,
    JobOrder,
    JobStatus,
    RedriveOrder,
    RetryFailedOrder,
    SyncOrder,
)
from imagecache.queues.images import from_body
from imagecache.rules.retries import NEVER
from imagecache.rules.time_budget import TimeBudget
from imagecache.usecases.operating.jobs import Step
from imagecache.usecases.operating.queue_missing import ImageBackfill
from tests.integration.api import Api
from tests.integration.conftest import NOW, Stack
from tests.integration.made import CHAT, cache, fail, person, put
from tests.integration.sweeping import NO_TIME, PLENTY_OF_TIME


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


def at_work(
    stack: Stack,
    job_id: str,
    *,
    time_budget: TimeBudget = PLENTY_OF_TIME,
    backfill: ImageBackfill | None = None,
) -> Job:
    """Works on a job as its function does, for one invocation."""
    backfill = backfill or stack.wiring.image_backfill

    def work(job: Job) -> Iterator[Step]:
        match job.order:
            case BackfillOrder() as order:
                return backfill.backfill(job, order)
            case RetryFailedOrder():
                return backfill.retry_failed(job)
        raise AssertionError(job.kind)

    return stack.wiring.job_runner.run(job_id, work, time_budget)


def read_job(api: Api, job_id: str) -> dict[str, Any]:
    status, answer = api.ask("GET /api/jobs/{jobId}", path={"jobId": job_id})
    assert status == 200
    job: dict[str, Any] = answer
    return job


def queued(stack: Stack) -> list[str]:
    return [from_body(message["body"]).image_key for message in stack.messages()]


STARTS: list[tuple[str, dict[str, Any], JobKind, JobOrder]] = [
    ("/api/sync", {"complete": True}, JobKind.SYNC, SyncOrder(complete=True)),
    ("/api/images/backfill", {"activeWithinDays": 7}, JobKind.BACKFILL, BackfillOrder(7)),
    ("/api/images/retry-failed", {}, JobKind.RETRY_FAILED, RetryFailedOrder()),
    ("/api/cleanup", {"dryRun": True}, JobKind.CLEANUP, CleanupOrder(dry_run=True)),
    ("/api/redrive", {}, JobKind.REDRIVE, RedriveOrder()),
]


def test_every_kind_of_job_is_started_by_a_route() -> None:
    assert {kind for _, _, kind, _ in STARTS} == set(JobKind)


@pytest.mark.parametrize(("path", "body", "kind", "order"), STARTS)
def test_a_job_is_accepted_and_handed_to_its_function(
    stack: Stack, path: str, body: dict[str, Any], kind: JobKind, order: JobOrder
) -> None:
    api = Api(stack)
    status, answer = api.ask(f"POST {path}", body)
    assert (status, answer) == (202, {"jobId": "job0"})
    assert api.sent.events == [(f"{kind}-function", {"jobId": "job0"})]
    job = read_job(api, "job0")
    assert (job["kind"], job["status"]) == (kind, "queued")
    known = stack.jobs.read("job0")
    assert known is not None
    assert known.order == order


def test_a_backfill_queues_the_pictures_of_contacts_too(stack: Stack, api: Api) -> None:
    picture = ImageRef("https://pictures.example/ada.jpg")
    contact = Contact("ada", None, picture.key, picture, (), KeptBy.MANUAL)
    stack.contacts_table.save(contact, before=None)
    linked = replace(person("Ada X"), contact_id="ada", contact_image_key=picture.key)
    put(stack, replace(CHAT, participants=(linked,)))
    api.post("/api/images/backfill")
    at_work(stack, "job0")
    assert queued(stack) == [picture.key]


def test_an_unknown_job_is_404(api: Api) -> None:
    assert api.ask("GET /api/jobs/{jobId}", path={"jobId": "nothing"})[0] == 404


def test_a_job_is_kept_for_a_week(stack: Stack, api: Api) -> None:
    api.post("/api/sync")
    item = stack.dynamodb.get_item(TableName="SyncStateTable", Key={"name": {"S": "job#job0"}})["Item"]
    assert item["expiresAt"] == {"N": str((NOW + 7 * DAY) // 1000)}


def test_a_backfill_queues_what_is_missing_once_and_counts_down_to_nothing(stack: Stack, api: Api) -> None:
    for number in range(30):
        people = (person(f"P{number} X", f"s/{number}"), person("Same X", "s/same"))
        archived = number % 10 == 0
        put(stack, replace(CHAT, chat_id=f"!{number}", participants=people, is_archived=archived))
    cache(stack, "s/1", "one")
    api.post("/api/images/backfill")
    assert at_work(stack, "job0").status is JobStatus.DONE
    keys = queued(stack)
    assert len(keys) == len(set(keys)) == 30
    assert "s/1" not in keys
    assert read_job(api, "job0")["progress"] == {
        "chats": 30,
        "queued": 30,
        "waiting": 30,
        "failed": 0,
        "done": 0,
    }
    stack.now += 1000
    for key in keys[:20]:
        cache(stack, key, key)
    fail(stack, keys[20], next_attempt_at=NOW + DAY)
    progress = read_job(api, "job0")["progress"]
    assert (progress["waiting"], progress["failed"], progress["done"]) == (9, 1, 20)
    api.post("/api/images/backfill")
    assert at_work(stack, "job1").progress == {"chats": 30, "queued": 0}
    assert queued(stack) == []


def test_asking_for_a_job_takes_three_calls_however_many_images_wait(stack: Stack, api: Api) -> None:
    for number in range(12):
        put(stack, replace(CHAT, chat_id=f"!{number}", participants=(person("P X", f"s/{number}"),)))
    api.post("/api/images/backfill")
    at_work(stack, "job0")
    stack.now += 1000
    for number in range(6):
        fail(stack, f"s/{number}", next_attempt_at=NOW + DAY)
    stack.calls.clear()
    assert read_job(api, "job0")["progress"] == {
        "chats": 12,
        "queued": 12,
        "waiting": 6,
        "failed": 6,
        "done": 0,
    }
    assert stack.calls == ["GetItem", "Query", "Query"]
    few = replace(stack.wiring.job_reader, rows_counted=4)
    stack.calls.clear()
    job = few.read("job0")
    assert stack.calls == ["GetItem", "Query", "Query"]
    assert job is not None
    assert job.progress == {"chats": 12, "queued": 12, "waiting": 4, "failed": 4}, "at least so many"


def test_asking_for_a_job_that_has_queued_nothing_takes_one_call(stack: Stack, api: Api) -> None:
    api.post("/api/images/backfill")
    stack.calls.clear()
    assert read_job(api, "job0")["progress"] == {
        "chats": 0,
        "queued": 0,
        "waiting": 0,
        "failed": 0,
        "done": 0,
    }
    assert stack.calls == ["GetItem"]


def test_a_backfill_of_active_chats_leaves_the_others_out(stack: Stack, api: Api) -> None:
    for name, days in (("new", 1), ("old", 8)):
        people = (person(f"{name} X", f"s/{name}"),)
        put(stack, replace(CHAT, chat_id=name, participants=people, last_activity=NOW - days * DAY))
    api.post("/api/images/backfill", activeWithinDays=7)
    assert at_work(stack, "job0").progress == {"chats": 1, "queued": 1}
    assert queued(stack) == ["s/new"]


def test_a_job_out_of_time_goes_on_where_it_stopped(stack: Stack, api: Api) -> None:
    backfill = replace(stack.wiring.image_backfill, chats_per_step=10)
    for number in range(23):
        people = (person(f"P{number} X", f"s/{number}"),)
        chat = replace(CHAT, chat_id=f"!{number}", participants=people)
        put(stack, replace(chat, is_archived=number >= 14, is_low_priority=number == 13))
    api.post("/api/images/backfill")
    invocations = 0
    while not at_work(stack, "job0", backfill=backfill, time_budget=NO_TIME).is_over:
        invocations += 1
    # After both steps of the inbox, and after that of low priority. The archive has one step.
    assert invocations == 3
    assert sorted(queued(stack)) == sorted(f"s/{number}" for number in range(23))
    assert read_job(api, "job0")["progress"]["chats"] == 23


def test_every_failed_image_is_tried_again_and_only_once(stack: Stack, api: Api) -> None:
    backfill = replace(stack.wiring.image_backfill, images_per_step=10)
    for number in range(25):
        fail(stack, f"s/{number}", next_attempt_at=NEVER if number % 2 else NOW + DAY)
    cache(stack, "s/good", "good")
    stack.now += HOUR
    api.post("/api/images/retry-failed")
    while not at_work(stack, "job0", backfill=backfill, time_budget=NO_TIME).is_over:
        stack.now += 1000
    keys = queued(stack)
    assert len(keys) == len(set(keys)) == 25
    assert read_job(api, "job0")["progress"]["waiting"] == 25
    assert "s/good" not in keys


def test_a_job_that_fails_says_so_and_is_not_begun_again(stack: Stack, api: Api) -> None:
    api.post("/api/images/backfill")

    def broken(_job: Job) -> Iterator[Any]:
        yield Step({"chats": 3}, "there")
        raise TimeoutError("mxc://s/secret")

    runner = stack.wiring.job_runner
    with pytest.raises(TimeoutError):
        runner.run("job0", broken, PLENTY_OF_TIME)
    job = read_job(api, "job0")
    assert (job["status"], job["result"], job["progress"]["chats"]) == (
        "failed",
        {"error": "TimeoutError"},
        3,
    )
    with pytest.raises(JobOverError):
        runner.run("job0", broken, PLENTY_OF_TIME)


def test_a_job_without_a_sign_of_life_has_failed(stack: Stack, api: Api) -> None:
    api.post("/api/images/backfill")
    stack.now += 20 * 60_000 + 1
    job = read_job(api, "job0")
    assert (job["status"], job["result"]) == ("failed", {"error": "no sign of life"})


def sync(
    stack: Stack, demo: DemoAccount, session: requests.Session, event: dict[str, Any], left: list[int]
) -> list[Any]:
    """Runs sync as its function does, with these remaining times in ms, and returns the events it sends."""
    again: list[Any] = []
    stack.wiring.sync_jobs.handle(
        event,
        stack.chat_api(demo, session),
        remaining_ms=lambda: left.pop(0) if len(left) > 1 else left[0],
        send_event=again.append,
    )
    return again


def test_a_sync_job_reports_its_progress_over_several_invocations(
    stack: Stack, api: Api, demo: DemoAccount, session: requests.Session
) -> None:
    api.post("/api/sync", complete=True)
    event = {"jobId": "job0"}
    assert sync(stack, demo, session, event, [900_000, 900_000, 20_000]) == [event]
    assert read_job(api, "job0")["status"] == "running"
    assert sync(stack, demo, session, event, [900_000]) == []
    job = read_job(api, "job0")
    assert (job["status"], job["result"]["outcome"], job["result"]["complete"]) == ("done", "ok", True)
    assert job["result"]["queued"] == job["progress"]["queued"] > 20
    assert job["progress"]["chats"] >= len(demo.account.chats)


def test_a_sync_job_that_cannot_reach_beeper_says_so(
    stack: Stack, api: Api, demo: DemoAccount, session: requests.Session
) -> None:
    api.post("/api/sync")
    demo.faults.set("offline")
    sync(stack, demo, session, {"jobId": "job0"}, [900_000])
    job = read_job(api, "job0")
    assert (job["status"], job["result"]["outcome"]) == ("done", "offline")
