"""Verbs that only look: what they ask, what a person sees, what a program gets."""

import pytest

from tests.cli.conftest import Command
from tests.cli.contract import (
    ADA,
    BOB,
    CACHED,
    CHAT,
    FAILED,
    FAILED_ROW,
    GROUP,
    NEVER_SWEPT,
    NONE,
    REFERENCE,
    STATS,
    STORY,
)
from tests.cli.fake_api import FakeApi

TWO_CHATS = {"chats": [CHAT, GROUP], "nextCursor": None}


def test_stats_tell_what_is_cached_and_what_is_amiss(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", STATS)

    assert [" ".join(line.split()) for line in imagecache("stats").out.splitlines()] == [
        "cached images 1,371 (100.0 MB)",
        "stored originals 101.0 MB, as served 21.5 MB",
        "shown by nobody 12",
        "chats with images 181",
        "pending 4",
        "failed 3 (2 gone, 1 too_large)",
        "downloads saved 3,839 (20.0 MB): 5,210 places show 1,371 images",
        "last sync 2026-11-25 09:50 UTC",
        "last complete sync 2026-11-24 22:00 UTC",
        "last sweep 2026-11-25 03:30 UTC: 3 deleted (1.2 MB)",
        "Beeper ok",
    ]


def test_stats_tell_what_the_last_sweep_refused_to_delete(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", {**STATS, "lastSweep": {**STATS["lastSweep"], "refused": ["offline"]}})

    assert "3 deleted (1.2 MB); refused the rest: offline" in imagecache("stats").words


def test_stats_before_the_first_sweep_leave_out_what_only_that_counts(
    api: FakeApi, imagecache: Command
) -> None:
    api.answer("GET /api/stats", NEVER_SWEPT)

    words = imagecache("stats").words

    assert "stored originals -, as served - shown by nobody - chats" in words
    assert "last sweep - Beeper" in words


def test_chats_are_rows_with_the_state_of_their_pictures(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/chats", TWO_CHATS)

    rows = [" ".join(line.split()) for line in imagecache("chats").out.splitlines()]

    assert "2026-11-25 09:30 Ada Lovelace WhatsApp 3 2 cached" in rows
    assert "- - whatsapp_1 1,204 2 of 3 members" in rows
    assert api.asked[0].query == {"limit": "50", "filter": "inbox", "participants": "0"}


def test_chats_are_chosen_by_the_api(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/chats", TWO_CHATS)

    imagecache("chats", "--filter", "groups", "--limit", "7", "--account", "whatsapp_1")

    assert api.asked[0].query == {
        "limit": "7",
        "filter": "groups",
        "participants": "0",
        "accountId": "whatsapp_1",
    }


def test_all_follows_the_pages_into_one_document(api: FakeApi, imagecache: Command) -> None:
    api.answer(
        "GET /api/chats", {"chats": [CHAT], "nextCursor": "c/1+"}, {"chats": [GROUP], "nextCursor": None}
    )

    ran = imagecache("chats", "--all", "--json")

    assert ran.document == TWO_CHATS
    assert ran.err == ""
    assert [one.query.get("cursor") for one in api.asked] == [None, "c/1+"]


def test_a_first_page_says_that_there_is_more(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images/uncached", {"references": [REFERENCE], "nextCursor": "c1"})

    ran = imagecache("uncached", "--json")

    assert ran.document == {"references": [REFERENCE], "nextCursor": "c1"}
    assert ran.err == "there is more: --all shows everything\n"


def test_an_empty_list_says_so(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images", {"images": [], "nextCursor": None})

    assert imagecache("failed").out == "none\n"


def test_pages_without_end_end(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images", {"images": [], "nextCursor": "c1"})

    ran = imagecache("failed", "--all")

    assert (ran.code, len(api.asked)) == (1, 2)
    assert "the same page again and again" in ran.err


def test_uncached_says_who_shows_it_and_why_not(api: FakeApi, imagecache: Command) -> None:
    own = {**REFERENCE, "participantId": None, "fullName": None, "status": "none", "reason": None}
    contacts = {**REFERENCE, "source": "contact", "sourceUrl": ADA}
    api.answer("GET /api/images/uncached", {"references": [REFERENCE, own, contacts], "nextCursor": None})

    words = imagecache("uncached").words

    assert f"failed: gone Bob Bitty {BOB}" in words
    assert f"failed: gone Bob Bitty (contact) {ADA}" in words
    assert f"none !ada:beeper.local {BOB}" in words


def test_failed_says_why_and_when_next(api: FakeApi, imagecache: Command) -> None:
    for_good = {**FAILED_ROW, "reason": "too_large", "nextAttemptAt": None, "sourceUrl": ADA}
    api.answer("GET /api/images", {"images": [FAILED_ROW, for_good], "nextCursor": None})

    words = imagecache("failed").words

    assert f"gone 2026-11-25 08:01 2026-11-26 08:01 {BOB}" in words
    assert f"too_large 2026-11-25 08:01 never {ADA}" in words
    assert api.asked[0].query == {"status": "failed"}


def test_explain_tells_the_whole_story(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/explain", STORY)

    ran = imagecache("explain", BOB)

    assert ran.code == 0
    assert "Beeper no longer has it. It is asked again tomorrow." in ran.words
    assert "Ada Lovelace @bob:beeper.local !ada:beeper.local" in ran.words
    assert "- the chat's own !group:beeper.local" in ran.words
    assert "... and in more chats" in ran.words
    assert api.bodies("POST /api/images/explain") == [{"sourceUrl": BOB}]


def test_nobody_has_heard_of_it_is_a_bad_answer(api: FakeApi, imagecache: Command) -> None:
    unknown = {**STORY, "status": "none", "summary": ["Nobody shows it."], "attempts": [], "shownBy": []}
    api.answer("POST /api/images/explain", unknown)

    ran = imagecache("explain", BOB, "--json")

    assert (ran.code, ran.document) == (1, unknown)


@pytest.mark.parametrize(("image", "code"), [(CACHED, 0), (FAILED, 0), (NONE, 1)])
def test_lookup_is_a_bad_answer_only_for_what_is_unknown(
    api: FakeApi, imagecache: Command, image: dict[str, object], code: int
) -> None:
    api.answer("POST /api/images/lookup", {"images": {ADA: image}})

    ran = imagecache("lookup", ADA)

    assert ran.code == code
    assert f"{image['status']}" in ran.words
    assert ADA in ran.words
    assert api.bodies("POST /api/images/lookup") == [{"sourceUrls": [ADA], "enqueue": False}]


def test_lookup_of_more_than_one_request_may_carry_is_one_document(api: FakeApi, imagecache: Command) -> None:
    urls = [f"https://a.b/{number}" for number in range(501)]
    first, second = dict.fromkeys(urls[:500], CACHED), {urls[500]: FAILED}
    api.answer("POST /api/images/lookup", {"images": first}, {"images": second})

    ran = imagecache("lookup", "--enqueue", "--json", *urls)

    assert ran.document == {"images": first | second}
    assert [len(body["sourceUrls"]) for body in api.bodies("POST /api/images/lookup")] == [500, 1]
    assert {body["enqueue"] for body in api.bodies("POST /api/images/lookup")} == {True}
