"""`cleanup`: a plan that a person can read, what was done, and what to do when deletions are refused."""

import pytest

from imagecache.usecases.upkeep.sweep_cache import Refusal
from tests.cli.conftest import Command
from tests.cli.contract import job, swept
from tests.cli.fake_api import FakeApi, Told

ACCEPTED = Told(202, {"jobId": "job-1"})
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
        "What a sweep would do now; nothing was changed:",
        "images that nobody shows 12 marked now, 9 before, to go after 30 days; 3 to be deleted now (1.2 MB)",
        "images shown again 2 no longer marked",
        "contents no image names 5 to be deleted now (4.0 MB)",
        "images that may have changed 4 asked for again",
        "lost pictures 1 undeleted, 2 rebuilt from their originals, 2 fetched anew",
        "missing images 7 queued",
        "broken originals 1 left for a person to look at",
        "not sure 6 left alone",
        "requests 1,234 reads, 40 writes, 3 lists, 6 messages, about $0.00020",
    ]
    assert api.bodies("POST /api/cleanup") == [{"dryRun": True, "force": False}]


def test_a_sweep_is_waited_for_and_tells_what_it_did(api: FakeApi, imagecache: Command) -> None:
    did = swept(**COUNTS, deleted=3, versionsDeleted=20, bytesFreed=4_100_000)
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("cleanup", "queued"), did)

    told, document = imagecache("cleanup"), imagecache("cleanup", "--force", "--json").document

    assert told.code == 0
    assert lines(told.out)[:4] == [
        "What the sweep did:",
        "images that nobody shows 12 marked now, 9 before, to go after 30 days; 3 deleted",
        "images shown again 2 no longer marked",
        "contents no image names 5 found, 20 stored versions deleted (4.1 MB)",
    ]
    assert document == did
    assert [one["force"] for one in api.bodies("POST /api/cleanup")] == [False, True]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "no_recent_sync",
            "no complete sync within 48 hours. Run `imagecache sync --complete`, or "
            "`imagecache cleanup --force`.",
        ),
        ("offline", "Please start Beeper Desktop on the laptop, and its tunnel; or run"),
        ("scan_failed", "AWS did not say what is shown or stored. Run `imagecache cleanup` again."),
        ("too_many_images", "too many images would go"),
        ("too_many_blobs", "too many stored contents would go"),
        ("brand_new", "brand_new"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    api: FakeApi, imagecache: Command, code: str, said: str
) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", swept(code), swept(code), swept(code, deleted=3))

    planned, refused, partly = (
        imagecache("cleanup", "--dry-run"),
        imagecache("cleanup"),
        imagecache("cleanup"),
    )

    assert (planned.code, refused.code, partly.code) == (0, 0, 0)
    last = [ran.out.splitlines()[-1] for ran in (planned, refused, partly)]
    beginnings = ["Nothing would be deleted: ", "Nothing was deleted: ", "Nothing more was deleted: "]
    assert [line[: len(start)] for line, start in zip(last, beginnings, strict=True)] == beginnings
    assert all(said in line for line in last)


@pytest.mark.parametrize("code", list(Refusal))
def test_every_refusal_there_is_has_a_line_of_its_own(
    api: FakeApi, imagecache: Command, code: Refusal
) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", swept(code))

    assert not imagecache("cleanup").out.endswith(f"{code}\n")


def test_a_sweep_that_died_is_a_bad_answer(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/cleanup", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("cleanup", "failed"))

    ran = imagecache("cleanup")

    assert (ran.code, ran.out) == (1, "the sweep failed: look at its function's log\n")
