"""A start keeps the state that an earlier version has stored, and refuses that of a later version.

`fixtures/state-1.zip` is the folder of the stack in `small/` as version 1 left it after two clean stops: in
each run, a row and an object were stored, and a message was sent. The messages are delayed until 2100, or
they would have expired.
"""

import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.engine import Engine, running_engine
from local.processes import ChildError
from local.state_folder import VERSION, prepare

STATE_1 = Path(__file__).parent / "fixtures" / "state-1.zip"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a stack that version 1 has run."""
    shutil.unpack_archive(STATE_1, tmp_path / "stack")
    return tmp_path / "stack"


def files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(engine: Engine) -> dict[str, Any]:
    """Returns what the engine has of each kind: the names that the two runs have stored."""
    access = engine.access
    dynamodb, s3 = boto3.client("dynamodb", **access), boto3.client("s3", **access)
    sqs, functions = boto3.client("sqs", **access), boto3.client("lambda", **access)
    [table] = dynamodb.list_tables()["TableNames"]
    [bucket] = [each["Name"] for each in s3.list_buckets()["Buckets"] if "objects" in each["Name"].lower()]
    [queue] = sqs.list_queues()["QueueUrls"]
    counts: Any = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    deployed = functions.list_functions()["Functions"]
    return {
        "rows": sorted(item["name"]["S"] for item in dynamodb.scan(TableName=table)["Items"]),
        "objects": sorted(entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]),
        "delayed messages": counts["ApproximateNumberOfMessagesDelayed"],
        "functions": sorted(function["FunctionName"].split("-")[1] for function in deployed),
    }


def test_a_state_of_version_1_is_converted_and_its_files_are_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = files(folder / "state")
    for start in ("converts", "has nothing to convert"):
        with running_engine(folder) as engine:
            assert names(engine) == {
                "rows": ["first", "second"],
                "objects": ["kept/first", "kept/second"],
                "delayed messages": "2",
                "functions": ["GreetFunction", "TickFunction", "WorkFunction"],
            }, start
        said = capsys.readouterr().err
        assert ("converted, and is kept in" in said) == (start == "converts")
    assert files(folder / "version-1") == last
    assert (folder / "version").read_text() == str(VERSION)


def test_a_conversion_that_was_interrupted_is_repeated(folder: Path) -> None:
    expected = files(prepare(shutil.copytree(folder, folder.parent / "other")))
    (folder / "journal.unfinished").mkdir()
    (folder / "journal.unfinished" / "snapshot-1").write_bytes(b"half")
    assert files(prepare(folder)) == expected
    (folder / "version").unlink()
    (folder / "version-1").rename(folder / "saved")  # its next step was not made
    assert files(prepare(folder)) == expected


def test_a_state_of_a_later_version_is_refused_and_not_changed(folder: Path) -> None:
    (folder / "version").write_text(str(VERSION + 1))
    before = files(folder)
    with pytest.raises(ChildError, match=r"later version .* Nothing was changed: update .* `git pull`"):
        prepare(folder)
    assert files(folder) == before
