"""`cleanup`: the plan, what was done, and the advice if deletions are refused."""

import pytest

from imagecache.usecases.upkeep.sweep_cache import Refusal
from tests.cli.conftest import Command
from tests.cli.contract import job, swept
from tests.cli.fake_api import Answer, FakeApi

ACCEPTED = Answer(202, {"jobId": "job-1"})
COUNTS = {
    "rows": 1371,
    "orphans": 9,
    "marked": 12,
    "unmarked": 2,
    "due": 3,
    "dueBytes": 1_200_000,
    "unnamed": 5,
    "unnamedBytes": 4_000_000,
    "revalidated": 4,
    "undeleted": 1,
    "rebuilt": 2,
    "refetched": 1,
    "lost": 1,
    "queued": 7,
    "damaged": 1,
    "unsure": 6,
}


def lines(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def test_a_dry_run_is_a_plan_that_a_person_can_read(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("cleanup", "running", {"rows": 1000}), swept(**COUNTS))

    ran = imagecache("cleanup", "--dry-run")

    assert (ran.code, ran.err) == (0, "")
    assert lines(ran.out) == [
        "A sweep now would do this; nothing has been changed:",
        "images no longer shown 12 marked now and 9 before, for deletion after 30 days; "
        "3 to be deleted now (1.2 MB)",
        "images shown again 2 no longer marked",
        "unused files 5 to be deleted now (4.0 MB)",
        "images to check 4 queued, to see whether they have changed",
        "lost files 1 restored from earlier versions, 2 made again from their originals, "
        "2 queued for download",
        "missing images 7 queued",
        "damaged originals 1 left for a person to look at",
        "in doubt 6 left alone",
        "requests 1,234 reads, 40 writes, 3 lists, 6 messages, about $0.00020",
    ]
    assert api.bodies("POST /api/cleanup") == [{"dryRun": True, "force": False}]


def test_a_sweep_is_waited_for_and_says_what_it_did(api: FakeApi, imagecache: Command) -> None:
    did = swept(**COUNTS, deleted=3, versionsDeleted=20, bytesFreed=4_100_000)
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("cleanup", "queued"), did)

    shown = imagecache("cleanup")
    document = imagecache("cleanup", "--force", "--json").document

    assert shown.code == 0
    assert lines(shown.out)[:4] == [
        "The sweep has done this:",
        "images no longer shown 12 marked now and 9 before, for deletion after 30 days; 3 deleted",
        "images shown again 2 no longer marked",
        "unused files 5 found, 20 stored versions deleted (4.1 MB)",
    ]
    assert document == did
    assert [body["force"] for body in api.bodies("POST /api/cleanup")] == [False, True]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "no_recent_sync",
            "no sync has read every chat within the last 48 hours: run `imagecache sync --complete`, or "
            "`imagecache cleanup --force`.",
        ),
        ("offline", "for 48 hours: start Beeper Desktop, and its tunnel if the cache is on AWS; or run"),
        ("scan_failed", "could not be read completely: run `imagecache cleanup` again."),
        (
            "too_many_images",
            "more than 50 images, and more than a fifth of all, would be deleted: if that is right, run",
        ),
        (
            "too_many_blobs",
            "unused files, and more than a fifth of all, would be deleted: if that is right, run",
        ),
        ("brand_new", "brand_new"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    api: FakeApi, imagecache: Command, code: str, said: str
) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", swept(code), swept(code), swept(code, deleted=3))

    planned = imagecache("cleanup", "--dry-run")
    refused = imagecache("cleanup")
    partly = imagecache("cleanup")

    assert (planned.code, refused.code, partly.code) == (0, 0, 0)
    last = [ran.out.splitlines()[-1] for ran in (planned, refused, partly)]
    beginnings = ["Nothing would be deleted: ", "Nothing was deleted: ", "Nothing more was deleted: "]
    assert [line[: len(start)] for line, start in zip(last, beginnings, strict=True)] == beginnings
    assert all(said in line for line in last)


@pytest.mark.parametrize("code", list(Refusal))
def test_no_refusal_is_shown_as_its_bare_code(api: FakeApi, imagecache: Command, code: Refusal) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", swept(code))

    assert f": {code}." not in imagecache("cleanup").out


def test_a_sweep_that_failed_is_exit_code_1(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("cleanup", "failed"))

    ran = imagecache("cleanup")

    assert (ran.code, ran.out) == (1, "the sweep failed: search the function's log for job job-1\n")
