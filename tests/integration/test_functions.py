"""The entry points, each called as Lambda calls it, with a real event of its trigger."""

import importlib.util
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.session import Session

from benchmarks import cost
from demo.chat_pages import PARTICIPANTS
from demo.dex import FakeDex
from demo.listener import Listener, Reply, Request
from demo.service import DemoAccount
from imagecache.aws_clients import client_maker
from imagecache.clock import now
from imagecache.errors import ConfigError, InvocationFailedError
from imagecache.model.image import ImageMessage
from imagecache.model.job import (
    JOB_TYPES,
    BackfillOrder,
    CleanupOrder,
    JobKind,
    JobOrder,
    SyncOrder,
    Worker,
    new_job,
)
from imagecache.queues.images import from_body, to_body
from imagecache.queues.sync_requests import SyncRequests
from imagecache.stores.state.beeper_health import BeeperState
from local.template import read_template
from tests.integration.conftest import NOW, Stack
from tests.integration.demo_chats import chat_with, fill, person
from tests.integration.sync_results import beeper_was_found
from tests.settings import ENVIRONMENT

ROOT = Path(__file__).parent.parent.parent
SECRET_URL = "mxc://local.beeper.com/alex_secret"
Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def load(name: str) -> Handler:
    """The function's one module, imported anew, as in a cold start."""
    spec = importlib.util.spec_from_file_location(f"{name}_app", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return loaded


class Context:
    """The parts of Lambda's context that a function reads."""

    function_name = "sync"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:sync"
    aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


# A session reads the descriptions of the services, which takes longer than most tests.
with_one_session = cache(client_maker)


@pytest.fixture
def demo() -> Iterator[DemoAccount]:
    """Serves a small account: more than a page of chats, one of them with more members than a list shows."""
    with DemoAccount(scale=0.01) as demo:
        crowd = chat_with(0, *(person(number) for number in range(PARTICIPANTS + 1)))
        fill(demo, [crowd, *(chat_with(number, person(number)) for number in range(1, 12))])
        yield demo


@pytest.fixture
def environment(stack: Stack, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"beeper-token": demo.beeper_token, "read-token": "r3ad", "admin-token": "4dmin"}
    for name, value in secrets.items():
        boto3.client("ssm").put_parameter(Name=f"/imagecache/{name}", Value=value, Type="SecureString")
    here = {
        "IMAGES_QUEUE_URL": stack.queue_url,
        "SYNC_REQUESTS_QUEUE_URL": stack.sqs.create_queue(QueueName="sync-requests")["QueueUrl"],
        "DEAD_LETTER_QUEUE_URL": stack.sqs.create_queue(QueueName="dead")["QueueUrl"],
        "BEEPER_URL": demo.beeper_url,
        "FETCHES_PER_INVOCATION": "1",  # moto is not thread-safe
    }
    for name, value in (ENVIRONMENT | here).items():
        monkeypatch.setenv(name, value)
    # moto answers clients of botocore only.
    monkeypatch.setattr("imagecache.aws_requests.function_clients", lambda *_, **__: with_one_session())


@pytest.mark.usefixtures("environment")
def test_sync_then_cacher_then_read_serve_a_page_of_faces(stack: Stack, demo: DemoAccount) -> None:
    report = load("sync")(event("schedule"), Context())
    assert (report["outcome"], report["chats"]) == ("ok", len(demo.account.chats))
    records = [
        {"messageId": one["messageId"], "body": one["body"], "receiptHandle": "r"} for one in stack.messages()
    ]
    assert load("cacher")({"Records": records}, Context()) == {"batchItemFailures": []}
    answer = load("read")(event("chats"), Context())
    assert (answer["statusCode"], answer["headers"]["cache-control"]) == (200, "private, no-cache")
    chats = json.loads(answer["body"])["chats"]
    assert len(chats) == 10
    assert [len(chat["participants"]) for chat in chats] == [
        min(2, chat["participantCount"]) for chat in chats
    ]
    assert "cached" in {chat["image"]["status"] for chat in chats}


@pytest.mark.usefixtures("environment")
def test_with_an_agent_sync_passes_on_what_it_is_asked_and_asks_nobody(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE", "agent")
    for asked in ({"jobId": "j1"}, {"complete": True, "force": False, "detail": "x"}, event("schedule")):
        assert load("sync")(asked, Context()) == {"passedOn": True}

    queue = stack.sqs.get_queue_url(QueueName="sync-requests")["QueueUrl"]
    requests = SyncRequests(queue_url=queue, sqs=stack.sqs)
    received = [request.event for request in requests.receive(wait_seconds=0, hidden_ms=60_000)]
    assert received == [{"jobId": "j1"}, {"complete": True, "force": False}, {}]
    assert stack.wiring.last_sync_store.read().succeeded_at == 0


@pytest.mark.usefixtures("environment")
def test_the_cacher_reports_exactly_the_messages_that_must_come_again(
    stack: Stack, demo: DemoAccount
) -> None:
    held, good = demo.account.deliverable()[:2]
    stack.claims.claim(ImageMessage(held, f"mxc://{held}", NOW), now=NOW * 2, lease_seconds=90, nonce="other")
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="{}")
    [message] = stack.sqs.receive_message(QueueUrl=stack.queue_url)["Messages"]
    records = [
        {"messageId": name, "body": to_body(ImageMessage(key, f"mxc://{key}", NOW)), "receiptHandle": receipt}
        for name, key, receipt in (("good", good, "r"), ("held", held, message["ReceiptHandle"]))
    ]
    records.append({"messageId": "nonsense", "body": "not JSON", "receiptHandle": "r"})
    answer = load("cacher")({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "held"}, {"itemIdentifier": "nonsense"}]}


@pytest.mark.usefixtures("environment")
def test_a_message_for_which_there_is_no_time_is_sent_again_and_not_reported_as_failed(
    stack: Stack, demo: DemoAccount
) -> None:
    key = demo.account.deliverable()[0]
    stack.sqs.send_message(
        QueueUrl=stack.queue_url, MessageBody=to_body(ImageMessage(key, f"mxc://{key}", NOW))
    )
    [message] = stack.sqs.receive_message(QueueUrl=stack.queue_url)["Messages"]
    record = {"messageId": "1", "body": message["Body"], "receiptHandle": message["ReceiptHandle"]}
    left = iter([60_000, 20_000])
    context = Context()
    context.get_remaining_time_in_millis = lambda: next(left)  # type: ignore[method-assign] # time passes
    assert load("cacher")({"Records": [record]}, context) == {"batchItemFailures": []}
    counts = stack.sqs.get_queue_attributes(
        QueueUrl=stack.queue_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}


@pytest.mark.usefixtures("environment")
def test_the_cacher_logs_an_unexpected_exception_as_an_error_with_its_trace_and_without_its_text(
    demo: DemoAccount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Powertools keeps one logger for each service, with the output of the test that made it.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "cacher-that-logs")
    key = demo.account.deliverable()[0]
    malformed = json.dumps({"imageKey": key, "sourceUrl": SECRET_URL, "queuedAt": SECRET_URL})
    bodies = {"good": to_body(ImageMessage(key, f"mxc://{key}", NOW)), "malformed": malformed}
    records = [{"messageId": name, "body": body, "receiptHandle": "r"} for name, body in bodies.items()]
    load("cacher")({"Records": records}, Context())
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in printed.splitlines()]
    logged = {line["messageId"]: line for line in lines if "messageId" in line}
    assert {name: line["level"] for name, line in logged.items()} == {"good": "INFO", "malformed": "ERROR"}
    assert {line["function_request_id"] for line in logged.values()} == {Context.aws_request_id}
    assert logged["malformed"]["error"] == "ValueError"
    assert "queues/images.py" in repr(logged["malformed"]["trace"])
    assert "trace" not in logged["good"]
    assert SECRET_URL not in printed


@pytest.mark.usefixtures("environment")
def test_an_image_that_beeper_does_not_have_is_acknowledged_and_recorded(stack: Stack) -> None:
    records = event("images")
    assert load("cacher")(records, Context()) == {"batchItemFailures": []}
    key = json.loads(records["Records"][0]["body"])["imageKey"]
    assert (stack.row(key)["status"], stack.row(key)["reason"]) == ("failed", "gone")


@pytest.mark.usefixtures("environment")
def test_a_missing_token_is_seen_as_unauthorized_not_as_a_crash(stack: Stack) -> None:
    boto3.client("ssm").delete_parameter(Name="/imagecache/beeper-token")
    assert load("sync")(event("schedule"), Context())["outcome"] == "unauthorized"
    assert stack.wiring.beeper_health_store.read().state == "unauthorized"


def counted(printed: str) -> list[tuple[str, str, dict[str, str], int]]:
    """What CloudWatch takes from a log: namespace, metric, dimensions, value."""
    lines = [json.loads(line) for line in printed.splitlines()]
    return [
        (about["Namespace"], metric["Name"], {name: line[name] for name in names}, sum(line[metric["Name"]]))
        for line in lines
        for about in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in about["Metrics"]
        for names in about["Dimensions"]
    ]


@pytest.mark.usefixtures("environment")
def test_a_sync_that_succeeds_is_counted_where_its_alarm_looks_and_no_other_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "my-stack")
    alarm = read_template()["Resources"]["NoSyncAlarm"]["Properties"]
    assert [(one["Name"], one["Value"]) for one in alarm["Dimensions"]] == [
        ("service", {"Ref": "AWS::StackName"})
    ]
    sync = load("sync")
    assert sync(event("schedule"), Context())["outcome"] == "ok"
    assert counted(capsys.readouterr().out) == [
        (alarm["Namespace"], alarm["MetricName"], {"service": "my-stack"}, 1)
    ]
    boto3.client("ssm").delete_parameter(Name="/imagecache/beeper-token")
    assert sync(event("schedule"), Context())["outcome"] == "unauthorized"
    assert counted(capsys.readouterr().out) == []


@pytest.mark.usefixtures("environment")
def test_the_costs_count_all_bytes_that_functions_print(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Powertools keeps one logger for each service. The name is as long as the usual one.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "imageBytes")
    name = "imagecache-CleanupFunction-1A2B3C4D5E6F"  # as CloudFormation makes it
    monkeypatch.setattr(Context, "function_name", name)
    arn = Context.invoked_function_arn.replace("sync", name)
    monkeypatch.setattr(Context, "invoked_function_arn", arn)
    for function in ("sync", "cleanup"):
        load(function)(event("schedule"), Context())
        printed = capsys.readouterr().out
        assert 0 < len(printed) <= cost.PRINTED_BYTES
    assert load("read")(event("chats"), Context())["statusCode"] == 200
    assert capsys.readouterr().out == ""


def sync_job(stack: Stack) -> dict[str, str]:
    """The event of a job that the API has started."""
    stack.jobs.create(new_job("job0", SyncOrder(complete=True), now=now()))
    return {"jobId": "job0"}


@pytest.mark.usefixtures("environment")
def test_sync_logs_how_many_chats_it_skipped_and_their_ids_only_for_debugging(
    stack: Stack, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Powertools keeps one logger for each service, with the output of the test that made it.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sync-that-skips")
    group = max(demo.account.chats, key=lambda chat: len(chat.people))
    demo.chat_api.withheld = {group.id}
    sync = load("sync")
    assert sync(sync_job(stack), Context())["skipped"] == [group.id]
    printed = capsys.readouterr().out
    [line] = [json.loads(line) for line in printed.splitlines() if "_aws" not in line]
    assert (line["level"], line["outcome"], line["skipped"], line["jobId"]) == ("INFO", "ok", 1, "job0")
    assert line["function_request_id"] == Context.aws_request_id
    assert group.id not in printed
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sync-that-is-debugged")
    load("sync")({"complete": True}, Context())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["chatIds"] for line in lines if "chatIds" in line] == [[group.id]]


@pytest.mark.usefixtures("environment")
def test_sync_logs_an_error_with_its_trace_its_request_and_its_job(
    stack: Stack, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sync-that-fails")
    demo.faults.set("not_found", "chats")
    sync = load("sync")
    with pytest.raises(InvocationFailedError, match=r"^ListingError$"):
        sync(sync_job(stack), Context())
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["error"], line["jobId"]) == ("ERROR", "ListingError", "job0")
    assert "chats.py" in repr(line["trace"])
    assert line["function_request_id"] == Context.aws_request_id
    demo.faults.set("none", "all")
    sync(event("schedule"), Context())
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" not in line]
    assert "jobId" not in line, "this run has no job"


@pytest.mark.usefixtures("environment")
def test_sync_reads_the_chats_behind_a_tunnel_that_cloudflare_access_guards(
    demo: DemoAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guarded(request: Request) -> Reply:
        pair = [request.headers.get(f"Cf-Access-Client-{name}") for name in ("Id", "Secret")]
        login = Reply(302, b"", {"Location": "https://login.example/"})
        return demo.chat_api(request) if pair == ["id", "hush"] else login

    tunnel = Listener(0, guarded)
    tunnel.start()
    monkeypatch.setenv("BEEPER_URL", tunnel.url)
    sync = load("sync")
    assert sync(event("schedule"), Context())["outcome"] == "unauthorized"
    for name, value in (("id", "id"), ("secret", "hush")):
        parameter = f"/imagecache/cf-access-client-{name}"
        boto3.client("ssm").put_parameter(Name=parameter, Value=value, Type="SecureString")
    assert sync(event("schedule"), Context())["outcome"] == "ok"
    tunnel.stop()


@pytest.mark.usefixtures("environment")
def test_contacts_come_from_dex_with_the_key_that_the_parameter_names(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    dex = FakeDex([{"id": 1, "first_name": "Ada", "image_url": "https://pictures.example/a.jpg"}], key="d3x")
    tunnel = Listener(0, dex)
    tunnel.start()
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/mine/dex-api-key", Value="d3x", Type="SecureString")
    monkeypatch.setenv("DEX_URL", tunnel.url)
    monkeypatch.setenv("DEX_API_KEY_PARAMETER", "/mine/dex-api-key")
    monkeypatch.setenv("SYNC_FUNCTION", "sync")
    contacts = load("contacts")
    with pytest.raises(InvocationFailedError, match="StoreUnavailableError: ResourceNotFoundException"):
        contacts(event("schedule"), Context())  # it was about to start a sync
    assert [one.full_name for one in stack.contacts_table.all_contacts()] == ["Ada"]
    assert contacts(event("schedule"), Context())["saved"] == 0
    ssm.put_parameter(Name="/mine/dex-api-key", Value="old", Type="SecureString", Overwrite=True)
    assert contacts(event("schedule"), Context())["outcome"] == "unauthorized"
    tunnel.stop()


@pytest.mark.usefixtures("environment")
def test_the_nightly_schedule_sweeps_to_the_end_and_counts_when_it_refuses(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = load("cleanup")(event("schedule"), Context())
    assert (swept["status"], swept["refused"]) == ("done", ["no_recent_sync"])
    assert stack.wiring.statistics_store.read()["refused"] == ["no_recent_sync"]
    [metric] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (metric["SweepRefused"], metric["service"]) == ([1], "imagecache")
    beeper_was_found(stack, BeeperState.OFFLINE, now=now())
    assert load("cleanup")(event("schedule") | {"id": "next night"}, Context())["refused"] == ["offline"]
    assert "_aws" not in capsys.readouterr().out


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["read", "admin"])
@pytest.mark.parametrize("header", ["Bearer other", "Bearer", "Basic r3ad", "r3ad", " ", None])
def test_a_function_of_the_api_refuses_a_token_that_nobody_has(
    monkeypatch: pytest.MonkeyPatch, name: str, header: str | None
) -> None:
    for variable in ("SYNC_FUNCTION", "JOBS_FUNCTION", "CLEANUP_FUNCTION"):
        monkeypatch.setenv(variable, variable)
    asked = event({"read": "chats", "admin": "forget"}[name])
    del asked["headers"]["authorization"]
    if header is not None:
        asked["headers"]["authorization"] = header
    answer = load(name)(asked, Context())
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "unauthorized")


@pytest.mark.usefixtures("environment")
def test_a_backfill_is_worked_on_by_its_function(stack: Stack, demo: DemoAccount) -> None:
    load("sync")(event("schedule"), Context())
    synced = {from_body(message["body"]).image_key for message in stack.messages()}
    for key in synced:
        stack.dynamodb.delete_item(TableName="CachedImagesTable", Key={"imageKey": {"S": key}})
    begun = event("job")
    job = new_job(begun["jobId"], BackfillOrder(), now=now())
    stack.jobs.create(job)
    load("jobs")(begun, Context())
    queued = {from_body(message["body"]).image_key for message in stack.messages()}
    assert queued == synced
    done = stack.jobs.read(job.job_id)
    assert done is not None
    listed = sum(1 for chat in demo.account.chats if not chat.merged_into)
    assert (done.status, done.progress) == ("done", {"chats": listed, "queued": len(synced)})


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("kind", [kind for kind, known in JOB_TYPES.items() if known.worker is Worker.JOBS])
def test_the_jobs_function_works_on_every_kind_of_job_that_it_is_given(stack: Stack, kind: JobKind) -> None:
    stack.jobs.create(new_job(event("job")["jobId"], JOB_TYPES[kind].order(), now=now()))
    load("jobs")(event("job"), Context())
    job = stack.jobs.read(event("job")["jobId"])
    assert job is not None
    assert (job.kind, job.status) == (kind, "done")


@pytest.mark.usefixtures("environment")
def test_an_admins_wish_is_done_at_once(
    stack: Stack, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_FUNCTION", "sync")
    monkeypatch.setenv("JOBS_FUNCTION", "jobs")
    monkeypatch.setenv("CLEANUP_FUNCTION", "cleanup")
    load("sync")(event("schedule"), Context())
    stack.drain(stack.cacher(demo, requests.Session()))
    key = demo.account.deliverable()[0]
    asked = event("forget") | {"body": json.dumps({"sourceUrl": f"mxc://{key}"})}
    answer = load("admin")(asked, Context())
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "forgotten")
    assert stack.row(key)["status"] == "forgotten"


@pytest.fixture
def log_lines(
    environment: None,  # noqa: ARG001 - it sets the service, too
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Callable[[], list[dict[str, Any]]]:
    """Returns what functions have logged since the last call.

    Powertools keeps the logger of each service, and with it the output of the test that made it. So each of
    these tests has a service of its own.
    """
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_request_that_fails_is_an_error_in_the_log_that_its_request_id_finds(
    stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    read, asked = load("read"), event("chats")
    stack.dynamodb.delete_table(TableName="BeeperChatsTable")
    answer = read(asked, Context())
    request_id = asked["requestContext"]["requestId"]
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"]) == {
        "message": f"Internal error. Details are in the server log (request id {request_id}).",
        "code": "internal",
        "requestId": request_id,
    }
    [line] = log_lines()
    assert (line["level"], line["correlation_id"]) == ("ERROR", request_id)
    assert line["function_request_id"] == Context.aws_request_id
    assert "list_chats.py" in repr(line["trace"])


def test_every_log_line_of_a_change_has_the_request_id(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    for name in ("SYNC_FUNCTION", "JOBS_FUNCTION", "CLEANUP_FUNCTION"):
        monkeypatch.setenv(name, "a-function")
    asked = event("forget")
    url = json.loads(asked["body"])["sourceUrl"]
    stack.cached_images.mark_queued(ImageMessage(url.removeprefix("mxc://"), url, NOW))
    assert load("admin")(asked, Context())["statusCode"] == 200
    [line] = log_lines()
    assert (line["message"], line["level"]) == ("forget", "INFO")
    assert line["correlation_id"] == asked["requestContext"]["requestId"]


def test_an_import_of_contacts_that_fails_is_an_error_in_the_log_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    tunnel = Listener(0, lambda _: Reply(200, b"<html>", {}))
    tunnel.start()
    monkeypatch.setenv("DEX_URL", tunnel.url)
    monkeypatch.setenv("DEX_API_KEY_PARAMETER", "/mine/dex-api-key")
    monkeypatch.setenv("SYNC_FUNCTION", "sync")
    with pytest.raises(InvocationFailedError, match="DexError"):
        load("contacts")(event("schedule"), Context())
    tunnel.stop()
    [line] = log_lines()
    assert (line["level"], line["error"]) == ("ERROR", "DexError")
    assert line["function_request_id"] == Context.aws_request_id
    assert "dex.py" in repr(line["trace"])


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("name", "event_name"),
    [
        ("cacher", "images"),
        ("cleanup", "schedule"),
        ("contacts", "schedule"),
        ("jobs", "job"),
        ("sync", "schedule"),
    ],
)
def test_the_text_of_an_exception_reaches_neither_the_log_nor_lambda_which_would_print_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, event_name: str
) -> None:
    def raise_with_url(**_: object) -> None:
        raise RuntimeError(f"no such image: {SECRET_URL}")

    session = Session()
    session.register("before-call", raise_with_url)
    monkeypatch.setattr("imagecache.aws_requests.function_clients", lambda *_, **__: session.create_client)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"{name}-that-fails-with-a-url")
    monkeypatch.setenv("DEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DEX_API_KEY_PARAMETER", "/mine/dex-api-key")
    monkeypatch.setenv("SYNC_FUNCTION", "sync")
    with pytest.raises(InvocationFailedError, match=r"^RuntimeError$") as caught:
        load(name)(event(event_name), Context())
    printed = capsys.readouterr().out
    [line] = [json.loads(line) for line in printed.splitlines()]
    assert (line["level"], line["error"]) == ("ERROR", "RuntimeError")
    assert "raise_with_url" in line["trace"][-1]
    assert SECRET_URL not in printed + "".join(traceback.format_exception(caught.value))


@pytest.mark.usefixtures("environment")
def test_a_function_without_its_table_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATS_TABLE")
    with pytest.raises(ConfigError, match="CHATS_TABLE"):
        load("read")


DECODING = {
    resource["Properties"]["CodeUri"]: resource["Properties"]["MemorySize"]
    for resource in read_template()["Resources"].values()
    if resource["Type"] == "AWS::Serverless::Function"
    and {"Ref": "ImagingLayer"} in resource["Properties"].get("Layers", [])
}
"""Code → MemorySize (MB) of every function that decodes pictures."""


@pytest.mark.parametrize("code", DECODING)
def test_a_function_that_decodes_pictures_limits_its_own_memory(code: str) -> None:
    """In a process of its own, because the limit would stay."""
    program = (
        "import resource, runpy, sys;"
        f"runpy.run_path({str(ROOT / code / 'app.py')!r});"
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "PYTHONPATH": str(ROOT / "layers" / "domain"),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(DECODING[code]),
    }
    ended = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", program], env=environment, check=True, stdout=subprocess.PIPE
    )
    assert int(ended.stdout) == (DECODING[code] - 128) * 1024 * 1024


def test_an_event_that_lambda_delivers_again_rings_no_alarm(
    stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Lambda's alarm counts errors, the sweep's counts refusals: the second delivery has neither."""
    first = load("cleanup")(event("schedule"), Context())
    assert first["refused"] == ["no_recent_sync"]
    assert log_lines()[-1]["SweepRefused"] == [1]
    assert load("cleanup")(event("schedule"), Context()) == {"skipped": "JobOverError"}
    stack.jobs.create(new_job(event("job")["jobId"], BackfillOrder(), now=now()))
    load("jobs")(event("job"), Context())
    load("jobs")(event("job"), Context())
    stack.jobs.create(new_job("job0", SyncOrder(), now=now()))
    stack.jobs.claim("job0", worker="first", now=now(), milliseconds=900_000)
    assert load("sync")({"jobId": "job0"}, Context()) == {"skipped": "JobTakenError"}
    levels = [line["level"] for line in log_lines()]
    assert levels == ["INFO"] * 4, "and no line of counts, which has no level"


def test_every_log_line_of_a_job_names_the_job_and_the_request(
    stack: Stack, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    stack.jobs.create(new_job(event("job")["jobId"], BackfillOrder(), now=now()))
    load("jobs")(event("job"), Context())
    load("jobs")(event("job"), Context())
    nightly = event("schedule")
    load("cleanup")(nightly, Context())
    load("cleanup")(nightly, Context())
    lines = [line for line in log_lines() if "level" in line]
    assert [(line["message"], line["jobId"]) for line in lines] == [
        ("job", event("job")["jobId"]),
        ("nothing to do", event("job")["jobId"]),
        ("sweep", f"scheduled-{nightly['id']}"),
        ("nothing to do", f"scheduled-{nightly['id']}"),
    ]
    assert {line["function_request_id"] for line in lines} == {Context.aws_request_id}


@pytest.mark.parametrize(("name", "order"), [("jobs", BackfillOrder()), ("cleanup", CleanupOrder())])
def test_an_unexpected_error_is_logged_with_its_trace_and_fails_the_invocation(
    stack: Stack, log_lines: Callable[[], list[dict[str, Any]]], name: str, order: JobOrder
) -> None:
    job_id = event("job")["jobId"]
    stack.jobs.create(new_job(job_id, order, now=now()))
    for table in ("BeeperChatsTable", "CachedImagesTable"):
        stack.dynamodb.delete_table(TableName=table)
    handler = load(name)
    with pytest.raises(InvocationFailedError, match="ResourceNotFoundException"):
        handler(event("job"), Context())
    [line] = log_lines()
    assert (line["level"], line["jobId"]) == ("ERROR", job_id)
    assert line["function_request_id"] == Context.aws_request_id
    assert line["cause"] == "ResourceNotFoundException"
    assert f"functions/{name}/app.py" in repr(line["trace"])
    failed = stack.jobs.read(job_id)
    assert failed is not None
    assert failed.status == "failed"


@pytest.mark.usefixtures("environment")
def test_a_function_does_not_work_on_another_functions_job(stack: Stack) -> None:
    job_id = event("job")["jobId"]
    stack.jobs.create(new_job(job_id, CleanupOrder(), now=now()))
    with pytest.raises(InvocationFailedError, match="TypeError"):
        load("jobs")(event("job"), Context())
