"""The connection test: each verdict, and its advice."""

import io
from typing import Any

import pytest
from rich.console import Console

from imagecache_cli.doctor import Finding, Verdict, render_findings
from tests.cli.conftest import Command
from tests.cli.contract import CONNECTED, FAILED_ROW, HEALTH, LOGGED_OUT, STATS, STATUS, job, synced
from tests.cli.fake_api import Answer, FakeApi

Seen = tuple[str, str, str]

LAST_ASKED = "when sync last asked (2026-11-25 09:50 UTC)"
START = "start Beeper Desktop, and its tunnel if the cache is on AWS"
NEW_TOKEN = (
    "create a read-only token in Beeper's settings and store it "
    "(`make secrets` on AWS, BEEPER_TOKEN for `make run`)"
)
SYNC_HAS_READ = "answers and accepts its token: a sync has just read it"


def prepare(
    api: FakeApi,
    *,
    stats: dict[str, Any] | None = None,
    origin: str = "ok",
    synced_as: dict[str, Any] | None = None,
    agent: dict[str, Any] | None = None,
) -> None:
    api.answer("GET /api/health", HEALTH)
    api.answer("GET /api/status", {"origin": {**STATUS["origin"], "state": origin}, "agent": agent})
    api.answer("GET /api/stats", {**STATS, **(stats or {})})
    api.answer("POST /api/sync", Answer(202, {"jobId": "job-1"}))
    api.answer("GET /api/jobs/job-1", synced_as or synced("ok"))


def findings(imagecache: Command, code: int) -> dict[str, Seen]:
    """Returns verdict, finding and remedy by subject: the last one if a subject has several."""
    ran = imagecache("doctor", "--json")
    assert ran.code == code
    assert ran.document["healthy"] == (code == 0)
    return {
        finding["subject"]: (finding["verdict"], finding["found"], finding["remedy"])
        for finding in ran.document["findings"]
    }


def test_a_healthy_cache_gets_an_ok_for_each_subject(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"failed": 0, "failedByReason": {}, "accounts": [CONNECTED]})

    ran = imagecache("doctor")

    assert ran.code == 0
    assert [" ".join(line.split()) for line in ran.out.splitlines()] == [
        f"ok API answers at {api.url}",
        "ok token the admin token",
        f"ok Beeper {SYNC_HAS_READ}",
        "ok sync last succeeded 2026-11-25 09:50 UTC",
        "ok accounts 1 in Beeper, none of which needs you",
        "ok pictures 1,371 cached, 4 pending",
        "ok failures none",
    ]
    assert api.bodies("POST /api/sync") == [{"complete": False, "force": False}]


@pytest.mark.parametrize(
    ("state", "verdict", "found"),
    [
        ("running", "ok", "runs since 2026-11-24 07:00 UTC, last seen 2026-11-25 09:59 UTC"),
        ("silent", "warn", "last seen 2026-11-25 09:59 UTC"),
        ("stopped", "bad", "stopped, last seen 2026-11-25 09:59 UTC"),
    ],
)
def test_an_agent_is_reported_and_a_sync_waits_for_one_that_runs_only(
    api: FakeApi, imagecache: Command, state: str, verdict: str, found: str
) -> None:
    prepare(api, agent={**STATUS["agent"], "state": state})

    seen = findings(imagecache, 1 if verdict == "bad" else 0)

    assert seen["agent"][:2] == (verdict, found)
    assert len(api.bodies("POST /api/sync")) == (state == "running")


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        ("offline", "start Beeper Desktop on the agent's computer"),
        (
            "unauthorized",
            "connect Beeper again with `make run` in the agent's clone, or set BEEPER_TOKEN and run"
            " `imagecache agent install --stack NAME` again",
        ),
    ],
)
@pytest.mark.parametrize("state", ["running", "silent"])
def test_with_an_agent_the_advice_about_beeper_is_about_the_agents_computer(
    api: FakeApi, imagecache: Command, outcome: str, advice: str, state: str
) -> None:
    prepare(api, agent={**STATUS["agent"], "state": state}, origin=outcome, synced_as=synced(outcome))

    assert findings(imagecache, 1)["Beeper"][2] == advice


def test_an_agent_that_was_never_seen_is_to_be_installed(api: FakeApi, imagecache: Command) -> None:
    prepare(api, agent={"state": "never", "since": None, "lastSeenAt": None})

    assert "imagecache agent install" in findings(imagecache, 1)["agent"][2]


def test_an_address_of_something_else_is_the_only_finding(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/health", Answer(200, b"<html>"))

    seen = findings(imagecache, 1)

    assert list(seen) == ["API"]
    assert seen["API"] == (
        "bad",
        f"{api.url}/api/health answers HTTP 200 without JSON: check that it is the address of an image cache",
        "correct IMAGECACHE_URL, or start `make run`",
    )


def test_a_local_stack_that_is_starting_is_waited_for(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/health", Answer(503, b"The stack is starting: try again in a few seconds"))

    assert findings(imagecache, 1) == {
        "API": ("bad", "the local stack is not ready: wait until `make run` says that it is ready", "")
    }


def test_a_wrong_token_is_bad(api: FakeApi, imagecache: Command) -> None:
    prepare(api)
    imagecache.environment["IMAGECACHE_TOKEN"] = "guessed"

    seen = findings(imagecache, 1)

    assert seen["token"] == ("bad", "not accepted", "set IMAGECACHE_TOKEN to the current token")
    assert list(seen) == ["API", "token"]


def test_the_read_token_changes_nothing_and_shows_what_sync_last_saw(
    api: FakeApi, read_only: Command
) -> None:
    prepare(api)

    seen = findings(read_only, 0)

    assert seen["token"] == ("ok", "the read token, which can change nothing", "")
    assert seen["Beeper"] == ("ok", f"answered {LAST_ASKED}", "")
    assert "POST /api/sync" not in api.routes()


@pytest.mark.parametrize(
    ("state", "code", "finding"),
    [
        ("offline", 1, ("bad", f"could not be reached {LAST_ASKED}", START)),
        ("unauthorized", 1, ("bad", f"refused the token {LAST_ASKED}", NEW_TOKEN)),
        ("unknown", 0, ("warn", "has never been asked", "run `imagecache sync` with the admin token")),
    ],
)
def test_what_sync_last_saw_may_be_bad(
    api: FakeApi, read_only: Command, state: str, code: int, finding: Seen
) -> None:
    prepare(api, origin=state)

    assert findings(read_only, code)["Beeper"] == finding


@pytest.mark.parametrize(
    ("outcome", "code", "finding"),
    [
        (synced("offline"), 1, ("bad", "Beeper cannot be reached", START)),
        (synced("unauthorized"), 1, ("bad", "Beeper refuses the token", NEW_TOKEN)),
        (job("sync", "failed"), 1, ("bad", "the sync failed", "search the function's log for job job-1")),
        (synced("unfinished"), 0, ("ok", SYNC_HAS_READ, "")),
        (synced("busy"), 0, ("ok", f"answered {LAST_ASKED}", "")),
    ],
)
def test_the_admin_token_asks_beeper_now(
    api: FakeApi, imagecache: Command, outcome: dict[str, Any], code: int, finding: Seen
) -> None:
    prepare(api, synced_as=outcome)

    assert findings(imagecache, code)["Beeper"] == finding


def test_while_the_first_sync_runs_no_other_one_is_advised(api: FakeApi, imagecache: Command) -> None:
    never = {"lastSync": {"succeededAt": None, "completedAt": None}}
    prepare(api, stats=never, origin="unknown", synced_as=synced("busy"))

    seen = findings(imagecache, 0)

    assert seen["Beeper"] == ("warn", "has never been asked", "a sync is running: wait for it")
    assert seen["sync"] == ("warn", "has never succeeded", "a sync is running: wait for it")


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
        (4, 0, ("warn", "0 cached, 4 pending", "wait: the first ones take a minute")),
        (0, 1, ("bad", "0 cached, 0 pending", "run `imagecache backfill --watch`, which queues all of them")),
    ],
)
def test_a_cache_without_pictures_is_not_ok(
    api: FakeApi, imagecache: Command, pending: int, code: int, finding: Seen
) -> None:
    prepare(api, stats={"totalCachedImages": 0, "pending": pending})

    assert findings(imagecache, code)["pictures"] == finding


def test_failures_are_warnings_by_reason(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"failed": 3, "failedByReason": {"too_large": 1, "unsupported_svg": 2}})

    ran = imagecache("doctor")

    assert ran.code == 0
    assert (
        "warn failures 1 too_large: the file is larger than 5 MB or 40 megapixels "
        "(36 for HEIC, 30 for WebP, 11 for AVIF) "
        "What to do: only another picture helps: this one is not tried again"
    ) in ran.words
    assert "warn failures 2 unsupported_svg: the file is SVG, which can contain scripts" in ran.words
    assert "GET /api/images" not in api.routes()


def test_pictures_of_unreachable_servers_are_told_apart_by_their_server(
    api: FakeApi, imagecache: Command
) -> None:
    down = {**FAILED_ROW, "reason": "origin_down"}
    web = {**down, "sourceUrl": "https://pictures.example/ada.jpg"}
    prepare(api, stats={"failed": 4, "failedByReason": {"gone": 1, "origin_down": 3}})
    api.answer(
        "GET /api/images",
        {"images": [down, FAILED_ROW], "nextCursor": "c1"},
        {"images": [web, web], "nextCursor": None},
    )

    words = imagecache("doctor").words

    assert "warn failures 1 origin_down: Beeper, or the media server, could not be reached" in words
    assert "warn failures 2 origin_down: the web server in the picture's URL could not be reached" in words


def test_an_unreachable_web_server_is_not_blamed_on_beeper(api: FakeApi, imagecache: Command) -> None:
    web = {**FAILED_ROW, "reason": "origin_down", "sourceUrl": "https://pictures.example/ada.jpg"}
    prepare(api, stats={"failed": 1, "failedByReason": {"origin_down": 1}})
    api.answer("GET /api/images", {"images": [web], "nextCursor": None})

    found, remedy = findings(imagecache, 0)["failures"][1:]

    assert "Beeper" not in found + remedy


def test_images_that_were_tried_again_meanwhile_are_still_counted(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"failed": 1, "failedByReason": {"origin_down": 1}})
    api.answer("GET /api/images", {"images": [], "nextCursor": None})

    assert findings(imagecache, 0)["failures"][1].startswith("1 origin_down: the server that has the picture")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_advice_is_complete_at_any_width(width: int) -> None:
    advice = "run `imagecache sync --complete`, and then look at the pictures again"
    seen = io.StringIO()

    Console(file=seen, width=width).print(
        render_findings(
            [Finding("failures", Verdict.WARN, "2 gone: Beeper no longer has the picture", advice)]
        )
    )

    assert f"What to do: {advice}" in " ".join(seen.getvalue().split())


def test_an_api_that_fails_half_way_is_bad(api: FakeApi, imagecache: Command) -> None:
    prepare(api)
    api.answer("GET /api/stats", Answer(500, {"message": "some\x1bthing broke", "code": "internal"}))

    assert findings(imagecache, 1)["API"] == (
        "bad",
        "something broke",
        "search the functions' logs for errors",
    )


def test_an_invalid_time_is_an_unexpected_answer(api: FakeApi, imagecache: Command) -> None:
    prepare(api, stats={"lastSync": {"succeededAt": "yesterday", "completedAt": None}})

    ran = imagecache("doctor")

    assert (ran.code, ran.err) == (
        1,
        "imagecache: the API's answer has no valid time in lastSync.succeededAt (yesterday):"
        " update this clone, which may be older than the API\n",
    )


def test_an_account_that_needs_a_person_is_a_warning_with_its_waiting_faces_and_advice(
    api: FakeApi, imagecache: Command
) -> None:
    prepare(api, stats={"accounts": [CONNECTED, LOGGED_OUT]})

    said = "WhatsApp: log in again, since 2026-11-20 10:00 UTC, 12 faces wait"
    assert findings(imagecache, 0)["accounts"] == ("warn", said, "Open Beeper's settings.")


def test_an_api_that_lists_no_accounts_gets_no_finding_about_them(api: FakeApi, imagecache: Command) -> None:
    none: list[object] = []
    for accounts in (none, None):
        prepare(api, stats={"accounts": accounts})
        assert "accounts" not in findings(imagecache, 0)
