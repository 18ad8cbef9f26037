"""What `import-convex` says before it begins, and what it needs; tests/engine has it at work."""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import grimp
import pytest

from imagecache.model.image import FailureReason, RejectionReason
from imagecache_migration import convex_report
from imagecache_migration.convex_snapshot import FileTrouble
from imagecache_migration.import_snapshot import Result
from tests.cli.conftest import Command
from tests.snapshots import Export

ROOT = Path(__file__).parent.parent.parent
NEVER_OF_A_SNAPSHOT = {
    FailureReason.GONE,
    FailureReason.REFUSED,
    FailureReason.CRASHED,
    FailureReason.ORIGIN_DOWN,
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "into which stack? --stack NAME on AWS, or --local beside a running `make run`"),
        (["--local", "--stack", "imagecache"], "leave out --stack"),
        (["--local"], "start `make run` in the clone first"),
    ],
)
def test_where_to_is_asked_in_one_line(imagecache: Command, arguments: list[str], said: str) -> None:
    ran = imagecache("import-convex", "snapshot.zip", *arguments)

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


def test_a_stack_that_is_still_being_made_is_waited_for(imagecache: Command) -> None:
    _local(imagecache, {"url": "http://127.0.0.1:1", "adminToken": "t"})

    ran = imagecache("--local", "import-convex", "snapshot.zip")

    assert (ran.code, ran.out) == (2, "")
    assert "wait until `make run` says that it is ready" in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"PK no zip", "no zip file"), (b"", "no zip file")],
)
def test_a_file_that_is_no_snapshot_is_refused_before_anything_is_asked(
    imagecache: Command, content: bytes | None, said: str
) -> None:
    file = imagecache.folder / "snapshot.zip"
    if content is not None:
        file.write_bytes(content)
    _engine_at(imagecache, "http://127.0.0.1:1")

    ran = imagecache("import-convex", str(file), "--local")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "the snapshot cannot be read: " in ran.err
    assert said in ran.err


def test_an_engine_that_has_stopped_is_told_in_one_line(imagecache: Command) -> None:
    export = Export()
    export.image(1)
    _engine_at(imagecache, "http://127.0.0.1:1")

    ran = imagecache("import-convex", str(export.zipped(imagecache.folder / "s.zip")), "--local")

    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "Could not connect" in ran.err


def test_what_is_not_installed_is_named_with_what_brings_it(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "imagecache_migration.convex_import", raising=False)
    monkeypatch.delattr("imagecache_migration.convex_import", raising=False)
    monkeypatch.setitem(sys.modules, "pynamodb.exceptions", None)

    ran = imagecache("import-convex", "snapshot.zip", "--stack", "imagecache")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "pynamodb is not installed: `pipx install '.[convex]'`" in ran.err


def test_no_other_verb_needs_its_packages() -> None:
    code = (
        "import sys, imagecache_cli.app; print({'boto3', 'pynamodb', 'PIL', 'imagecache'} & {*sys.modules})"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"  # noqa: S603 - our own


def test_its_extra_brings_every_package_that_it_reaches() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = {re.split(r"[^a-z0-9]", one)[0] for one in project["optional-dependencies"]["convex"]}
    brought |= {re.split(r"[^a-z0-9]", one)[0] for one in project["dependencies"]}
    graph = grimp.build_graph(
        "imagecache", "imagecache_cli", "imagecache_migration", include_external_packages=True, cache_dir=None
    )

    reached = {one.split(".")[0] for one in graph.find_upstream_modules("imagecache_migration.convex_import")}

    # What only types name, and what comes with boto3 and requests.
    reached -= {
        "imagecache",
        "imagecache_cli",
        "imagecache_migration",
        "mypy_boto3_dynamodb",
        "mypy_boto3_s3",
        "botocore",
        "urllib3",
    }
    assert {one.replace("PIL", "pillow") for one in reached} - sys.stdlib_module_names <= brought
    assert {"boto3", "PIL", "pynamodb"} <= reached


def test_a_line_that_could_not_be_read_is_something_left_out() -> None:
    assert convex_report.Report(dry_run=False, unreadable=Counter(beeperChats=1)).has_left_out
    assert not convex_report.Report(dry_run=False, unreadable=Counter(beeperChats=0)).has_left_out


def test_every_result_has_its_words() -> None:
    results = {
        *Result,
        *FileTrouble,
        *(set(FailureReason) - NEVER_OF_A_SNAPSHOT),
        *(f"rejected_{reason}" for reason in RejectionReason),
    }

    assert convex_report.MEANINGS.keys() == {str(result) for result in results}


def _local(command: Command, content: object) -> None:
    (command.folder / ".local").mkdir()
    (command.folder / ".local" / "access.json").write_text(json.dumps(content))


def _engine_at(command: Command, endpoint: str) -> None:
    engine = {"endpoint": endpoint, "region": "eu-west-1", "sessionToken": "t", "stack": "imagecache"}
    _local(command, {"url": "http://127.0.0.1:1", "adminToken": "t", "engine": engine})
