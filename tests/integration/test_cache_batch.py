"""A batch of messages: each has its own outcome, and its own line in the log."""

import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import DAY
from imagecache.errors import ClaimHeldError
from imagecache.imaging.pictures import render
from imagecache.metrics import put_counts
from imagecache.model.image import Fetched, ImageMessage, Picture
from imagecache.queues.images import ImagesQueue, from_body, to_body
from imagecache.rules.source_urls import ImageLocation
from imagecache.stores.images.claims import Won
from imagecache.usecases.caching.cache_batch import BatchCacher, Delivery, count_results
from imagecache.usecases.caching.cache_image import ImageCacher, Outcome, Result
from imagecache.usecases.caching.fetch_image import FetchReport
from tests.integration.conftest import NOW, Stack
from tests.integration.test_cacher import message_for

DATA = "data:text/html,<b>no%20image</b>"


def delivered(stack: Stack, cacher: ImageCacher, records: list[Any]) -> list[Delivery]:
    """Works on a batch in an invocation that has a minute left."""
    return stack.batch_cacher(cacher).cache(records, remaining_ms=lambda: 60_000)


def received(stack: Stack, *bodies: str) -> list[dict[str, str]]:
    """Sends messages through SQS, and returns the records of the event with which Lambda delivers them."""
    for body in bodies:
        stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody=body)
    records: list[dict[str, str]] = []
    while batch := stack.sqs.receive_message(QueueUrl=stack.queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        records += [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "receiptHandle": message["ReceiptHandle"],
            }
            for message in batch
        ]
    return records


class RecordedQueue:
    """The part of SQS that the cacher uses: what was sent again, and for how long messages are hidden (s)."""

    def __init__(self) -> None:
        self.sent: list[tuple[ImageMessage, int]] = []
        self.hidden: dict[str, int] = {}

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: object) -> None:  # noqa: N803 - boto3's
        self.hidden[ReceiptHandle] = VisibilityTimeout

    def send_message(self, *, MessageBody: str, DelaySeconds: int, **_: object) -> None:  # noqa: N803 - boto3's
        self.sent.append((from_body(MessageBody), DelaySeconds))


def test_in_a_batch_each_message_has_its_own_outcome(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    held = demo.account.deliverable()[0]
    stack.won(message_for(held), nonce="other")
    bodies = {
        "good": to_body(message_for(key)),
        "data": to_body(ImageMessage("data:x", DATA, NOW)),
        "gone": to_body(message_for(demo.account.gone()[0])),
        "held": to_body(message_for(held)),
        "malformed": "{}",
    }
    names = {body: name for name, body in bodies.items()}
    records = [{**record, "messageId": names[record["body"]]} for record in received(stack, *bodies.values())]
    deliveries = delivered(stack, stack.cacher(demo, session), records)
    results = {delivery.message_id: delivery.outcome.result for delivery in deliveries if delivery.outcome}
    assert results == {"good": Result.CACHED, "data": Result.FAILED, "gone": Result.FAILED}
    assert {delivery.message_id for delivery in deliveries if delivery.error} == {"held", "malformed"}
    unexpected = {
        delivery.message_id: type(delivery.unexpected_error)
        for delivery in deliveries
        if delivery.unexpected_error
    }
    assert unexpected == {"malformed": KeyError}


def test_ten_messages_of_which_three_fail_in_different_ways_bring_back_exactly_those(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    keys = [key for key in demo.account.deliverable() if quote(key) == key][-9:]
    held, denied, *good = keys
    stack.won(message_for(held), nonce="other")
    bodies = [*(to_body(message_for(key)) for key in keys), "{}"]
    order = {body: str(number) for number, body in enumerate(bodies)}
    records = sorted(
        ({**record, "messageId": order[record["body"]]} for record in received(stack, *bodies)),
        key=lambda record: int(record["messageId"]),
    )
    cacher = stack.cacher(demo, session)
    put = stack.blobs.put

    def put_or_not(blob_id: str, original: bytes, picture: Picture) -> None:
        if demo.hits.as_json()["images"] == {denied: 1}:
            raise RuntimeError("the bucket cannot be written")
        put(blob_id, original, picture)

    stack.blobs.put = put_or_not  # type: ignore[method-assign] # a bucket that fails for one image
    deliveries = delivered(stack, cacher, records)
    failed = {delivery.message_id: type(delivery.error).__name__ for delivery in deliveries if delivery.error}
    assert failed == {"0": "ClaimHeldError", "1": "RuntimeError", "9": "KeyError"}
    assert {stack.row(key)["status"] for key in good} == {"cached"}


class SlowStore:
    """A cacher that stores the first image only after the second one was fetched."""

    def __init__(self) -> None:
        self.second_is_fetched = threading.Event()

    def fetch(self, message: ImageMessage, *, alone: bool) -> ImageMessage:
        del alone
        if message.image_key == "second":
            self.second_is_fetched.set()
        return message

    def store(self, download: ImageMessage) -> Outcome:
        del download
        assert self.second_is_fetched.wait(60)
        return Outcome(Result.CACHED)


def test_the_next_image_is_fetched_while_another_is_stored(stack: Stack) -> None:
    cacher: Any = SlowStore()
    batch_cacher = BatchCacher(cacher=cacher, queue=stack.queue, clock=stack.clock, fetches_at_once=1)
    records = [
        {"messageId": key, "body": to_body(message_for(key)), "receiptHandle": "r"}
        for key in ("first", "second")
    ]
    deliveries = batch_cacher.cache(records, remaining_ms=lambda: 60_000)
    assert [delivery.outcome for delivery in deliveries] == [Outcome(Result.CACHED)] * 2


def test_a_batch_in_which_all_fail_names_them_all(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    records = [{"messageId": str(n), "body": "no JSON", "receiptHandle": "r"} for n in range(10)]
    deliveries = delivered(stack, stack.cacher(demo, session), records)
    assert [delivery.message_id for delivery in deliveries if delivery.error] == [str(n) for n in range(10)]


def test_a_message_for_which_there_is_no_time_is_sent_again_as_it_is_and_acknowledged(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    message = ImageMessage(key, f"mxc://{key}?encryptedFileInfoJSON=key", NOW - 5, deferrals=3)
    [record] = received(stack, to_body(message))
    left = iter([60_000, 20_000])
    sqs = RecordedQueue()
    queue = ImagesQueue(queue_url="images", sqs=sqs)  # type: ignore[arg-type] # what is used of it
    batch_cacher = stack.batch_cacher(stack.cacher(demo, session), queue=queue)
    [delivery] = batch_cacher.cache([record], remaining_ms=lambda: next(left))
    assert (delivery.error, delivery.outcome) == (None, Outcome(Result.NOT_BEGUN))
    assert sqs.sent == [(message, 1)]
    assert stack.row(key) == {}
    assert demo.hits.as_json()["imageHits"] == 0


def test_a_held_message_is_hidden_until_the_lease_ends(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    stack.won(message_for(key), nonce="other")
    stack.now += 30_000
    sqs = RecordedQueue()
    queue = ImagesQueue(queue_url="images", sqs=sqs)  # type: ignore[arg-type] # what is used of it
    batch_cacher = stack.batch_cacher(stack.cacher(demo, session), queue=queue)
    records = [{"messageId": "1", "body": to_body(message_for(key)), "receiptHandle": "receipt"}]
    [delivery] = batch_cacher.cache(records, remaining_ms=lambda: 60_000)
    assert type(delivery.error) is ClaimHeldError
    assert sqs.hidden == {"receipt": 60}


def test_a_very_short_invocation_begins_with_a_message(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    [record] = received(stack, to_body(message_for(key)))
    [delivery] = stack.batch_cacher(stack.cacher(demo, session)).cache([record], remaining_ms=lambda: 2_000)
    assert delivery.outcome is not None
    assert delivery.outcome.result is Result.CACHED


def test_only_results_that_need_attention_are_counted() -> None:
    deliveries = [
        Delivery("1", Outcome(Result.CACHED), None, 5),
        Delivery("2", Outcome(Result.CACHED), None, 5),
        Delivery("3", Outcome(Result.DEFERRED), None, 5),
        Delivery("4", Outcome(Result.LOST), None, 5),
        Delivery("5", Outcome(Result.UNCHANGED), None, 5),
        Delivery("6", Outcome(Result.NOT_BEGUN), None, 5),
        Delivery("7", None, KeyError(), 5),
    ]
    assert count_results(deliveries) == {"ImagesCached": 2, "ImagesDeferred": 1}


def test_counts_are_one_line_whose_only_dimension_is_the_stack(capsys: pytest.CaptureFixture[str]) -> None:
    put_counts({"ImagesCached": 2, "ImagesFailed": 1}, service="my-stack")
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "imagecache",
            "Dimensions": [["service"]],
            "Metrics": [
                {"Name": "ImagesCached", "Unit": "Count"},
                {"Name": "ImagesFailed", "Unit": "Count"},
            ],
        }
    ]
    assert (line["service"], line["ImagesCached"], line["ImagesFailed"]) == ("my-stack", [2], [1])


def test_nothing_is_printed_where_nothing_was_counted(capsys: pytest.CaptureFixture[str]) -> None:
    put_counts({}, service="my-stack")
    assert capsys.readouterr().out == ""


def test_a_log_line_names_neither_url_nor_media_id(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    records = [{"messageId": "1", "body": to_body(message_for(key)), "receiptHandle": "r"}]
    [delivery] = delivered(stack, stack.cacher(demo, session), records)
    assert delivery.outcome == Outcome(Result.CACHED, bytes=int(stack.row(key)["fileSize"]))
    assert delivery.for_log().keys() == {"messageId", "milliseconds", "result", "reason", "bytes"}


class WorkerKilledError(BaseException):
    """Ends a batch as the end of its process does: nothing after it is recorded, and nothing is answered."""


@dataclass
class Letter:
    """A message in the queue, with the number of times that it was delivered."""

    body: str
    deliveries: int = 0


class QueueWithDeadLetters:
    """The part of SQS that counts deliveries: a message that was delivered five times becomes a dead letter.

    Messages that are hidden or delayed come back at once.
    """

    def __init__(self, messages: Sequence[ImageMessage]) -> None:
        self.letters = {str(number): Letter(to_body(message)) for number, message in enumerate(messages)}
        self.dead_letters: list[ImageMessage] = []

    def send_message(self, *, MessageBody: str, **_: object) -> None:  # noqa: N803 - boto3's
        self.letters[secrets.token_hex()] = Letter(MessageBody)

    def delete_message(self, *, ReceiptHandle: str, **_: object) -> None:  # noqa: N803 - boto3's
        self.letters.pop(ReceiptHandle, None)

    def records(self) -> list[dict[str, str]]:
        """Returns the records of the next event. What is not deleted afterwards is delivered again."""
        batch = list(self.letters.items())[:10]
        for receipt, letter in batch:
            letter.deliveries += 1
            if letter.deliveries > 5:
                self.dead_letters.append(from_body(self.letters.pop(receipt).body))
        return [
            {"messageId": receipt, "body": letter.body, "receiptHandle": receipt}
            for receipt, letter in batch
            if receipt in self.letters
        ]


@dataclass
class DyingWorkers:
    """Invokes the cacher as Lambda does, with pictures that kill the process when they are decoded."""

    stack: Stack
    cacher: ImageCacher
    sqs: QueueWithDeadLetters

    def invoke_until_the_queue_is_empty(self) -> int:
        """Returns how many invocations it took."""
        queue = ImagesQueue(queue_url="images", sqs=self.sqs)  # type: ignore[arg-type] # what is used of it
        batch_cacher = self.stack.batch_cacher(self.cacher, queue=queue)
        invocations = 0
        while records := self.sqs.records():
            invocations += 1
            try:
                deliveries = batch_cacher.cache(records, remaining_ms=lambda: 60_000)
            except WorkerKilledError:
                self.stack.now += 90_001  # the lease ends before the messages come back
                continue
            for delivery in deliveries:
                assert not delivery.error
                self.sqs.delete_message(ReceiptHandle=delivery.message_id)
        return invocations


def kill_workers(patch: pytest.MonkeyPatch, killers: Sequence[str]) -> None:
    """Makes these pictures end the process after they were downloaded."""
    fetch = ImageCacher._fetch

    def fetched(
        cacher: ImageCacher, claim: Won, message: ImageMessage, location: ImageLocation | None
    ) -> FetchReport:
        report = fetch(cacher, claim, message, location)
        if claim.image_key in killers and isinstance(report.outcome, Fetched):
            raise WorkerKilledError
        return report

    patch.setattr(ImageCacher, "_fetch", fetched)


def test_a_picture_that_kills_its_workers_takes_no_other_one_with_it(
    stack: Stack, demo: DemoAccount, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer, *innocents = [key for key in demo.account.deliverable() if quote(key) == key][:5]
    sqs = after_two_invocations_that_died(stack, [killer, *innocents])
    workers = DyingWorkers(stack, stack.cacher(demo, session), sqs)
    kill_workers(monkeypatch, [killer])

    workers.invoke_until_the_queue_is_empty()

    assert sqs.dead_letters == []
    assert {stack.row(key)["status"] for key in innocents} == {"cached"}
    row = stack.row(killer)
    assert (row["status"], row["reason"]) == ("failed", "crashed")
    due = int(row["nextAttemptAt"])
    assert stack.now + 30 * DAY <= due <= stack.now + 30 * DAY * 1.25

    # After 30 days it is worked on alone from the start, and costs one worker.
    stack.now = due
    sqs.send_message(MessageBody=to_body(message_for(killer)))
    assert workers.invoke_until_the_queue_is_empty() == 2
    assert stack.row(killer)["reason"] == "crashed"
    stack.now = int(stack.row(killer)["nextAttemptAt"])
    monkeypatch.undo()
    sqs.send_message(MessageBody=to_body(message_for(killer)))
    assert workers.invoke_until_the_queue_is_empty() == 1
    assert stack.row(killer)["status"] == "cached"


def test_several_pictures_that_kill_their_workers_use_up_no_delivery_of_another_one(
    stack: Stack, demo: DemoAccount, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [key for key in demo.account.deliverable() if quote(key) == key][:6]
    killers = keys[:4]
    innocents = keys[4:]
    sqs = after_two_invocations_that_died(stack, keys)
    kill_workers(monkeypatch, killers)

    invocations = DyingWorkers(stack, stack.cacher(demo, session), sqs).invoke_until_the_queue_is_empty()

    assert sqs.dead_letters == []
    assert {stack.row(key)["status"] for key in innocents} == {"cached"}
    assert {stack.row(key)["reason"] for key in killers} == {"crashed"}
    assert invocations <= 2 * len(keys)


def after_two_invocations_that_died(stack: Stack, keys: Sequence[str]) -> QueueWithDeadLetters:
    """Returns the queue after two invocations ended while all of these pictures were in work."""
    messages = [message_for(key) for key in keys]
    sqs = QueueWithDeadLetters(messages)
    for _ in range(2):
        sqs.records()
        for message in messages:
            stack.won(message, nonce="killed")
        stack.now += 90_001
    return sqs


def test_suspected_pictures_are_worked_on_one_at_a_time_after_all_others(
    stack: Stack, demo: DemoAccount, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    *suspected, other = [key for key in demo.account.deliverable() if quote(key) == key][:3]
    sqs = after_two_invocations_that_died(stack, suspected)
    sqs.send_message(MessageBody=to_body(message_for(other)))
    events: list[tuple[str, str]] = []
    fetch = ImageCacher._fetch

    def recorded(
        cacher: ImageCacher, claim: Won, message: ImageMessage, location: ImageLocation | None
    ) -> FetchReport:
        events.append(("began", claim.image_key))
        report = fetch(cacher, claim, message, location)
        events.append(("ended", claim.image_key))
        return report

    monkeypatch.setattr(ImageCacher, "_fetch", recorded)
    invocations = DyingWorkers(stack, stack.cacher(demo, session), sqs).invoke_until_the_queue_is_empty()
    assert invocations == 2, "one for each suspected picture"
    assert events == [(name, key) for key in (other, *suspected) for name in ("began", "ended")]
    assert {stack.row(key)["status"] for key in (other, *suspected)} == {"cached"}


def test_a_picture_that_was_twice_beside_one_that_used_up_the_memory_is_cached_alone(
    stack: Stack, demo: DemoAccount, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process has a limit of memory. A picture that reaches it takes memory from those beside it."""
    key = next(key for key in demo.account.deliverable() if quote(key) == key)
    failures = iter([MemoryError(), MemoryError()])

    def rendered(original: bytes) -> Picture:
        if failure := next(failures, None):
            raise failure
        return render(original)

    monkeypatch.setattr("imagecache.usecases.caching.cache_image.render", rendered)
    for _ in range(2):
        [record] = QueueWithDeadLetters([message_for(key)]).records()
        [delivery] = delivered(stack, stack.cacher(demo, session), [record])
        assert type(delivery.unexpected_error) is MemoryError
        assert stack.row(key)["status"] == "pending"
        stack.now += 90_001  # the lease ends before the message comes back
    [record] = QueueWithDeadLetters([message_for(key)]).records()
    [delivery] = delivered(stack, stack.cacher(demo, session), [record])
    assert (delivery.error, stack.row(key)["status"]) == (None, "cached")
