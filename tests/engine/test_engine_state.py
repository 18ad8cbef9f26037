"""The state of the engine survives a clean stop, and its objects survive a kill."""

import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import engine
from local.deploy import DeployedStack
from local.engine import running_engine
from local.processes import Child
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


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects(stack: DeployedStack, bucket: str | None = None) -> dict[str, bytes]:
    """Returns key → content of the stack's bucket, or of another one."""
    s3 = boto3.client("s3", **stack.engine.access)
    bucket = bucket or stack.outputs["Objects"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_a_clean_stop_keeps_everything_and_a_kill_keeps_objects_and_the_rows_of_the_last_clean_stop(
    start: Start,
) -> None:
    with start() as stack:
        remember(stack, "first")
        names = stack.outputs
        token = stack.engine.token
    with start() as stack:
        assert stack.engine.token != token, "a token opens one run"
        assert stack.outputs == names
        assert {"first"} <= seen(stack)
        assert objects(stack) == {"kept/first": b"first"}
        remember(stack, "second")
        stack.engine.child.kill()
    with start() as stack:
        assert stack.outputs == names
        assert "second" not in seen(stack)
        assert objects(stack) == {"kept/first": b"first", "kept/second": b"second"}
        remember(stack, "second")
        send(stack, "plain")
        wait_for({"first", "second", "plain 1"}, stack)
        assert ask(stack, "/api/public")[0] == 200


def test_a_stack_killed_before_its_first_clean_stop_is_deployed_again_and_its_objects_are_kept(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with start() as stack:
        remember(stack, "lost")
        bucket = stack.outputs["Objects"]
        stack.engine.child.kill()
    stored = files(tmp_path / "stack" / "s3")
    assert b"lost" in stored.values()
    for end in ("killed again", "stopped"):
        capsys.readouterr()
        with start() as stack:
            assert stored.items() <= files(tmp_path / "stack" / "s3").items(), end
            assert objects(stack, bucket) == {"kept/lost": b"lost"}
            assert "lost" not in seen(stack)
            assert objects(stack) == {}
            notice = f"pictures are kept in {tmp_path / 'stack' / 's3'},"
            assert capsys.readouterr().err.count(notice) == 1, end
            if end == "killed again":
                stack.engine.child.kill()
    with start() as stack:
        assert objects(stack, bucket) == {"kept/lost": b"lost"}
    assert stored.items() <= files(tmp_path / "stack" / "s3").items()
    assert "pictures are kept" not in capsys.readouterr().err, "the last run was stopped cleanly"


def test_a_queue_still_reaches_its_function_when_the_port_had_to_change(start: Start, tmp_path: Path) -> None:
    """Queue URLs hold the port: if it changed and they did not, the event source would be silent."""
    with start() as stack:
        port = stack.engine.port
        assert re.match(rf"http://localhost:{port}/", stack.outputs["WorkQueue"])
    assert (tmp_path / "stack" / "state" / "port").read_text() == str(port)
    with socket.create_server(("127.0.0.1", port)), start() as stack:
        assert stack.engine.port != port
        send(stack, "moved")
        wait_for({"moved 1"}, stack)
    assert (tmp_path / "stack" / "state" / "port").read_text() == str(stack.engine.port)


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


def received(sqs: Any, queue: str) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["ApproximateReceiveCount"]
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
