"""The state of the engine and its objects survive a clean stop and a kill."""

import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from local import engine
from local.deploy import DeployedStack
from local.engine import Engine, running_engine
from local.processes import Child, ChildError
from tests.engine.conftest import seen, wait_for
from tests.engine.test_engine_queue import send
from tests.engine.test_engine_routes import ask

Start = Callable[[], AbstractContextManager[DeployedStack]]


def remember(stack: DeployedStack, name: str) -> None:
    """Stores a row and an object of this name."""
    dynamodb = boto3.client("dynamodb", **stack.engine.access)
    dynamodb.put_item(TableName=stack.outputs["SeenTable"], Item={"name": {"S": name}})
    s3 = boto3.client("s3", **stack.engine.access)
    s3.put_object(
        Bucket=stack.outputs["Objects"], Key=f"kept/{name}", Body=name.encode(), ContentType="text/plain"
    )


def forget(stack: DeployedStack, name: str) -> None:
    """Deletes the row and every version of the object of this name."""
    dynamodb = boto3.client("dynamodb", **stack.engine.access)
    dynamodb.delete_item(TableName=stack.outputs["SeenTable"], Key={"name": {"S": name}})
    s3 = boto3.client("s3", **stack.engine.access)
    bucket, key = stack.outputs["Objects"], f"kept/{name}"
    for version in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


def objects(stack: DeployedStack) -> dict[str, bytes]:
    """Returns key → content of the stack's bucket."""
    s3 = boto3.client("s3", **stack.engine.access)
    bucket = stack.outputs["Objects"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_a_kill_and_a_clean_stop_keep_everything(start: Start) -> None:
    with start() as stack:
        remember(stack, "first")
        remember(stack, "second")
        forget(stack, "first")
        outputs = stack.outputs
        token = stack.engine.token
        stack.engine.child.kill()
    for end in ("kill", "clean stop"):
        with start() as stack:
            assert stack.engine.token != token, "a token opens one run"
            assert stack.outputs == outputs, end
            assert "second" in seen(stack), end
            assert "first" not in seen(stack), end
            assert objects(stack) == {"kept/second": b"second"}, end
            if end == "kill":
                send(stack, "plain")
            wait_for({"plain 1"}, stack)
            assert ask(stack, "/api/public")[0] == 200, end


@contextmanager
def engine_with_a_table(folder: Path) -> Iterator[tuple[Engine, Any]]:
    """Runs an engine that has the table `names`, without a deployment, and yields it with a client."""
    with running_engine(folder) as engine:
        dynamodb: Any = boto3.client("dynamodb", **engine.access)
        if not dynamodb.list_tables()["TableNames"]:
            create_table(dynamodb)
            engine.save()
        yield engine, dynamodb


def create_table(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName="names",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
    )


def put(dynamodb: Any, name: str) -> None:
    dynamodb.put_item(TableName="names", Item={"name": {"S": name}})


def names(dynamodb: Any) -> set[str]:
    return {item["name"]["S"] for item in dynamodb.scan(TableName="names")["Items"]}


def test_a_damaged_record_is_reported_and_the_state_before_it_is_used(tmp_path: Path) -> None:
    with engine_with_a_table(tmp_path) as (engine, dynamodb):
        put(dynamodb, "before")
        [journal] = (tmp_path / "journal").glob("journal-*")
        good = journal.stat().st_size
        put(dynamodb, "damaged")
        engine.child.kill()
    content = bytearray(journal.read_bytes())
    content[good + 20] ^= 1
    journal.write_bytes(content)
    with engine_with_a_table(tmp_path) as (engine, dynamodb):
        assert names(dynamodb) == {"before"}
        [problem] = engine.problems()
    assert "a journal of the stored state is damaged" in problem
    [kept] = journal.parent.glob("*.damaged-*")
    assert str(kept) in problem
    assert kept.read_bytes() == content


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits the files of another process")
def test_an_engine_that_cannot_write_its_state_ends_before_it_answers(tmp_path: Path) -> None:
    """As when the disk is full. What was acknowledged before is there when it can write again."""
    with engine_with_a_table(tmp_path) as (engine, dynamodb):
        put(dynamodb, "before")
        [journal] = (tmp_path / "journal").glob("journal-*")
        limit = journal.stat().st_size
        resource.prlimit(engine.child.process_id, resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(BotoCoreError):
            put(dynamodb, "refused")
        with pytest.raises(ChildError, match=r"the state cannot be stored: File too large\. .* free space"):
            wait_for_the_end(engine)
    with engine_with_a_table(tmp_path) as (_, dynamodb):
        assert names(dynamodb) == {"before"}


def wait_for_the_end(engine: Engine) -> None:
    """Raises ChildError when the engine has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        engine.child.check()
        time.sleep(0.05)


def test_rows_of_a_deleted_table_do_not_come_back_in_a_new_one_of_its_name(tmp_path: Path) -> None:
    with engine_with_a_table(tmp_path) as (engine, dynamodb):
        put(dynamodb, "old")
        dynamodb.delete_table(TableName="names")
        create_table(dynamodb)
        put(dynamodb, "new")
        engine.save()
        engine.child.kill()
    with engine_with_a_table(tmp_path) as (_, dynamodb):
        assert names(dynamodb) == {"new"}


def test_pictures_without_a_state_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For example, if a person has moved a damaged journal away."""
    picture = tmp_path / "s3" / "000000000000" / "images" / "originals" / "picture"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    with running_engine(tmp_path):
        assert picture.read_bytes() == b"picture"
    said = capsys.readouterr().err
    assert f"there are pictures in {tmp_path / 's3'}, but no stored state" in said


def test_a_queue_still_reaches_its_function_when_the_port_had_to_change(start: Start, tmp_path: Path) -> None:
    """Queue URLs hold the port: if it changed and they did not, the event source would be silent."""
    with start() as stack:
        port = stack.engine.port
        assert re.match(rf"http://localhost:{port}/", stack.outputs["WorkQueue"])
    assert (tmp_path / "stack" / "journal" / "port").read_text() == str(port)
    with socket.create_server(("127.0.0.1", port)), start() as stack:
        assert stack.engine.port != port
        send(stack, "moved")
        wait_for({"moved 1"}, stack)
    assert (tmp_path / "stack" / "journal" / "port").read_text() == str(stack.engine.port)


def test_a_message_that_was_being_worked_on_at_a_clean_stop_is_delivered_after_the_next_start(
    tmp_path: Path,
) -> None:
    """Its worker has ended, so it must not stay hidden until its visibility timeout is over."""
    with running_engine(tmp_path) as first:
        sqs: Any = boto3.client("sqs", **first.access)
        queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="interrupted")
        sqs.send_message(QueueUrl=queue, MessageBody="delayed", DelaySeconds=900)
        assert [message["Body"] for message in received(sqs, queue)] == ["interrupted"]
    with running_engine(tmp_path) as second:
        sqs = boto3.client("sqs", **second.access)
        [message] = received(sqs, queue)
        assert (message["Body"], message["Attributes"]["ApproximateReceiveCount"]) == ("interrupted", "1")
        assert received(sqs, queue) == [], "it is hidden again while it is worked on"


def test_messages_survive_a_kill_and_deleted_ones_stay_deleted(tmp_path: Path) -> None:
    with running_engine(tmp_path) as first:
        sqs: Any = boto3.client("sqs", **first.access)
        queue = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
        first.save()
        entries = [{"Id": body, "MessageBody": body} for body in ("done", "interrupted", "waiting")]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
        done, _ = (received(sqs, queue, at_most=1)[0] for _ in range(2))
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=done["ReceiptHandle"])
        first.child.kill()
    with running_engine(tmp_path) as second:
        sqs = boto3.client("sqs", **second.access)
        assert [message["Body"] for message in received(sqs, queue)] == ["interrupted", "waiting"]


def received(sqs: Any, queue: str, at_most: int = 10) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=at_most, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )
    return list(answer.get("Messages", []))


def test_no_program_can_take_the_port_between_its_choice_and_the_start_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent the token, which opens the engine."""
    refusals = []

    class AttackedChild(Child):
        def __init__(self, *arguments: Any, environment: dict[str, str], **options: Any) -> None:
            with pytest.raises(OSError, match="in use") as refusal:
                socket.create_server(("127.0.0.1", int(environment["GATEWAY_PORT"])))
            refusals.append(refusal)
            super().__init__(*arguments, environment=environment, **options)

    monkeypatch.setattr(engine, "Child", AttackedChild)
    with running_engine(tmp_path) as running:
        assert boto3.client("s3", **running.access).list_buckets()["Buckets"] == []
    assert len(refusals) == 1
