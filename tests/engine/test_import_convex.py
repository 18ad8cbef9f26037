"""`imagecache import-convex --local` on the template's tables and bucket in the engine."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from imagecache_cli.app import main
from imagecache_cli.session import Outside
from local.access import add_engine_access
from local.engine import REGION, Engine, running_engine
from local.processes import try_lock
from local.template import read_template
from tests.integration.conftest import TABLES
from tests.settings import template_settings
from tests.snapshots import Export, chat, key, participant, png

STACK = "moved"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    resources = read_template()["Resources"]
    stores = {name: resources[name] for name in (*TABLES, "ImageBucket")}
    template = {"Resources": {**stores, "CacherFunction": a_function_with_settings(stores)}}
    with running_engine(tmp_path_factory.mktemp("moved")) as engine:
        cloudformation = boto3.client("cloudformation", **engine.access)
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK)
        yield engine


def a_function_with_settings(stores: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a function that does nothing, with the environment that the template gives to each function."""
    variables = read_template()["Globals"]["Function"]["Environment"]["Variables"]
    settings = {
        name: value if isinstance(value, dict) and value.get("Ref") in stores else made
        for (name, value), made in zip(
            variables.items(), template_settings(read_template()).values(), strict=True
        )
    }
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": "arn:aws:iam::000000000000:role/none",
            "Code": {"ZipFile": "def handler(event, context):\n    return None\n"},
            "Environment": {"Variables": settings},
        },
    }


@pytest.fixture
def outside(engine: Engine, tmp_path: Path) -> Iterator[Outside]:
    """The surroundings of a person who is in the folder of a running `make run`."""
    (tmp_path / ".local").mkdir()
    access = tmp_path / ".local" / "access.json"
    access.write_text(json.dumps({"url": "http://127.0.0.1:1", "adminToken": "t"}))
    add_engine_access(access, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=STACK)
    with try_lock(tmp_path / ".local" / "run.lock", "a test"):
        yield Outside(environment={}, folder=tmp_path)


def exported(folder: Path, *, broken: bool) -> str:
    """Writes a snapshot of 30 chats with a picture each, and one group of all of them. Returns its path."""
    export = Export()
    for number in range(30):
        export.image(number)
        export.table("beeperChats").append(chat(number))
        export.table("beeperParticipants").append(participant(99, number))
    export.table("beeperChats").append(chat(99, type="group", participantId=None, participantImgURL=None))
    if broken:
        export.files["_storage/kg3.bin"] += b"!"
        export.table("beeperChats").append('{"_id": "cut')
    return str(export.zipped(folder / "snapshot.zip"))


def test_what_can_be_moved_is_moved_and_the_rest_is_listed_and_moved_once_it_is_repaired(
    engine: Engine, outside: Outside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = exported(tmp_path, broken=True)
    assert main(["--local", "import-convex", broken, "--dry-run", "--json"], outside) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["dryRun"] is True
    assert table(engine, "SyncStateTable") == []
    assert table(engine, "CachedImagesTable") == []

    assert main(["--local", "import-convex", broken, "--json"], outside) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {**report, "dryRun": False}
    assert report == {
        "dryRun": True,
        "images": {"imported": 29, "wrong_size": 1},
        "bytes": sum(len(png(number)) for number in range(30) if number != 3),
        "chats": {"imported": 31},
        "leftOut": [{"table": "cachedImages", "result": "wrong_size", "_id": "image3"}],
        "unreadableLines": {"beeperChats": 1},
        "cachedProfileImageUrls": 0,
        "picturesWithoutPerson": 0,
    }
    assert "MediaId" not in out + err, "source URLs hold the owner's name"
    assert re.search(r"Person \d", out + err) is None, "names of people"

    assert main(["--local", "import-convex", exported(tmp_path, broken=False)], outside) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "cachedImages 1 imported moved" in shown
    assert "cachedImages 29 already_there it was here before" in shown
    rows = {row["imageKey"]["S"]: row["status"]["S"] for row in table(engine, "CachedImagesTable")}
    assert rows == {key(number): "cached" for number in range(30)}
    assert len(table(engine, "ChatParticipantsTable")) == 60


def test_another_stack_is_not_written_to(
    engine: Engine, outside: Outside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = boto3.client("cloudformation", **engine.access)
    body = json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})
    cloudformation.create_stack(StackName="another", TemplateBody=body)
    access = outside.folder / ".local" / "access.json"
    another = (
        "the stack another has no CacherFunction, so it is a stack of another application: check its name"
    )
    for name, message, code in (("another", another, 2), ("none", "does not exist", 1)):
        add_engine_access(access, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=name)
        assert main(["--local", "import-convex", exported(tmp_path, broken=False)], outside) == code
        assert message in capsys.readouterr().err


def table(engine: Engine, logical_id: str) -> list[dict[str, Any]]:
    """Returns the rows of a table of the stack."""
    cloudformation: Any = boto3.client("cloudformation", **engine.access)
    detail = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    name = detail["StackResourceDetail"]["PhysicalResourceId"]
    items: list[dict[str, Any]] = boto3.client("dynamodb", **engine.access).scan(TableName=name)["Items"]
    return items
