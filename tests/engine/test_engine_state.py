"""What survives which end of the engine."""

import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import boto3
import pytest

from local.deploy import Stack
from tests.engine.conftest import seen, wait_for
from tests.engine.test_engine_queue import send
from tests.engine.test_engine_routes import ask

Start = Callable[[], AbstractContextManager[Stack]]


def remember(stack: Stack, name: str) -> None:
    dynamodb = boto3.client("dynamodb", **stack.engine.access)
    dynamodb.put_item(TableName=stack.outputs["SeenTable"], Item={"name": {"S": name}})
    s3 = boto3.client("s3", **stack.engine.access)
    s3.put_object(
        Bucket=stack.outputs["Objects"], Key=f"kept/{name}", Body=name.encode(), ContentType="text/plain"
    )


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects(stack: Stack, bucket: str | None = None) -> dict[str, bytes]:
    """Returns key → content of the stack's bucket, or of another one."""
    s3, bucket = boto3.client("s3", **stack.engine.access), bucket or stack.outputs["Objects"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_clean_stop_keeps_rows_objects_and_names_and_a_kill_keeps_those_of_the_last_one(start: Start) -> None:
    with start() as stack:
        remember(stack, "first")
        names, token = stack.outputs, stack.engine.token
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


def test_stack_killed_before_its_first_clean_stop_is_made_anew_and_its_objects_are_kept(
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
            said = f"pictures are kept in {tmp_path / 'stack' / 's3'},"
            assert capsys.readouterr().err.count(said) == 1, end
            if end == "killed again":
                stack.engine.child.kill()
    with start() as stack:
        assert objects(stack, bucket) == {"kept/lost": b"lost"}
    assert stored.items() <= files(tmp_path / "stack" / "s3").items()
    assert "pictures are kept" not in capsys.readouterr().err, "the last run was stopped cleanly"


def test_queue_still_reaches_its_function_when_the_port_had_to_change(start: Start, tmp_path: Path) -> None:
    """Queue URLs hold the port; where it changed and they did not, the event source is silent."""
    with start() as stack:
        port = stack.engine.port
        assert re.match(rf"http://localhost:{port}/", stack.outputs["WorkQueue"])
    assert (tmp_path / "stack" / "state" / "port").read_text() == str(port)
    with socket.create_server(("127.0.0.1", port)), start() as stack:
        assert stack.engine.port != port
        send(stack, "moved")
        wait_for({"moved 1"}, stack)
    assert (tmp_path / "stack" / "state" / "port").read_text() == str(stack.engine.port)
