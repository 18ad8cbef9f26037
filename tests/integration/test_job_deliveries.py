"""Lambda may deliver one event more than once: one invocation works on a job, the others change nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.errors import JobOverError, JobTakenError
from imagecache.model.job import (
    BackfillOrder,
    CleanupOrder,
    Job,
    JobOrder,
    JobStatus,
    SyncOrder,
    new_job,
)
from imagecache.usecases.operating.jobs import Step
from tests.integration.conftest import NOW, Stack
from tests.integration.made import CHAT, person, put
from tests.integration.sweeping import NO_TIME, PLENTY_OF_TIME, keep, nights, shown

MINUTES = 60_000
EVENT = {"jobId": "job0"}
Deliver = Callable[[], Any]


@dataclass
class Deliveries:
    """Second deliveries of an event, and how they ended."""

    deliver: Deliver
    refused: list[type[Exception]] = field(default_factory=list)

    def second(self) -> None:
        try:
            self.deliver()
        except (JobTakenError, JobOverError) as reason:
            self.refused.append(type(reason))
        else:
            raise AssertionError("the second delivery was worked on")


@contextmanager
def delivered_again_before_each_call(
    stack: Stack, deliveries: Deliveries, *, of: frozenset[str] | None = None
) -> Iterator[None]:
    """Delivers the event again before every AWS call after the first claim, or only before those in `of`."""
    is_busy = False

    def again(model: Any, **_: object) -> None:
        nonlocal is_busy
        if is_busy or (of and model.name not in of):
            return
        job = read(stack)
        if job is None or job.worker is None:
            return
        is_busy = True
        before = read(stack)
        deliveries.second()
        assert read(stack) == before, "a second delivery has changed the job"
        is_busy = False

    def read(stack: Stack) -> Job | None:
        nonlocal is_busy
        was_busy, is_busy = is_busy, True
        job = stack.jobs.read("job0")
        is_busy = was_busy
        return job

    services = (stack.dynamodb, stack.s3, stack.sqs)
    for service in services:
        service.meta.events.register("before-call.*.*", again)
    try:
        yield
    finally:
        for service in services:
            service.meta.events.unregister("before-call.*.*", again)


def begun(stack: Stack, order: JobOrder) -> None:
    assert stack.jobs.create(new_job("job0", order, now=stack.now))


def finished(stack: Stack) -> Job:
    job = stack.jobs.read("job0")
    assert job is not None
    return job


def backfill(stack: Stack) -> Job:
    """Handles one delivery of the event of a backfill."""
    work = partial(stack.wiring.image_backfill.backfill, order=BackfillOrder())
    return stack.wiring.job_runner.run("job0", work, PLENTY_OF_TIME)


def some_chats(stack: Stack) -> None:
    for number in range(3):
        people = (person(f"P{number} X", f"s/{number}"),)
        put(stack, replace(CHAT, chat_id=f"!{number}", participants=people))


def test_a_backfill_that_is_delivered_twice_is_done_and_counted_once(stack: Stack) -> None:
    some_chats(stack)
    begun(stack, BackfillOrder())
    deliveries = Deliveries(lambda: backfill(stack))
    with delivered_again_before_each_call(stack, deliveries):
        assert backfill(stack).progress == {"chats": 3, "queued": 3}
    assert set(deliveries.refused) == {JobTakenError}
    assert len(deliveries.refused) > 10
    deliveries.second()
    assert deliveries.refused[-1] is JobOverError
    assert (finished(stack).status, finished(stack).progress) == ("done", {"chats": 3, "queued": 3})
    assert len(stack.messages()) == 3


def test_a_sweep_that_is_delivered_twice_is_done_and_counted_once(stack: Stack) -> None:
    keep(stack, "s/old", "blue")
    shown(stack, "ada", "new")
    keep(stack, "s/ada", "red")
    nights(stack, 2)
    begun(stack, CleanupOrder())
    run = partial(stack.wiring.job_runner.run, "job0", stack.wiring.sweep.run, PLENTY_OF_TIME)
    deliveries = Deliveries(run)
    with delivered_again_before_each_call(stack, deliveries):
        job = run()
    assert (job.status, job.progress["marked"], job.progress["queued"]) == (JobStatus.DONE, 1, 1)
    assert set(deliveries.refused) == {JobTakenError}
    assert len(deliveries.refused) > 20
    deliveries.second()
    assert deliveries.refused[-1] is JobOverError
    assert finished(stack) == job


def test_a_sync_that_is_delivered_twice_is_done_and_counted_once(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    begun(stack, SyncOrder())

    def deliver() -> None:
        stack.wiring.sync_jobs.handle(
            EVENT, stack.chat_api(demo, session), remaining_ms=lambda: 900_000, send_event=again.append
        )

    again: list[Any] = []
    deliveries = Deliveries(deliver)
    some_calls = frozenset({"BatchGetItem", "SendMessageBatch"})
    with delivered_again_before_each_call(stack, deliveries, of=some_calls):
        deliver()
    job = finished(stack)
    assert (job.status, job.result["outcome"]) == (JobStatus.DONE, "ok"), "not busy, as the second would be"
    assert job.progress["chats"] == len(demo.account.chats)
    assert set(deliveries.refused) == {JobTakenError}
    deliveries.second()
    assert finished(stack) == job
    assert again == []


def test_a_job_is_continued_by_whichever_delivery_comes_first_and_by_no_other(stack: Stack) -> None:
    """The first invocation has run out of time; its event comes once more beside that of the continuation."""
    some_chats(stack)
    begun(stack, BackfillOrder())
    one_chat_a_step = replace(stack.wiring.image_backfill, chats_per_step=1)
    work = partial(one_chat_a_step.backfill, order=BackfillOrder())
    runner = stack.wiring.job_runner
    assert runner.run("job0", work, NO_TIME).status is JobStatus.RUNNING

    def late_copy(job: Job) -> Iterator[Step]:
        with pytest.raises(JobTakenError):
            runner.run("job0", work, PLENTY_OF_TIME)
        yield from work(job)

    assert runner.run("job0", late_copy, PLENTY_OF_TIME).progress == {"chats": 3, "queued": 3}


def test_a_job_whose_worker_was_killed_can_be_claimed_once_its_invocation_must_have_ended(
    stack: Stack,
) -> None:
    begun(stack, CleanupOrder())
    killed = stack.jobs.claim("job0", worker="killed", now=stack.now, milliseconds=15 * MINUTES)
    stack.now += 15 * MINUTES
    with pytest.raises(JobTakenError):
        stack.jobs.claim("job0", worker="next", now=stack.now, milliseconds=15 * MINUTES)
    stack.now += 1
    claimed = stack.jobs.claim("job0", worker="next", now=stack.now, milliseconds=15 * MINUTES)
    assert (claimed.worker, claimed.position) == ("next", killed.position)


def test_an_invocation_that_has_outlived_its_claim_writes_nothing_more(stack: Stack) -> None:
    """Its clock may be behind, or Lambda may have paused it."""
    begun(stack, BackfillOrder())

    def paused(_job: Job) -> Iterator[Step]:
        yield Step({"chats": 1}, "first")
        stack.now += 20 * MINUTES
        stack.jobs.claim("job0", worker="next", now=stack.now, milliseconds=15 * MINUTES)
        yield Step({"chats": 1}, "second")

    def failing(job: Job) -> Iterator[Step]:
        yield from paused(job)
        raise AssertionError("it went on")

    with pytest.raises(JobTakenError):
        stack.wiring.job_runner.run("job0", failing, PLENTY_OF_TIME)
    job = finished(stack)
    assert (job.worker, job.position, job.progress) == ("next", "first", {"chats": 1})


def test_an_error_after_the_claim_was_lost_is_raised_and_not_recorded(stack: Stack) -> None:
    begun(stack, BackfillOrder())

    def failing(_job: Job) -> Iterator[Step]:
        stack.now += 20 * MINUTES
        stack.jobs.claim("job0", worker="next", now=stack.now, milliseconds=15 * MINUTES)
        raise TimeoutError
        yield

    with pytest.raises(TimeoutError):
        stack.wiring.job_runner.run("job0", failing, PLENTY_OF_TIME)
    assert (finished(stack).status, finished(stack).worker) == (JobStatus.RUNNING, "next")


def test_a_write_that_boto3_repeats_because_its_answer_was_lost_counts_as_done(stack: Stack) -> None:
    begun(stack, CleanupOrder())
    claimed = stack.jobs.claim("job0", worker="one", now=stack.now, milliseconds=15 * MINUTES)
    assert stack.jobs.claim("job0", worker="one", now=stack.now, milliseconds=15 * MINUTES) == claimed
    step = replace(claimed, progress={"rows": 1}, position={"phase": "deleteRows"}, result={"refused": []})
    released = stack.jobs.save(step, now=stack.now, release=True)
    assert stack.jobs.save(step, now=stack.now, release=True) == released
    stack.jobs.claim("job0", worker="two", now=stack.now, milliseconds=15 * MINUTES)
    with pytest.raises(JobTakenError):
        stack.jobs.save(step, now=stack.now, release=True)


def test_a_job_that_does_not_exist_is_over(stack: Stack) -> None:
    with pytest.raises(JobOverError):
        stack.jobs.claim("job0", worker="w", now=NOW, milliseconds=MINUTES)


def test_a_job_is_not_created_twice(stack: Stack) -> None:
    begun(stack, BackfillOrder(7))
    assert not stack.jobs.create(new_job("job0", CleanupOrder(), now=stack.now))
    assert finished(stack).order == BackfillOrder(7)
