"""What an agent takes from the queues it does as the functions do: each step against the real use cases."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.errors import StoreUnavailableError
from imagecache.model.job import JobStatus, SyncOrder, new_job
from imagecache.sources.transport import KeptConnections
from imagecache.usecases.caching.cache_batch import Delivery
from imagecache.usecases.sync.sync_run import SyncOutcome, SyncReport
from imagecache.wiring import Wiring
from imagecache_agent.beeper import find_origins
from imagecache_agent.images import ImageWork
from imagecache_agent.in_flight import InFlight
from imagecache_agent.log import Log
from imagecache_agent.metrics import Counts
from imagecache_agent.syncs import SyncWork
from imagecache_cli.errors import SettingsError
from tests.integration.conftest import Stack
from tests.integration.demo_chats import chat_with, fill, person
from tests.integration.test_cacher import message_for
from tests.settings import config_with

TEN_MINUTES = 600_000


class Cloudwatch:
    """Keeps the counts that it is sent."""

    def __init__(self) -> None:
        self.counts: list[dict[str, float]] = []

    def put_metric_data(self, **data: Any) -> None:
        assert data["Namespace"] == "imagecache"
        for metric in data["MetricData"]:
            assert metric["Dimensions"] == [{"Name": "service", "Value": "imagecache"}]
        self.counts.append({metric["MetricName"]: metric["Value"] for metric in data["MetricData"]})


class Laptop:
    """The two workers of an agent, on a clock that only tests move."""

    def __init__(self, stack: Stack, demo: DemoAccount) -> None:
        self.stack = stack
        requests_url = stack.sqs.create_queue(QueueName="sync-requests")["QueueUrl"]
        config = config_with(
            images_queue_url=stack.queue_url,
            sync_requests_queue_url=requests_url,
            beeper_url=demo.beeper_url,
            fetches_per_invocation=1,
        )
        self.wiring = Wiring(config, make_client=stack.wiring.client, clock=stack.clock)
        self.stopping = Event()
        self.cloudwatch = Cloudwatch()
        self.deliveries: list[Delivery] = []
        self.reports: list[SyncReport] = []
        self.in_flight = InFlight(lambda _: None)
        self.secrets: Callable[[], Mapping[str, str]] = lambda: {"beeper-token": demo.beeper_token}
        common: dict[str, Any] = {
            "wiring": self.wiring,
            "secrets": lambda: self.secrets(),  # noqa: PLW0108 - tests replace it
            "seconds": lambda: stack.now / 1000,
            "stopping": self.stopping,
            "counts": Counts(self.cloudwatch, service="imagecache"),
            "log": Log(),
            "in_flight": self.in_flight,
            "wait_seconds": 0,
        }
        self.images = ImageWork(**common, connections=KeptConnections(), report=self.deliveries.extend)
        self.syncs = SyncWork(**common, every_ms=TEN_MINUTES, report=self.reports.append)

    def queued(self) -> int:
        """Returns how many images are in the queue, hidden, delayed or not."""
        return self._count(self.stack.queue_url)

    def requested(self) -> int:
        """Returns how many sync requests are in the queue, hidden or not."""
        return self._count(self.wiring.config.sync_requests_queue_url)

    def _count(self, queue_url: str) -> int:
        parts = ("", "NotVisible", "Delayed")
        names: Any = [f"ApproximateNumberOfMessages{part}" for part in parts]
        answer = self.stack.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))


@pytest.fixture
def demo() -> Iterator[DemoAccount]:
    with DemoAccount(scale=0.01) as demo:
        fill(demo, [chat_with(number, person(number)) for number in range(3)])
        yield demo


@pytest.fixture
def laptop(stack: Stack, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    monkeypatch.setattr("imagecache.usecases.caching.cache_batch._MOST_MESSAGES", 1)
    monkeypatch.setattr("imagecache_agent.syncs._WAIT_SECONDS", 0.0)
    laptop = Laptop(stack, demo)
    original = laptop.wiring.batch_cacher

    def one_at_a_time(secrets: Mapping[str, str], session: requests.Session) -> Any:
        return replace(original(secrets, session), threads=1)  # moto is not thread-safe

    monkeypatch.setattr(laptop.wiring, "batch_cacher", one_at_a_time)
    return laptop


def queue_images(laptop: Laptop, demo: DemoAccount, count: int) -> list[str]:
    keys = demo.account.deliverable()[:count]
    laptop.stack.queue.send([message_for(key) for key in keys])
    return keys


def test_a_batch_is_cached_counted_and_deleted(laptop: Laptop, demo: DemoAccount) -> None:
    keys = queue_images(laptop, demo, 3)

    laptop.images.step()

    assert {laptop.stack.row(key)["status"] for key in keys} == {"cached"}
    assert laptop.queued() == 0
    assert laptop.cloudwatch.counts == [{"ImagesCached": 3}]
    assert not laptop.in_flight.is_busy()


def test_an_image_of_another_worker_stays_in_the_queue(laptop: Laptop, demo: DemoAccount) -> None:
    held, _ = queue_images(laptop, demo, 2)
    laptop.stack.claims.claim(message_for(held), now=laptop.stack.now, lease_seconds=90, nonce="n")

    laptop.images.step()

    assert laptop.queued() == 1
    assert laptop.cloudwatch.counts == [{"ImagesCached": 1}]


def test_while_aws_fails_the_images_stay_in_the_queue_and_the_step_fails(
    laptop: Laptop, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_images(laptop, demo, 2)
    monkeypatch.setattr(laptop.wiring.blobs, "_bucket", "gone")

    with pytest.raises(StoreUnavailableError, match="NoSuchBucket"):
        laptop.images.step()

    assert laptop.queued() == 2


def test_a_message_that_no_program_can_read_is_left_to_become_a_dead_letter(laptop: Laptop) -> None:
    laptop.stack.sqs.send_message(QueueUrl=laptop.stack.queue_url, MessageBody="{")

    laptop.images.step()

    assert laptop.queued() == 1


def test_an_agent_that_stops_gives_back_what_it_has_just_received(laptop: Laptop, demo: DemoAccount) -> None:
    queue_images(laptop, demo, 2)
    laptop.stopping.set()

    laptop.images.step()

    # They can be received at once.
    assert len(laptop.stack.messages()) == 2
    assert laptop.stack.cached_images.records(demo.account.deliverable()) == {}


def test_no_image_is_begun_after_a_computer_has_slept_for_longer_than_the_lease(
    laptop: Laptop, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monotonic clock may have stood still meanwhile. Messages that were not begun are sent again."""
    queue_images(laptop, demo, 3)
    fetch = laptop.wiring.claims.claim

    def claim_then_sleep(*arguments: Any, **named: Any) -> Any:
        won = fetch(*arguments, **named)
        laptop.stack.now += 8 * 3_600_000
        return won

    monkeypatch.setattr(type(laptop.wiring.claims), "claim", lambda _, *a, **n: claim_then_sleep(*a, **n))

    laptop.images.step()

    results = [str(delivery.outcome.result) for delivery in laptop.deliveries if delivery.outcome]
    assert results == ["cached", "not_begun", "not_begun"]
    assert laptop.queued() == 2


def job(laptop: Laptop, job_id: str, order: SyncOrder) -> None:
    laptop.stack.jobs.create(new_job(job_id, order, now=laptop.stack.now))
    laptop.wiring.sync_requests.send({"jobId": job_id})


def status_of(laptop: Laptop, job_id: str) -> JobStatus:
    found = laptop.stack.jobs.read(job_id)
    assert found
    return found.status


def test_a_job_of_the_api_is_done_once_however_often_it_is_delivered(laptop: Laptop) -> None:
    job(laptop, "j1", SyncOrder(complete=True))
    laptop.wiring.sync_requests.send({"jobId": "j1"})

    laptop.syncs.receive()
    laptop.syncs.step()
    laptop.syncs.step()

    assert status_of(laptop, "j1") is JobStatus.DONE
    assert [report.outcome for report in laptop.reports] == [SyncOutcome.OK]
    assert laptop.cloudwatch.counts == [{"SyncSucceeded": 1}]
    assert laptop.requested() == 0


def test_a_job_that_a_killed_agent_has_claimed_waits_until_the_claim_ends(laptop: Laptop) -> None:
    job(laptop, "j1", SyncOrder())
    laptop.stack.jobs.claim("j1", worker="killed", now=laptop.stack.now, milliseconds=300_000)

    laptop.syncs.receive()
    laptop.syncs.step()

    assert (laptop.requested(), laptop.reports) == (1, [])
    assert not laptop.in_flight.is_busy()


def test_the_clock_starts_a_sync_at_once_and_then_every_ten_minutes(laptop: Laptop) -> None:
    for minutes, runs in ((0, 1), (9, 1), (1, 2), (480, 3)):
        laptop.stack.now += minutes * 60_000
        laptop.syncs.step()
        assert len(laptop.reports) == runs, minutes


def test_after_beeper_was_not_there_a_minute_is_enough(laptop: Laptop) -> None:
    secrets, laptop.secrets = laptop.secrets, lambda: {"beeper-token": "replaced"}
    laptop.syncs.step()
    assert [report.outcome for report in laptop.reports] == [SyncOutcome.UNAUTHORIZED]
    laptop.secrets = secrets  # a person has connected Beeper again
    laptop.stack.now += 60_000

    laptop.syncs.step()

    assert laptop.reports[-1].outcome is SyncOutcome.OK
    assert laptop.cloudwatch.counts == [{"SyncSucceeded": 1}]


def test_whoever_listens_to_beeper_learns_whether_the_sync_that_it_asked_for_succeeded(
    laptop: Laptop,
) -> None:
    events: list[Mapping[str, Any]] = []
    handle = laptop.wiring.sync_jobs.handle

    def recorded(event: Mapping[str, Any], *arguments: Any, **named: Any) -> SyncReport:
        events.append(event)
        return handle(event, *arguments, **named)

    laptop.wiring.sync_jobs = SimpleNamespace(handle=recorded)  # type: ignore[assignment]  # the part that is used
    secrets, answers = laptop.secrets, []
    for token in ("refused", secrets()["beeper-token"]):
        laptop.secrets = partial(dict, {"beeper-token": token})
        with ThreadPoolExecutor(1) as listener:
            answer = listener.submit(laptop.syncs.sync_hinted, frozenset({"!b", "!a"}))
            while not answer.done():
                laptop.syncs.step()
            answers.append(answer.result())

    assert answers == [False, True]
    assert {"chatIds": ["!a", "!b"]} in events


def test_a_run_that_is_stopped_keeps_its_progress_and_its_request(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job(laptop, "j1", SyncOrder(complete=True))
    laptop.syncs.receive()
    store = type(laptop.wiring.page_writer).store

    def stop_first(writer: Any, *arguments: Any) -> Any:
        laptop.stopping.set()
        return store(writer, *arguments)

    monkeypatch.setattr(type(laptop.wiring.page_writer), "store", stop_first)
    laptop.syncs.step()
    assert [report.outcome for report in laptop.reports] == [SyncOutcome.UNFINISHED]
    assert (status_of(laptop, "j1"), laptop.requested()) == (JobStatus.RUNNING, 1)
    # The next start: the request is delivered again, and the job continues at once.
    monkeypatch.setattr(type(laptop.wiring.page_writer), "store", store)
    laptop.stopping.clear()
    laptop.wiring.sync_requests.send({"jobId": "j1"})
    laptop.syncs.receive()
    laptop.syncs.step()

    assert status_of(laptop, "j1") is JobStatus.DONE


def test_while_aws_fails_a_request_stays_and_no_secret_is_in_the_log(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job(laptop, "j1", SyncOrder())
    laptop.syncs.receive()

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailableError("ThrottlingException")

    monkeypatch.setattr(type(laptop.wiring.sync_lock), "acquire", fail)
    with pytest.raises(StoreUnavailableError):
        laptop.syncs.step()

    assert laptop.requested() == 1
    assert laptop.secrets()["beeper-token"] not in capsys.readouterr().err


def test_a_request_waits_for_the_next_agent_while_the_token_of_beeper_is_missing(
    laptop: Laptop, tmp_path: Path
) -> None:
    job(laptop, "j1", SyncOrder())
    laptop.syncs.receive()
    laptop.secrets = lambda: find_origins({}, tmp_path).secrets

    with pytest.raises(SettingsError, match="connect Beeper"):
        laptop.syncs.step()

    assert (laptop.requested(), status_of(laptop, "j1")) == (1, JobStatus.QUEUED)
    assert not laptop.in_flight.is_busy()


def test_a_run_that_fails_for_another_reason_ends_neither_the_agent_nor_comes_again(
    laptop: Laptop, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop.wiring.sync_requests.send({"jobId": "j1", "complete": True})
    laptop.stack.jobs.create(new_job("j1", SyncOrder(), now=laptop.stack.now))
    laptop.secrets = lambda: (_ for _ in ()).throw(ValueError("a secret text"))
    laptop.syncs.receive()

    laptop.syncs.step()

    line = capsys.readouterr().err
    assert '"error": "ValueError"' in line
    assert "a secret text" not in line
    assert laptop.requested() == 0


def test_any_body_in_the_queue_of_requests_is_at_most_a_sync(laptop: Laptop) -> None:
    for body in ("{", "[1]", '"x"'):
        laptop.stack.sqs.send_message(QueueUrl=laptop.wiring.config.sync_requests_queue_url, MessageBody=body)
    laptop.syncs.receive()
    for _ in range(3):
        laptop.syncs.step()
    assert [report.outcome for report in laptop.reports] == [SyncOutcome.OK] * 3
