"""`imagecache import-convex --local` at work, on the template's tables and bucket in the engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from imagecache_cli.app import main
from imagecache_cli.session import Outside
from local.access import tell_engine
from local.engine import REGION, Engine, running_engine
from local.template import read_template
from tests.integration.conftest import TABLES
from tests.snapshots import Export, chat, key, participant, png

STACK = "moved"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    resources = read_template()["Resources"]
    template = {"Resources": {name: resources[name] for name in (*TABLES, "ImageBucket")}}
    with running_engine(tmp_path_factory.mktemp("moved")) as engine:
        cloudformation = boto3.client("cloudformation", **engine.access)
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK)
        yield engine


@pytest.fixture
def outside(engine: Engine, tmp_path: Path) -> Outside:
    """A folder beside which `make run` runs."""
    (tmp_path / ".local").mkdir()
    access = tmp_path / ".local" / "access.json"
    access.write_text(json.dumps({"url": "http://127.0.0.1:1", "adminToken": "t"}))
    tell_engine(access, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=STACK)
    return Outside(environment={}, folder=tmp_path)


def exported(folder: Path, *, broken: bool) -> str:
    """30 chats with a picture each, one group of all."""
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


def test_what_can_be_moved_is_moved_and_the_rest_is_named_and_moved_when_it_is_mended(
    engine: Engine, outside: Outside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = exported(tmp_path, broken=True)
    assert main(["--local", "import-convex", broken, "--dry-run", "--json"], outside) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["dryRun"], table(engine, "SyncStateTable"), table(engine, "CachedImagesTable")) == (
        True,
        [],
        [],
    )

    assert main(["--local", "import-convex", broken, "--json"], outside) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {**told, "dryRun": False}
    assert told == {
        "dryRun": True,
        "images": {"imported": 29, "wrong_size": 1},
        "bytes": sum(len(png(number)) for number in range(30) if number != 3),
        "chats": {"imported": 31},
        "leftOut": [{"table": "cachedImages", "result": "wrong_size", "_id": "image3"}],
        "unreadableLines": {"beeperChats": 1},
        "cachedProfileImageUrls": 0,
        "picturesOfNobody": 0,
    }
    assert "MediaId" not in out + err, "source URLs hold the owner's name"
    assert "Person" not in out + err

    assert main(["--local", "import-convex", exported(tmp_path, broken=False)], outside) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "cachedImages 1 imported moved" in shown
    assert "cachedImages 29 already_there here before" in shown
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
    for name, said, code in (("another", "it is another stack", 2), ("none", "does not exist", 1)):
        tell_engine(access, endpoint=engine.endpoint, region=REGION, token=engine.token, stack=name)
        assert main(["--local", "import-convex", exported(tmp_path, broken=False)], outside) == code
        assert said in capsys.readouterr().err


def table(engine: Engine, logical_id: str) -> list[dict[str, Any]]:
    cloudformation: Any = boto3.client("cloudformation", **engine.access)
    detail = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    name = detail["StackResourceDetail"]["PhysicalResourceId"]
    items: list[dict[str, Any]] = boto3.client("dynamodb", **engine.access).scan(TableName=name)["Items"]
    return items
