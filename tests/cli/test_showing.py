"""Verbs that change nothing: their requests, and what a person and a program get."""

import shlex

import pytest

from tests.cli.conftest import Command
from tests.cli.contract import (
    ADA,
    BOB,
    CACHED,
    CHAT,
    FAILED,
    FAILED_ROW,
    FORGOTTEN,
    GROUP,
    NEVER_SWEPT,
    NONE,
    REFERENCE,
    SHOWN_PICTURE,
    STATS,
    STORY,
)
from tests.cli.fake_api import FakeApi

TWO_CHATS = {"chats": [CHAT, GROUP], "nextCursor": None}


def test_stats_show_what_is_cached_and_what_failed(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", STATS)

    assert [" ".join(line.split()) for line in imagecache("stats").out.splitlines()] == [
        "cached images 1,371 (100.0 MB)",
        "stored originals 101.0 MB, thumbnails 21.5 MB",
        "no longer shown 12",
        "chats with images 181",
        "pending 4",
        "failed 3 (2 gone, 1 too_large)",
        "downloads saved 3,839 (20.0 MB): 5,210 places show 1,371 images",
        "last sync 2026-11-25 09:50 UTC",
        "last complete sync 2026-11-24 22:00 UTC",
        "last sweep 2026-11-25 03:30 UTC: 3 deleted (1.2 MB)",
        "Beeper ok",
        "accounts Signal: connected",
        "WhatsApp: log in again, since 2026-11-20 10:00 UTC, 12 faces wait",
    ]


def test_stats_before_the_first_sync_have_no_time_of_it(api: FakeApi, imagecache: Command) -> None:
    never = {"succeededAt": None, "completedAt": None}
    api.answer("GET /api/stats", {**STATS, "lastSync": never})

    assert "last sync - last complete sync - last sweep" in imagecache("stats").words


def test_stats_of_an_older_api_have_no_accounts(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", {name: value for name, value in STATS.items() if name != "accounts"})

    assert "accounts" not in imagecache("stats").words


def test_stats_show_why_the_last_sweep_refused_to_delete(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/stats", {**STATS, "lastSweep": {**STATS["lastSweep"], "refused": ["offline"]}})

    assert "3 deleted (1.2 MB); refused to delete the rest: offline" in imagecache("stats").words


def test_stats_before_the_first_sweep_leave_out_what_only_that_counts(
    api: FakeApi, imagecache: Command
) -> None:
    api.answer("GET /api/stats", NEVER_SWEPT)

    words = imagecache("stats").words

    assert "stored originals -, thumbnails - no longer shown - chats" in words
    assert "last sweep - Beeper" in words


def test_chats_are_rows_with_the_state_of_their_pictures(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/chats", TWO_CHATS)

    rows = [" ".join(line.split()) for line in imagecache("chats").out.splitlines()]

    assert "2026-11-25 09:30 Ada Lovelace WhatsApp 3 2 cached !ada:beeper.local" in rows
    assert "- - whatsapp_1 1,204 2 of 3 members !group:beeper.local" in rows
    assert api.requests[0].query == {"limit": "50", "filter": "inbox", "participants": "0"}


def test_a_chat_that_is_marked_as_unread_says_so_if_it_has_no_number(
    api: FakeApi, imagecache: Command
) -> None:
    marked = {**CHAT, "isMarkedUnread": True}
    api.answer("GET /api/chats", {"chats": [marked, {**marked, "unreadCount": 0}], "nextCursor": None})
    rows = [" ".join(line.split()) for line in imagecache("chats").out.splitlines()]
    assert sum(" WhatsApp 3 2 " in row for row in rows) == 1
    assert sum(" WhatsApp marked 2 " in row for row in rows) == 1


def test_chats_are_filtered_by_the_api(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/chats", TWO_CHATS)

    imagecache("chats", "--filter", "groups", "--limit", "7", "--account", "whatsapp_1")

    assert api.requests[0].query == {
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
    assert [request.query.get("cursor") for request in api.requests] == [None, "c/1+"]


def test_a_first_page_says_that_there_is_more(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images/uncached", {"references": [REFERENCE], "nextCursor": "c1"})

    ran = imagecache("uncached", "--json")

    assert ran.document == {"references": [REFERENCE], "nextCursor": "c1"}
    assert ran.err == "there is more: --all shows everything\n"


def test_an_empty_list_says_so(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images", {"images": [], "nextCursor": None})

    assert imagecache("failed").out == "none\n"


def test_a_cursor_that_repeats_ends_the_command(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images", {"images": [], "nextCursor": "c1"})

    ran = imagecache("failed", "--all")

    assert (ran.code, len(api.requests)) == (1, 2)
    assert "the API answers the same page of /api/images again and again" in ran.err


def test_uncached_says_who_shows_a_picture_and_why_it_is_not_cached(
    api: FakeApi, imagecache: Command
) -> None:
    own = {
        **REFERENCE,
        "participantId": None,
        "fullName": None,
        "sourceUrl": "https://a.b/group.jpg",
        "status": "none",
        "reason": None,
    }
    contacts = {**REFERENCE, "source": "contact", "sourceUrl": ADA}
    api.answer("GET /api/images/uncached", {"references": [REFERENCE, own, contacts], "nextCursor": None})

    words = imagecache("uncached").words

    assert f"failed: gone Bob Bitty Ada Lovelace {BOB}" in words
    assert f"failed: gone Bob Bitty (contact) Ada Lovelace {ADA}" in words
    assert "none the chat's own picture Ada Lovelace https://a.b/group.jpg" in words
    assert "gone Beeper, or the web server, no longer has the picture: `imagecache sync` brings" in words


def test_uncached_groups_the_places_that_show_one_picture(api: FakeApi, imagecache: Command) -> None:
    names = ["Bob Bitty", "Bob Bitty", "Bobby", "B.", "Robert"]
    references = [
        {**REFERENCE, "fullName": name, "chatTitle": title}
        for name, title in zip(names, ["Family", "Work", None, "Work", "Maps"], strict=True)
    ]
    api.answer("GET /api/images/uncached", {"references": references, "nextCursor": None})

    ran = imagecache("uncached")

    chats = "Family, Work, !ada:beeper.local and 1 more"
    assert f"failed: gone Bob Bitty, Bobby, B. and 1 more {chats} {BOB}" in ran.words
    assert ran.out.count(BOB) == 1


def test_uncached_of_an_older_api_names_chats_by_their_ids(api: FakeApi, imagecache: Command) -> None:
    older = {name: value for name, value in REFERENCE.items() if name != "chatTitle"}
    api.answer("GET /api/images/uncached", {"references": [older], "nextCursor": None})

    assert f"failed: gone Bob Bitty !ada:beeper.local {BOB}" in imagecache("uncached").words


def test_pictures_of_a_name_are_listed_with_urls_that_forget_takes(api: FakeApi, imagecache: Command) -> None:
    long = f"https://a.b/{'x' * 300}?size=big&token=a"
    family = {**SHOWN_PICTURE, "chatId": "!family", "chatTitle": "Family"}
    former = {
        **SHOWN_PICTURE,
        "source": "former",
        "sourceUrl": long,
        "isShown": False,
        "status": "forgotten",
        "cachedAt": None,
    }
    pages = (
        {"pictures": [SHOWN_PICTURE], "nextCursor": "c1"},
        {"pictures": [family, former], "nextCursor": None},
    )
    api.answer("GET /api/images/shown", *pages)
    api.answer("POST /api/images/forget", FORGOTTEN)

    ran = imagecache("pictures", "--of", "bob")

    assert ran.out.splitlines() == [
        "Bob Bitty: cached since 2026-11-25 08:01 UTC, shown in Ada Lovelace, Family",
        f"    {BOB}",
        "Bob Bitty (former): forgotten, not shown",
        f"    '{long}'",
    ]
    for line, url in ((1, BOB), (3, long)):
        imagecache("forget", "--yes", *shlex.split(ran.out.splitlines()[line]))
        assert api.bodies("POST /api/images/forget")[-1] == {"sourceUrl": url}
    assert [request.query.get("name") for request in api.requests[:2]] == ["bob", "bob"]


def test_a_name_without_a_picture_is_exit_code_1(api: FakeApi, imagecache: Command) -> None:
    api.answer("GET /api/images/shown", {"pictures": [], "nextCursor": None})

    ran = imagecache("pictures", "--of", "nobody")

    assert (ran.code, ran.out) == (1, "none\n")
    assert "no picture of 'nobody'" in ran.err


def test_failed_says_why_and_when_next(api: FakeApi, imagecache: Command) -> None:
    for_good = {**FAILED_ROW, "reason": "too_large", "nextAttemptAt": None, "sourceUrl": ADA}
    api.answer("GET /api/images", {"images": [FAILED_ROW, for_good], "nextCursor": None})

    words = imagecache("failed").words

    assert f"gone 2026-11-25 08:01 2026-11-26 08:01 {BOB}" in words
    assert f"too_large 2026-11-25 08:01 never {ADA}" in words
    assert (
        "too_large the file is larger than 5 MB or 40 megapixels (36 for HEIC, 30 for WebP, 11 for AVIF):"
        in words
    )
    assert api.requests[0].query == {"status": "failed"}


def test_explain_shows_the_whole_story(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/explain", STORY)

    ran = imagecache("explain", BOB)

    assert ran.code == 0
    assert "Beeper no longer has it. It is asked again tomorrow." in ran.words
    assert "Ada Lovelace @bob:beeper.local !ada:beeper.local" in ran.words
    assert "- the chat's own picture !group:beeper.local" in ran.words
    assert "... and in more chats" in ran.words
    assert api.bodies("POST /api/images/explain") == [{"sourceUrl": BOB}]


def test_explain_lists_each_place_that_shows_the_picture_once(api: FakeApi, imagecache: Command) -> None:
    story = {
        **STORY,
        "summary": ["It is cached.", "Shown by Ada Lovelace.", "Shown for the contact ada."],
        "shownBy": [STORY["shownBy"][0], STORY["shownBy"][0]],
    }
    api.answer("POST /api/images/explain", story)

    ran = imagecache("explain", BOB)

    assert ran.out.count("Ada Lovelace") == 1
    assert "It is cached. Shown for the contact ada." in ran.words


def test_explain_keeps_the_summary_if_no_place_is_listed(api: FakeApi, imagecache: Command) -> None:
    api.answer("POST /api/images/explain", {**STORY, "summary": ["Shown by no chat."], "shownBy": []})

    assert "Shown by no chat." in imagecache("explain", BOB).words


def test_explain_of_an_unknown_picture_is_exit_code_1(api: FakeApi, imagecache: Command) -> None:
    unknown = {**STORY, "status": "none", "summary": ["Nobody shows it."], "attempts": [], "shownBy": []}
    api.answer("POST /api/images/explain", unknown)

    ran = imagecache("explain", BOB, "--json")

    assert (ran.code, ran.document) == (1, unknown)


@pytest.mark.parametrize(("image", "code"), [(CACHED, 0), (FAILED, 0), (NONE, 1)])
def test_lookup_is_exit_code_1_only_for_unknown_pictures(
    api: FakeApi, imagecache: Command, image: dict[str, object], code: int
) -> None:
    api.answer("POST /api/images/lookup", {"images": {ADA: image}})

    ran = imagecache("lookup", ADA)

    assert ran.code == code
    assert f"{image['status']}" in ran.words
    assert ADA in ran.words
    assert api.bodies("POST /api/images/lookup") == [{"sourceUrls": [ADA], "enqueue": False}]


def test_lookup_advises_to_queue_what_was_never_queued(api: FakeApi, imagecache: Command) -> None:
    advice = "some pictures were never queued: --enqueue queues them\n"
    for image, said in ((NONE, advice), ({**NONE, "reason": "forgotten"}, "")):
        api.answer("POST /api/images/lookup", {"images": {ADA: image}})
        assert imagecache("lookup", ADA).err == said


def test_lookup_prints_the_start_of_a_very_long_url(api: FakeApi, imagecache: Command) -> None:
    url = "data:," + "x" * 60_000
    api.answer("POST /api/images/lookup", {"images": {url: CACHED}})

    assert 400 < imagecache("lookup", url).out.count("x") < 600


def test_lookup_of_more_than_one_request_may_carry_is_one_document(api: FakeApi, imagecache: Command) -> None:
    urls = [f"https://a.b/{number}" for number in range(501)]
    first = dict.fromkeys(urls[:500], CACHED)
    second = {urls[500]: FAILED}
    api.answer("POST /api/images/lookup", {"images": first}, {"images": second})

    ran = imagecache("lookup", "--enqueue", "--json", *urls)

    assert ran.document == {"images": first | second}
    assert [len(body["sourceUrls"]) for body in api.bodies("POST /api/images/lookup")] == [500, 1]
    assert {body["enqueue"] for body in api.bodies("POST /api/images/lookup")} == {True}
