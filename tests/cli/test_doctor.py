"""The connection test: each verdict, and what it says to do."""

from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.contract import HEALTH, STATS, job, synced
from tests.cli.fake_api import FakeApi, Told

Finding = tuple[str, str, str]

LAST_ASKED = "when sync last asked (2026-11-25 09:50 UTC)"
START = "start Beeper Desktop on the laptop, and its tunnel"
NEW_TOKEN = "make a new read-only token in Beeper's settings and store it (`make secrets`, or BEEPER_TOKEN)"


def prepare(
    api: FakeApi,
    *,
    stats: dict[str, Any] | None = None,
    origin: str = "ok",
    synced_as: dict[str, Any] | None = None,
) -> None:
    api.answer("GET /api/health", {**HEALTH, "origin": {**HEALTH["origin"], "state": origin}})
    api.answer("GET /api/stats", {**STATS, **(stats or {})})
    api.answer("POST /api/sync", Told(202, {"jobId": "job-1"}))
    api.answer("GET /api/jobs/job-1", synced_as or synced("ok"))


def findings(imagecache: Command, code: int) -> dict[str, Finding]:
    """By subject: verdict, what was found, what to do. Of several with one subject the last."""
    ran = imagecache("doctor", "--json")
    assert ran.code == code
    assert ran.document["healthy"] == (code == 0)
    return {one["subject"]: (one["verdict"], one["found"], one["remedy"]) for one in ran.document["findings"]}


def test_a_healthy_cache_is_said_to_be_so_line_by_line(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"failed": 0, "failedByReason": {}})

    ran = imagecache("doctor")

    assert ran.code == 0
    assert [" ".join(line.split()) for line in ran.out.splitlines()][3:] == [
        f"ok API answers at {api.url}",
        "ok token the admin token",
        "ok Beeper reachable, and its token is good: a sync has just read it",
        "ok sync last succeeded 2026-11-25 09:50 UTC",
        "ok pictures 1,371 cached, 4 pending",
        "ok failures none",
        "",
    ]
    assert api.bodies("POST /api/sync") == [{"complete": False, "force": False}]


def test_nobody_there_is_the_only_finding(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/health", Told(200, b"<html>"))

    found = findings(imagecache, 1)

    assert list(found) == ["API"]
    assert found["API"] == (
        "bad",
        "HTTP 200 without JSON: is this the address of an image cache?",
        "mend IMAGECACHE_URL, or start `make run`",
    )


def test_a_wrong_token_is_bad(api: FakeApi, imagecache: Command) -> None:
    prepare(api)
    imagecache.environment["IMAGECACHE_TOKEN"] = "guessed"

    found = findings(imagecache, 1)

    assert found["token"] == ("bad", "not accepted", "set IMAGECACHE_TOKEN to the one in use")
    assert list(found) == ["API", "token"]


def test_the_read_token_changes_nothing_and_tells_what_sync_last_saw(
    api: FakeApi, read_only: Command
) -> None:
    prepare(api)

    found = findings(read_only, 0)

    assert found["token"] == ("ok", "the read token: may look, not change", "")
    assert found["Beeper"] == ("ok", f"answered {LAST_ASKED}", "")
    assert "POST /api/sync" not in api.routes()


@pytest.mark.parametrize(
    ("state", "code", "finding"),
    [
        ("offline", 1, ("bad", f"could not be reached {LAST_ASKED}", START)),
        ("unauthorized", 1, ("bad", f"refused the token {LAST_ASKED}", NEW_TOKEN)),
        ("unknown", 0, ("warn", "was never asked", "`imagecache sync` with the admin token asks it")),
    ],
)
def test_what_sync_last_saw_may_be_bad(
    api: FakeApi, read_only: Command, state: str, code: int, finding: Finding
) -> None:
    prepare(api, origin=state)

    assert findings(read_only, code)["Beeper"] == finding


@pytest.mark.parametrize(
    ("outcome", "code", "finding"),
    [
        (synced("offline"), 1, ("bad", "Beeper cannot be reached", START)),
        (synced("unauthorized"), 1, ("bad", "Beeper refuses the token", NEW_TOKEN)),
        (job("sync", "failed"), 1, ("bad", "sync failed", "look at its function's log")),
        (synced("unfinished"), 0, ("ok", "reachable, and its token is good: a sync has just read it", "")),
        (synced("busy"), 0, ("ok", f"answered {LAST_ASKED}", "")),
    ],
)
def test_the_admin_token_asks_beeper_now(
    api: FakeApi, imagecache: Command, outcome: dict[str, Any], code: int, finding: Finding
) -> None:
    prepare(api, synced_as=outcome)

    assert findings(imagecache, code)["Beeper"] == finding


@pytest.mark.parametrize(
    ("succeeded", "verdict", "found"),
    [
        (None, "warn", "has never succeeded"),
        ("2026-11-24T09:59:59Z", "warn", "last succeeded 2026-11-24 09:59 UTC"),
        ("2026-11-24T10:00:00Z", "ok", "last succeeded 2026-11-24 10:00 UTC"),
    ],
)
def test_a_sync_that_is_a_day_late_is_a_warning(
    api: FakeApi, imagecache: Command, succeeded: str | None, verdict: str, found: str
) -> None:
    prepare(api, stats={"lastSync": {"succeededAt": succeeded, "completedAt": None}})

    assert findings(imagecache, 0)["sync"][:2] == (verdict, found)


@pytest.mark.parametrize(
    ("pending", "code", "finding"),
    [
        (4, 0, ("warn", "0 cached, 4 pending", "the first ones take a minute: ask again")),
        (0, 1, ("bad", "0 cached, 0 pending", "`imagecache backfill --watch` queues all of them")),
    ],
)
def test_a_cache_without_pictures_is_no_good(
    api: FakeApi, imagecache: Command, pending: int, code: int, finding: Finding
) -> None:
    prepare(api, stats={"totalCachedImages": 0, "pending": pending})

    assert findings(imagecache, code)["pictures"] == finding


def test_failures_are_warnings_by_reason(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"failed": 3, "failedByReason": {"too_large": 1, "unsupported_svg": 2}})

    ran = imagecache("doctor")

    assert ran.code == 0
    assert "warn failures 1 too_large over 5 MB or 40 megapixels: nothing to do" in ran.words
    assert "warn failures 2 unsupported_svg never fetched as they are" in ran.words


def test_an_api_that_fails_half_way_is_bad(api: FakeApi, imagecache: Command) -> None:
    prepare(api)
    api.answer("GET /api/stats", Told(500, {"message": "some\x1bthing broke", "code": "internal"}))

    assert findings(imagecache, 1)["API"] == ("bad", "something broke", "look at the functions' logs")


def test_a_moment_that_is_none_is_an_odd_answer(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"lastSync": {"succeededAt": "yesterday", "completedAt": None}})

    ran = imagecache("doctor")

    assert (ran.code, ran.err) == (1, "imagecache: lastSync.succeededAt is no moment: yesterday\n")
