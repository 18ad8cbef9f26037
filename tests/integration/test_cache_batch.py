"""A batch of messages: each has its own fate, and its own line in the log."""

import json
from typing import Any
from urllib.parse import quote

import requests

from demo.service import DemoAccount
from imagecache.model.image import ImageMessage, Picture
from imagecache.queues.images import to_body
from imagecache.usecases.caching.cache_batch import Delivery, NoTimeError, cache_batch, metrics
from imagecache.usecases.caching.cache_image import ImageCacher, Outcome
from tests.integration.conftest import NOW, Stack
from tests.integration.test_cacher import request_for

DATA = "data:text/html,<b>no%20image</b>"


def batch(records: list[Any], cacher: ImageCacher) -> list[Delivery]:
    return cache_batch(records, cacher=cacher, at_once=1, time_left=lambda: 60_000)


def test_in_a_batch_each_message_has_its_own_fate(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    held = demo.account.deliverable()[0]
    stack.claims.claim(request_for(held), now=stack.now, lease_seconds=90, nonce="other")
    bodies = {
        "good": to_body(request_for(key)),
        "data": to_body(ImageMessage("data:x", DATA, NOW)),
        "gone": to_body(request_for(demo.account.gone()[0])),
        "held": to_body(request_for(held)),
        "nonsense": "{}",
    }
    for body in bodies.values():
        stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody=body)
    received: list[Any] = []
    while batch := stack.sqs.receive_message(QueueUrl=stack.queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        received += batch
    names = {body: name for name, body in bodies.items()}
    records = [
        {"messageId": names[one["Body"]], "body": one["Body"], "receiptHandle": one["ReceiptHandle"]}
        for one in received
    ]
    deliveries = cache_batch(records, cacher=stack.cacher(demo, session), at_once=1, time_left=lambda: 60_000)
    assert {one.message_id for one in deliveries if one.error} == {"held", "nonsense"}
    results = {one.message_id: one.outcome.result for one in deliveries if one.outcome}
    assert results == {"good": "cached", "data": "failed", "gone": "failed"}
    assert {one.message_id: type(one.bug) for one in deliveries if one.bug} == {"nonsense": KeyError}


def test_ten_messages_of_which_three_fail_in_different_ways_bring_back_exactly_those(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    keys = [key for key in demo.account.deliverable() if quote(key) == key][-9:]
    held, denied, *good = keys
    stack.claims.claim(request_for(held), now=stack.now, lease_seconds=90, nonce="other")
    bodies = [to_body(request_for(key)) for key in keys] + ["{}"]
    for _ in bodies:
        stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="any")
    received = stack.sqs.receive_message(QueueUrl=stack.queue_url, MaxNumberOfMessages=10)["Messages"]
    records = [
        {"messageId": str(number), "body": body, "receiptHandle": one["ReceiptHandle"]}
        for number, (body, one) in enumerate(zip(bodies, received, strict=True))
    ]
    cacher = stack.cacher(demo, session)
    put = stack.blobs.put

    def put_or_not(blob_id: str, original: bytes, picture: Picture) -> None:
        if demo.hits.as_json()["images"] == {denied: 1}:
            raise RuntimeError("the bucket is away")
        put(blob_id, original, picture)

    stack.blobs.put = put_or_not  # type: ignore[method-assign] # a bucket that is away for a moment
    deliveries = batch(records, cacher)
    failed = {one.message_id: type(one.error).__name__ for one in deliveries if one.error}
    assert failed == {"0": "ClaimHeldError", "1": "RuntimeError", "9": "KeyError"}
    assert {stack.row(key)["status"] for key in good} == {"cached"}


def test_a_batch_in_which_all_fail_names_them_all(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    records = [{"messageId": str(n), "body": "no JSON", "receiptHandle": "r"} for n in range(10)]
    deliveries = batch(records, stack.cacher(demo, session))
    assert [one.message_id for one in deliveries if one.error] == [str(n) for n in range(10)]


def test_an_invocation_that_ends_soon_begins_with_nothing_more(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="any")
    [one] = stack.sqs.receive_message(QueueUrl=stack.queue_url)["Messages"]
    record = {"messageId": "1", "body": to_body(request_for(key)), "receiptHandle": one["ReceiptHandle"]}
    left = iter([60_000, 20_000])
    cacher = stack.cacher(demo, session)
    [delivery] = cache_batch([record], cacher=cacher, at_once=1, time_left=lambda: next(left))
    assert type(delivery.error) is NoTimeError
    assert stack.row(key) == {}


def test_one_line_of_metrics_counts_a_batch_by_result() -> None:
    deliveries = [Delivery("1", Outcome("cached"), None, 5), Delivery("2", Outcome("cached"), None, 5)]
    deliveries += [Delivery("3", Outcome("lost"), None, 5), Delivery("4", Outcome("unchanged"), None, 5)]
    line = json.loads(metrics(deliveries, service="my-stack", now=NOW))
    assert (line["ImagesCached"], line["service"]) == (2, "my-stack")
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "ImagesCached", "Unit": "Count"}]
    assert metrics([], service="my-stack", now=NOW) == ""


def test_a_log_line_names_neither_url_nor_media_id(
    stack: Stack, demo: DemoAccount, session: requests.Session, key: str
) -> None:
    records = [{"messageId": "1", "body": to_body(request_for(key)), "receiptHandle": "r"}]
    [delivery] = cache_batch(records, cacher=stack.cacher(demo, session), at_once=1, time_left=lambda: 60_000)
    assert delivery.outcome == Outcome("cached", bytes=int(stack.row(key)["fileSize"]))
    assert delivery.for_log().keys() == {"messageId", "milliseconds", "result", "reason", "bytes"}
