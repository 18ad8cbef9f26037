"""`import-convex` says what it needs and what became of each document. tests/engine runs it on a stack."""

import contextlib
import importlib.metadata
import io
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from imagecache.model.image import FailureReason, RejectionReason
from imagecache_migration import convex_report
from imagecache_migration.convex_snapshot import Snapshot
from imagecache_migration.outcomes import DocumentOutcome, DocumentResult, FileProblem, Outcome
from imagecache_migration.snapshot_archive import DEFAULT_LIMITS
from local.template import read_template
from tests.cli.conftest import Command, RunningClone
from tests.settings import template_settings
from tests.snapshots import Export

ROOT = Path(__file__).parent.parent.parent
# Prints the packages that are loaded after everything that the import uses has been built.
LOAD_EVERYTHING = """
import os, sys
before = {*sys.modules}
from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring
from imagecache_cli.access import Engine
from imagecache_migration import convex_import
from imagecache_migration.deployed_stack import client_maker
engine = Engine("http://127.0.0.1:1", "eu-west-1", "imagecache", "token")
wiring = Wiring(Config.from_env(os.environ), make_client=client_maker(engine), clock=now)
convex_import.image_import(wiring, dry_run=True)
convex_import.chat_import(wiring, dry_run=True)
print(*{name.split(".")[0] for name in {*sys.modules} - before})
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the stack is missing: add --stack NAME for one on AWS, or --local while `make run` is running"),
        (["--local", "--stack", "imagecache"], "leave out one of them"),
        (["--local"], "start `make run` in the clone first"),
    ],
)
def test_without_one_stack_the_command_says_in_one_line_what_to_do(
    imagecache: Command, arguments: list[str], message: str
) -> None:
    ran = imagecache("import-convex", "snapshot.zip", *arguments)

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert message in ran.err


def test_while_the_stack_is_starting_the_command_says_to_wait(
    imagecache: Command, running_clone: RunningClone
) -> None:
    running_clone(imagecache.folder, {"url": "http://127.0.0.1:1", "adminToken": "t"})

    ran = imagecache("--local", "import-convex", "snapshot.zip")

    assert (ran.code, ran.out) == (2, "")
    assert "wait until `make run` says that it is ready" in ran.err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"PK no zip", "not a zip file"), (b"", "not a zip file")],
)
def test_a_file_that_is_not_a_snapshot_is_refused_before_the_stack_is_read(
    imagecache: Command, running_clone: RunningClone, content: bytes | None, message: str
) -> None:
    file = imagecache.folder / "snapshot.zip"
    if content is not None:
        file.write_bytes(content)
    running_clone(imagecache.folder, access_to("http://127.0.0.1:1"))

    ran = imagecache("import-convex", str(file), "--local")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "the snapshot cannot be read: " in ran.err
    assert message in ran.err


def test_an_engine_that_has_stopped_is_reported_in_one_line(
    imagecache: Command, running_clone: RunningClone
) -> None:
    export = Export()
    export.image(1)
    running_clone(imagecache.folder, access_to("http://127.0.0.1:1"))

    ran = imagecache("import-convex", str(export.zipped(imagecache.folder / "s.zip")), "--local")

    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "Could not connect" in ran.err


def test_a_package_that_is_missing_is_named_with_how_to_install_it(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "imagecache_migration.convex_import", raising=False)
    monkeypatch.delattr("imagecache_migration.convex_import", raising=False)
    monkeypatch.setitem(sys.modules, "pynamodb.exceptions", None)

    ran = imagecache("import-convex", "snapshot.zip", "--stack", "imagecache")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "pynamodb is not installed: run `pipx install '.[convex]'`" in ran.err


def test_no_other_verb_needs_its_packages() -> None:
    code = (
        "import sys, imagecache_cli.app; print({'boto3', 'pynamodb', 'PIL', 'imagecache'} & {*sys.modules})"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"  # noqa: S603 - our own


def test_its_extra_installs_every_package_that_it_loads() -> None:
    extra_brings_what_is_loaded("convex", LOAD_EVERYTHING)


def extra_brings_what_is_loaded(extra: str, program: str) -> None:
    """Fails if `program`, which prints the packages that it loads, loads one that the extra lacks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = with_their_dependencies({*project["dependencies"], *project["optional-dependencies"][extra]})

    environment = template_settings(read_template())
    output = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)  # noqa: S603 - our own

    distributions = importlib.metadata.packages_distributions()
    loaded = {
        normalized(distribution)
        for module in output.split()
        for distribution in distributions.get(module, [])
    }
    # requests prefers simplejson, which a development dependency installs, and does without it.
    assert loaded - installed - {"simplejson"} == set()
    assert {"boto3", "pillow", "pynamodb"} <= loaded


def with_their_dependencies(requirements: set[str]) -> set[str]:
    """Returns the names of the distributions that an install of these requirements brings."""
    names: set[str] = set()
    waiting = [*requirements]
    while waiting:
        requirement = waiting.pop()
        name = normalized(re.split(r"[^A-Za-z0-9._-]", requirement)[0])
        if name not in names and "extra ==" not in requirement:
            names.add(name)
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # of another platform
                waiting += importlib.metadata.requires(name) or []
    return names


def normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_a_line_that_could_not_be_read_is_something_left_out() -> None:
    assert report(unreadable_lines=Counter(beeperChats=1)).has_left_out
    assert not report(unreadable_lines=Counter(beeperChats=0)).has_left_out


@pytest.mark.parametrize(
    ("outcome", "left_out"),
    [
        (Outcome.IMPORTED, False),
        (Outcome.ALREADY_THERE, False),
        (Outcome.SAME_IMAGE, False),
        (Outcome.SAME_CHAT, False),
        (Outcome.FORGOTTEN, False),
        (Outcome.HELD, True),
        (Outcome.SYNC_RUNS, True),
        (Outcome.A_PAGE, True),
        (Outcome.NO_ID, True),
        (FileProblem.WRONG_SIZE, True),
        (FailureReason.TOO_LARGE, True),
        (RejectionReason.MALFORMED, True),
    ],
)
def test_what_should_be_here_and_is_not_is_left_out(outcome: DocumentOutcome, left_out: bool) -> None:
    finished = report()
    finished.images.add(DocumentResult("image0", outcome))

    assert finished.has_left_out is left_out


@pytest.mark.parametrize("outcome", [*Outcome, *FileProblem, *FailureReason, *RejectionReason])
def test_every_outcome_is_explained(outcome: DocumentOutcome) -> None:
    """An outcome without an explanation would be shown as its code."""
    assert convex_report.meaning(outcome) != outcome.value
    assert len(convex_report.meaning(outcome).split()) > 2 or outcome is Outcome.IMPORTED


def test_failures_and_rejections_have_the_same_texts_as_in_other_verbs() -> None:
    assert convex_report.meaning(FailureReason.TOO_LARGE) == (
        "the file is larger than 5 MB or 40 megapixels (36 for HEIC, 30 for WebP, 11 for AVIF)"
    )
    assert convex_report.meaning(RejectionReason.MALFORMED) == "the URL is malformed"


def report(*, unreadable_lines: Counter[str] | None = None) -> convex_report.ImportReport:
    archive = NoFiles()
    snapshot = Snapshot(archive, unreadable_lines=unreadable_lines or Counter())
    return convex_report.ImportReport(snapshot, dry_run=False)


class NoFiles:
    """An archive without files."""

    names: frozenset[str] = frozenset()
    limits = DEFAULT_LIMITS

    def open(self, name: str) -> io.BufferedReader:
        raise FileNotFoundError(name)


def access_to(endpoint: str) -> dict[str, object]:
    """Returns the content of access.json while an engine runs."""
    engine = {"endpoint": endpoint, "region": "eu-west-1", "sessionToken": "t", "stack": "imagecache"}
    return {"url": "http://127.0.0.1:1", "adminToken": "t", "engine": engine}
