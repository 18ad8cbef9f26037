"""The entry points, each called as Lambda calls it, with a real event of its trigger."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from demo.dex import FakeDex
from demo.listener import Listener, Reply, Request
from demo.service import DemoAccount
from imagecache.clock import now
from imagecache.errors import ConfigError
from imagecache.model.image import ImageMessage
from imagecache.model.job import JobKind
from imagecache.queues.images import from_body, to_body
from imagecache.stores.state.jobs import Job
from imagecache.stores.state.sync_state import BeeperState
from local.template import read_template
from tests.integration.conftest import NOW, Stack
from tests.settings import ENVIRONMENT

ROOT = Path(__file__).parent.parent.parent
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
    """What of Lambda's context a function looks at."""

    function_name = "sync"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def environment(stack: Stack, demo: DemoAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("ssm").put_parameter(
        Name="/imagecache/beeper-token", Value=demo.beeper_token, Type="SecureString"
    )
    here = {
        "IMAGES_QUEUE_URL": stack.queue_url,
        "DEAD_LETTER_QUEUE_URL": stack.sqs.create_queue(QueueName="dead")["QueueUrl"],
        "BEEPER_URL": demo.beeper_url,
        "FETCHES_PER_INVOCATION": "1",  # moto is not thread-safe
    }
    for name, value in (ENVIRONMENT | here).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
def test_sync_then_cacher_then_read_serve_a_page_of_faces(stack: Stack, demo: DemoAccount) -> None:
    report = load("sync")(event("schedule"), Context())
    assert (report["outcome"], report["chats"]) == ("ok", len(demo.account.chats))
    records = [
        {"messageId": one["messageId"], "body": one["body"], "receiptHandle": "r"} for one in stack.messages()
    ]
    assert load("cacher")({"Records": records}, Context()) == {"batchItemFailures": []}
    answer = load("read")(event("chats"), None)
    assert (answer["statusCode"], answer["headers"]["cache-control"]) == (200, "private, no-cache")
    chats = json.loads(answer["body"])["chats"]
    assert len(chats) == 10
    assert {len(chat["participants"]) for chat in chats} == {2}
    assert "cached" in {chat["image"]["status"] for chat in chats}


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
def test_an_image_that_beeper_does_not_have_is_acknowledged_and_recorded(stack: Stack) -> None:
    records = event("images")
    assert load("cacher")(records, Context()) == {"batchItemFailures": []}
    key = json.loads(records["Records"][0]["body"])["imageKey"]
    assert (stack.row(key)["status"], stack.row(key)["reason"]) == ("failed", "gone")


@pytest.mark.usefixtures("environment")
def test_a_missing_token_is_seen_as_unauthorized_not_as_a_crash(stack: Stack) -> None:
    boto3.client("ssm").delete_parameter(Name="/imagecache/beeper-token")
    assert load("sync")(event("schedule"), Context())["outcome"] == "unauthorized"
    assert stack.sync_state.origin().state == "unauthorized"


def counted(printed: str) -> list[tuple[str, str, dict[str, str], int]]:
    """What CloudWatch takes from a log: namespace, metric, dimensions, value."""
    lines = [json.loads(line) for line in printed.splitlines()]
    return [
        (about["Namespace"], metric["Name"], {name: line[name] for name in names}, line[metric["Name"]])
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
    dex = FakeDex([{"id": 1, "first_name": "Ada", "source_url": "https://pictures.example/a.jpg"}], key="d3x")
    tunnel = Listener(0, dex)
    tunnel.start()
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/mine/dex-api-key", Value="d3x", Type="SecureString")
    monkeypatch.setenv("DEX_URL", tunnel.url)
    monkeypatch.setenv("DEX_API_KEY_PARAMETER", "/mine/dex-api-key")
    monkeypatch.setenv("SYNC_FUNCTION", "sync")
    contacts = load("contacts")
    with pytest.raises(boto3.client("lambda").exceptions.ResourceNotFoundException):
        contacts(event("schedule"), Context())  # it was about to start a sync
    assert [one.full_name for one in stack.contacts_table.everybody()] == ["Ada"]
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
    assert stack.sync_state.statistics()["refused"] == ["no_recent_sync"]
    [metric] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (metric["SweepRefused"], metric["service"]) == (1, "imagecache")
    stack.sync_state.record_origin(BeeperState.OFFLINE, now=now())
    assert load("cleanup")(event("schedule"), Context())["refused"] == ["offline"]
    assert "_aws" not in capsys.readouterr().out


@pytest.mark.usefixtures("environment")
def test_the_authorizer_always_allows_and_says_whose_token_it_is() -> None:
    boto3.client("ssm").put_parameter(Name="/imagecache/read-token", Value="r3ad", Type="SecureString")
    asked = event("authorizer")
    handler = load("authorizer")
    assert handler(asked, None) == {"isAuthorized": True, "context": {"role": "read"}}
    asked["headers"]["authorization"] = "Bearer other"
    assert handler(asked, None) == {"isAuthorized": True, "context": {"role": "none"}}


@pytest.mark.usefixtures("environment")
def test_a_backfill_is_worked_on_by_its_function(stack: Stack, demo: DemoAccount) -> None:
    load("sync")(event("schedule"), Context())
    synced = {from_body(message["body"]).image_key for message in stack.messages()}
    for key in synced:
        stack.dynamodb.delete_item(TableName="CachedImagesTable", Key={"imageKey": {"S": key}})
    begun = event("job")
    job = Job(begun["jobId"], JobKind.BACKFILL, now(), now(), order={"active_within_days": 0})
    stack.jobs.write(job, now=now())
    load("jobs")(begun, Context())
    queued = {from_body(message["body"]).image_key for message in stack.messages()}
    assert queued == synced
    done = stack.jobs.read(job.job_id)
    assert done is not None
    listed = sum(1 for chat in demo.account.chats if not chat.merged_into)
    assert (done.status, done.progress) == ("done", {"chats": listed, "queued": len(synced)})


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
    answer = load("admin")(asked, None)
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "forgotten")
    assert stack.row(key)["status"] == "forgotten"


@pytest.mark.usefixtures("environment")
def test_a_function_without_its_table_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATS_TABLE")
    with pytest.raises(ConfigError, match="CHATS_TABLE"):
        load("read")
