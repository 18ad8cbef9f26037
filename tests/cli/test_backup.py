"""`backup` and `restore` say in one line what they did, or what is wrong and what to do."""

import os
import re
import sys
from pathlib import Path

import pytest

from imagecache_migration.backup import work
from tests.cli.conftest import Command, RunningClone
from tests.cli.test_convex import access_to, extra_brings_what_is_loaded
from tests.integration.backup_world import EVERYTHING, fill
from tests.integration.conftest import Stack, fresh_stack
from tests.snapshots import png

LOAD_EVERYTHING = """
import os, sys
before = {*sys.modules}
from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring
from imagecache_cli.access import Engine
from imagecache_migration.backup import work
from imagecache_migration.deployed_stack import client_maker
engine = Engine("http://127.0.0.1:1", "eu-west-1", "imagecache", "token")
wiring = Wiring(Config.from_env(os.environ), make_client=client_maker(engine), clock=now)
work.backup_maker(wiring)
restorer = work.restorer(wiring).wiring
restorer.image_changes, restorer.contact_changes
print(*{name.split(".")[0] for name in {*sys.modules} - before})
"""


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, imagecache: Command, running_clone: RunningClone) -> None:
    """Lets the command work on the stack that a test has last made."""
    running_clone(imagecache.folder, access_to("http://127.0.0.1:1"))
    monkeypatch.setattr(work, "_AT_ONCE", 1)


def work_on(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "deployed_wiring", lambda _: stack.wiring)


@pytest.mark.usefixtures("on")
def test_a_backup_is_made_checked_and_restored(imagecache: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        fill(stack, {**EVERYTHING, "images": [("cached", 0), ("forgotten", 1), ("cached", 2)]})
        made = imagecache("backup", "copy", "--local")
        assert (made.code, made.err) == (0, "")
        assert made.words == (
            "backed up 3 images, with 2 pictures (0.0 MB), of which 2 are new (0.0 MB), and 2 contacts,"
            " in copy"
        )
        again = imagecache("--local", "backup", "create", "copy", "--json").document
        assert (again["originals"], again["newOriginals"], again["removedFiles"]) == (2, 0, 0)
        assert again["rows"] == {"contacts": 5, "people": 5, "images": 3}
    checked = imagecache("backup", "verify", "copy")
    assert (checked.code, checked.err) == (0, "")
    assert re.fullmatch(r"copy: 2 pictures \(0.0 MB\) of 2027-01-15T08:00:00\+00:00 are whole\n", checked.out)
    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        restored = imagecache("restore", "copy", "--local", "--json")
        assert restored.code == 0
        assert restored.document["images"] == {"restored": 3}
        refused = imagecache("restore", "copy", "--local")
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert "this backup was restored here already" in refused.err
        merged = imagecache("restore", "copy", "--local", "--merge")
        assert (merged.code, merged.err) == (
            0,
            "3 images: it was here before, and is left as it is\n",
        )
        assert "`imagecache sync --complete`" in merged.out


@pytest.mark.usefixtures("on")
def test_verify_lists_the_files_and_whose_pictures_they_are_without_any_url(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        fill(stack, {**EVERYTHING, "images": [("cached", 0), ("cached", 1)], "people": []})
        assert imagecache("backup", "copy", "--local").code == 0
        folder = imagecache.folder / "copy"
        files = {path.read_bytes(): path for path in folder.rglob("originals/*/*")}
        for shade in (0, 1):
            files[png(shade)].write_bytes(b"damaged")
        (folder / "evil\x1b[31m.txt").touch()

        found = imagecache("backup", "verify", "copy")

        assert found.code == 1
        assert f"damaged {files[png(0)].relative_to(folder)} Person 0" in found.words
        assert "somebody whose name is not in the backup" in found.words
        assert "additional evil[31m.txt -" in found.words
        assert "copy: 0 pictures (0.0 MB)" in found.words
        assert "run `imagecache backup` again" in found.err
        assert "MediaId" not in found.out + found.err, "source URLs hold the owner's name"
        document = imagecache("backup", "verify", "copy", "--json").document
        assert "MediaId" not in str(document)
        assert document["findings"][0].keys() == {"file", "problem", "pictures", "people"}


@pytest.mark.usefixtures("on")
def test_originals_that_the_stack_has_lost_are_counted(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        fill(stack, {**EVERYTHING, "images": [("cached", 0)]})
        for entry in stack.s3.list_objects_v2(Bucket="images", Prefix="originals/")["Contents"]:
            stack.s3.delete_object(Bucket="images", Key=entry["Key"])
        ran = imagecache("backup", "copy", "--local")
        assert (ran.code, ran.err.count("\n")) == (0, 1)
        assert "not in the backup: 1. `imagecache cleanup` fetches them again" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backup", "copy"], "the stack is missing: add --stack NAME for one on AWS, or --local"),
        (["restore", "copy"], "the stack is missing"),
        (["backup", "copy", "--local", "--stack", "imagecache"], "leave out one of them"),
        (["backup", "verify", "copy"], "there is no folder"),
        (
            ["backup", "verify", "."],
            "has no complete backup: check the path, or run `imagecache backup` first",
        ),
        (["backup", "copy", "another"], "`imagecache backup --help` shows what is possible"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(imagecache: Command, arguments: list[str], message: str) -> None:
    ran = imagecache(*arguments)

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err


@pytest.mark.usefixtures("on")
def test_errors_of_the_disk_are_said_in_one_line(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        fill(stack, {**EVERYTHING, "images": []})
        (imagecache.folder / "file").touch()
        for path in ("file", "file/copy"):
            ran = imagecache("backup", path, "--local")
            assert (ran.code, ran.err.count("\n")) == (2, 1)
            assert "is not a folder: choose another path" in ran.err
        for number, code, message in (
            (28, 1, "no space is left for"),
            (13, 2, "may not be read or written: check its owner"),
            (5, 1, "cannot be read or written: "),
        ):

            def refuse(_: int, number: int = number) -> None:
                raise OSError(number, os.strerror(number))

            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", refuse)
                ran = imagecache("backup", "copy", "--local")
            assert (ran.code, ran.err.count("\n")) == (code, 1)
            assert message in ran.err


@pytest.mark.usefixtures("on")
def test_a_backup_of_a_later_version_is_refused(imagecache: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = imagecache.folder / "copy"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": 2}')
    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        for verb in (["backup"], ["backup", "verify"], ["restore"]):
            ran = imagecache("--local", *verb, "copy")
            assert (ran.code, ran.err.count("\n")) == (2, 1)
            assert "later version (format 2): update this clone" in ran.err
        assert stack.writes() == []


@pytest.mark.usefixtures("on")
def test_ctrl_c_says_that_the_command_can_be_run_again(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with fresh_stack() as stack:
        work_on(stack, monkeypatch)
        fill(stack, {**EVERYTHING, "images": [("cached", 0)]})
        with monkeypatch.context() as patch:
            patch.setattr(stack.wiring.blobs, "original", interrupt)
            ran = imagecache("backup", "copy", "--local")
        assert (ran.code, ran.out) == (130, "")
        assert ran.err == "stopped: what was copied is kept; run the command again to continue\n"
        assert not list((imagecache.folder / "copy").rglob(".new-*"))
        assert imagecache("backup", "copy", "--local").code == 0


def test_help_shows_how_to_call_it(imagecache: Command) -> None:
    assert "Usage: imagecache backup [OPTIONS] [verify] FOLDER" in imagecache("backup", "--help").words


def test_its_extra_installs_every_package_that_it_loads() -> None:
    extra_brings_what_is_loaded("backup", LOAD_EVERYTHING)


def test_a_package_that_is_missing_is_named_with_how_to_install_it(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch, running_clone: RunningClone
) -> None:
    running_clone(imagecache.folder, access_to("http://127.0.0.1:1"))
    monkeypatch.delitem(sys.modules, "imagecache_migration.backup.work", raising=False)
    monkeypatch.setitem(sys.modules, "pynamodb.exceptions", None)

    ran = imagecache("backup", "copy", "--local")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "pynamodb is not installed: run `pipx install '.[backup]'`" in ran.err
    assert not Path(imagecache.folder, "copy").exists()
