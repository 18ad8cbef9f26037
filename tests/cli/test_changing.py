"""Verbs that change something: what they send, what they wait for, and how they end."""

import pytest

from tests.cli.conftest import Command
from tests.cli.contract import ADA, FORGOTTEN, STATUS, Json, filled, job, redriven, synced
from tests.cli.fake_api import Answer, FakeApi

ACCEPTED = Answer(202, {"jobId": "job-1"})
RUNNING = job("sync", "running", {"chats": 3, "changed": 1, "queued": 0})


def test_sync_waits_until_it_is_over_and_says_what_it_did(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("sync", "queued"), RUNNING, synced("ok", deleted=1, refused=12))

    ran = imagecache("sync")

    assert (ran.code, ran.err) == (0, "")
    assert ran.words == (
        "ok: the chats that changed were read (12 chats, 2 changed, 5 queued, 1 deleted; "
        "12 deletions refused, --force allows them)"
    )
    assert api.bodies("POST /api/sync") == [{"complete": False, "force": False}]
    assert imagecache.clock.slept == [0.25, 0.375]


def test_sync_may_be_complete_and_forced(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", synced("ok", complete=True))

    ran = imagecache("sync", "--complete", "--force", "--json")

    assert ran.document == synced("ok", complete=True)
    assert api.bodies("POST /api/sync") == [{"complete": True, "force": True}]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("offline", "Beeper cannot be reached: start Beeper Desktop"),
        ("unauthorized", "Beeper refuses the token: create a read-only token"),
        ("busy", "another sync is running"),
        ("superseded", "another sync took over"),
        ("unfinished", "the sync continues by itself"),
        ("brand-new", "brand-new: the chats that changed were read"),
    ],
)
def test_a_sync_that_did_not_read_everything_says_what_to_do(
    api: FakeApi, imagecache: Command, outcome: str, said: str
) -> None:
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", synced(outcome))

    ran = imagecache("sync")

    assert ran.code == 1
    assert said in ran.words


def test_a_sync_by_an_agent_says_what_to_do_on_its_computer(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/status", STATUS)
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", synced("offline"))

    ran = imagecache("sync")

    assert ran.words == "Beeper cannot be reached: start Beeper Desktop on the agent's computer"
    assert ran.err == ""


def test_a_sync_without_a_running_agent_says_at_once_that_it_waits(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/status", {**STATUS, "agent": {**STATUS["agent"], "state": "stopped"}})
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", synced("ok"))

    ran = imagecache("sync")

    assert ran.code == 0
    assert "no agent runs, so job job-1 waits for one" in ran.err
    assert "`imagecache agent --stack NAME`" in ran.err


def test_a_job_that_failed_is_exit_code_1(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("POST /api/images/retry-failed", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("sync", "failed"))

    sync = imagecache("sync")
    retry = imagecache("retry-failed", "--watch")

    assert (sync.code, sync.out) == (1, "the sync failed: search the function's log for job job-1\n")
    assert (retry.code, retry.out) == (1, "the job failed: 0 queued, 0 cached, 0 failed\n")


def test_a_job_that_makes_no_progress_is_given_up_after_16_minutes(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/sync", ACCEPTED)
    api.answer("GET /api/jobs/job-1", RUNNING)

    ran = imagecache("sync")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "imagecache: job job-1 has made no progress for 16 minutes: "
        "search the function's log for the job's id\n"
    )
    assert 960 < imagecache.clock.now < 960 + 2 * 30


@pytest.mark.parametrize(
    ("arguments", "route", "body"),
    [
        (["backfill"], "POST /api/images/backfill", {}),
        (["backfill", "--active-days", "30"], "POST /api/images/backfill", {"activeWithinDays": 30}),
        (["retry-failed"], "POST /api/images/retry-failed", {}),
    ],
)
def test_without_watch_nothing_is_waited_for(
    api: FakeApi, imagecache: Command, arguments: list[str], route: str, body: dict[str, int]
) -> None:
    api.answer(route, ACCEPTED)

    shown = imagecache(*arguments)
    document = imagecache(*arguments, "--json").document

    assert shown.out == "started as job job-1; --watch waits for it\n"
    assert document == {"jobId": "job-1"}
    assert api.bodies(route) == [body, body]
    assert api.routes() == [route, route]


def test_watch_waits_until_the_queue_is_drained_and_not_only_until_everything_is_queued(
    api: FakeApi, imagecache: Command
) -> None:
    drained = filled("done", queued=10, waiting=0, failed=2, done=8)
    api.answer("POST /api/images/backfill", ACCEPTED)
    api.answer(
        "GET /api/jobs/job-1",
        job("backfill", "queued"),
        filled("running", queued=4, waiting=0, failed=0, done=4),
        filled("done", queued=10, waiting=6, failed=0, done=4),
        drained,
    )

    ran = imagecache("backfill", "--watch")

    assert (ran.code, ran.out) == (
        0,
        "done: 10 queued, 8 cached, 2 failed; `imagecache failed` lists the reasons\n",
    )
    assert len(api.requests) == 5


@pytest.mark.parametrize("verb", ["backfill", "retry-failed"])
@pytest.mark.parametrize(("queued", "failed", "done", "code"), [(11, 11, 0, 1), (11, 10, 1, 0), (0, 0, 0, 0)])
def test_a_watch_fails_if_every_image_failed(
    api: FakeApi, imagecache: Command, *, verb: str, queued: int, failed: int, done: int, code: int
) -> None:
    api.answer(f"POST /api/images/{verb}", ACCEPTED)
    api.answer("GET /api/jobs/job-1", filled("done", queued=queued, waiting=0, failed=failed, done=done))

    shown = imagecache(verb, "--watch")

    assert shown.code == code
    assert shown.out.startswith("every image failed: " if code else "done: ")
    assert imagecache(verb, "--watch", "--json").code == code


def test_a_job_that_dies_before_everything_is_queued_is_not_waited_for_as_long(
    api: FakeApi, imagecache: Command
) -> None:
    api.answer("POST /api/images/backfill", ACCEPTED)
    api.answer("GET /api/jobs/job-1", filled("running", queued=4, waiting=4, failed=0, done=0))

    ran = imagecache("backfill", "--watch")

    assert ran.code == 1
    assert "has made no progress for 16 minutes" in ran.err


def test_a_queue_may_stand_still_for_hours_while_the_laptop_sleeps(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/backfill", ACCEPTED)
    api.answer("GET /api/jobs/job-1", filled("done", queued=10, waiting=6, failed=0, done=4))

    ran = imagecache("backfill", "--watch", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert "has made no progress for 180 minutes" in ran.err


@pytest.mark.parametrize(
    ("over", "code", "said"),
    [
        (redriven("done"), 0, "done: 1,204 queued again\n"),
        (
            redriven("done", 2),
            0,
            "done: 1,204 queued again; 2 are not messages of this cache and stay there\n",
        ),
        (redriven("failed"), 1, "the job failed: 1,204 queued again\n"),
    ],
)
def test_redrive_waits_until_it_is_over_and_says_what_stays(
    api: FakeApi, imagecache: Command, over: Json, code: int, said: str
) -> None:
    api.answer("POST /api/redrive", ACCEPTED)
    api.answer("GET /api/jobs/job-1", job("redrive", "queued"), over)

    shown = imagecache("redrive")
    as_json = imagecache("redrive", "--json")

    assert (shown.code, shown.out) == (code, said)
    assert (as_json.code, as_json.document) == (code, over)
    assert api.bodies("POST /api/redrive") == [{}, {}]


@pytest.mark.parametrize("verb", ["refresh", "retry"])
def test_one_picture_is_queued(api: FakeApi, imagecache: Command, verb: str) -> None:
    api.answer(f"POST /api/images/{verb}", {"status": "pending"})

    shown = imagecache(verb, ADA)
    document = imagecache(verb, ADA, "--json").document

    assert shown.out == "queued: `imagecache explain URL` shows what happens to it\n"
    assert document == {"status": "pending"}
    assert api.bodies(f"POST /api/images/{verb}") == [{"sourceUrl": ADA}, {"sourceUrl": ADA}]


def test_forget_deletes_after_a_yes(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/forget", FORGOTTEN)

    ran = imagecache("forget", ADA, typed="y\n")

    assert (ran.code, ran.out) == (0, "forgotten: 4 stored versions are deleted\n")
    assert ran.err == "Delete this picture from the cache? [y/N] "
    assert api.bodies("POST /api/images/forget") == [{"sourceUrl": ADA}]


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("n\n", 1, "nothing was forgotten"),
        ("\n", 1, "nothing was forgotten"),
        ("", 2, "cannot ask you without a terminal: add --yes"),
    ],
)
def test_forget_deletes_nothing_without_a_yes(
    api: FakeApi, imagecache: Command, typed: str, code: int, said: str
) -> None:
    ran = imagecache("forget", ADA, typed=typed)

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert api.requests == []


def test_forget_with_json_never_asks_and_requires_yes(api: FakeApi, imagecache: Command) -> None:
    ran = imagecache("forget", ADA, "--json", typed="y\n")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "imagecache: forget deletes the picture, and does not ask you with --json: add --yes\n"
    assert api.requests == []


def test_forget_with_yes_does_not_ask(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/forget", FORGOTTEN)

    ran = imagecache("forget", ADA, "--yes", "--json")

    assert (ran.code, ran.err, ran.document) == (0, "", FORGOTTEN)


@pytest.mark.parametrize(
    ("edge", "said"),
    [
        ({"edge": "told"}, "; CloudFront deletes its copies, too"),
        ({"edge": "not_needed"}, ""),
        ({}, ""),  # an older API
        (
            {"edge": "not_told"},
            "; CloudFront could not be asked to delete its copies: invalidate /images/* by hand",
        ),
    ],
)
def test_forget_on_aws_says_what_happens_to_cloudfronts_copies(
    api: FakeApi, on_aws: Command, edge: dict[str, str], said: str
) -> None:
    api.answer(
        "POST /api/images/forget", {"status": "forgotten", "deletedVersions": 0, "hiddenObjects": 0, **edge}
    )

    ran = on_aws("forget", ADA, "--yes")

    assert (ran.code, ran.words) == (0, f"forgotten: 0 stored versions are deleted{said}")


@pytest.mark.parametrize("edge", ["told", "not_told"])
def test_forget_at_home_does_not_mention_cloudfront(api: FakeApi, imagecache: Command, edge: str) -> None:
    api.answer(
        "POST /api/images/forget",
        {"status": "forgotten", "deletedVersions": 0, "hiddenObjects": 0, "edge": edge},
    )

    assert "CloudFront" not in imagecache("forget", ADA, "--yes").out


def test_forget_says_what_is_deleted_later(api: FakeApi, imagecache: Command) -> None:
    answer = {"status": "forgotten", "deletedVersions": 0, "hiddenObjects": 4, "edge": "told"}
    api.answer("POST /api/images/forget", answer)

    assert "4 files were stored just now: nobody can load them" in imagecache("forget", ADA, "--yes").out


def test_an_unknown_picture_is_exit_code_1(imagecache: Command) -> None:
    ran = imagecache("retry", ADA)

    assert (ran.code, ran.out, ran.err) == (1, "", "imagecache: there is no such thing\n")
