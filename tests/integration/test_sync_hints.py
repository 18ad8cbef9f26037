"""A hint makes an incremental run look for the chats that it names. It does no harm if they are not there."""

from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.sources.beeper.chats import ChatApi
from imagecache.stores.chats.participants import CHAT_ROW
from imagecache.usecases.sync.sync_run import SyncReport
from tests.integration.conftest import Stack
from tests.integration.demo_chats import chat_with, fill, person
from tests.integration.sync_results import minutes, queued_keys, requests_for_chats, sync_with

NEW_PICTURE = Picture.remote(Media("local.beeper.com", "alex_new"))
CHATS = 28
CHATS_PER_PAGE = 5


@pytest.fixture(autouse=True)
def stored(stack: Stack, demo: DemoAccount, session: requests.Session) -> None:
    """Stores chats with one person each, the newest first."""
    fill(demo, [chat_with(number, person(number)) for number in range(CHATS)])
    sync_with(stack, small_pages(demo, session))
    stack.messages()
    demo.hits.reset()


def small_pages(demo: DemoAccount, session: requests.Session) -> ChatApi:
    return ChatApi(
        base_url=demo.beeper_url,
        secrets={"beeper-token": demo.beeper_token},
        session=session,
        chats_per_page=CHATS_PER_PAGE,
    )


def chat_id(number: int) -> str:
    return f"!{number}:beeper.local"


def change_picture(demo: DemoAccount, number: int) -> None:
    demo.account.set_avatar(f"@{number}:beeper.local", NEW_PICTURE)


def hinted(stack: Stack, demo: DemoAccount, session: requests.Session, *ids: str) -> SyncReport:
    return stack.runs().run(small_pages(demo, session), remaining_ms=minutes(15), hinted_chats=frozenset(ids))


def test_a_new_picture_in_a_quiet_chat_is_seen_by_a_hint_and_not_without(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    change_picture(demo, 17)
    assert sync_with(stack, small_pages(demo, session)).changed == 0
    report = hinted(stack, demo, session, chat_id(17))
    assert (report.outcome, report.complete, report.changed) == ("ok", False, 1)
    assert queued_keys(stack) == ["local.beeper.com/alex_new"]
    [image] = [
        row.image
        for key, row in stack.participants_table.roster(chat_id(17)).items()
        if key != CHAT_ROW and row.image
    ]
    assert image.key == "local.beeper.com/alex_new"


def test_a_run_reads_on_only_to_the_chats_that_are_hinted(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    for numbers, pages in (([0], 2), ([6, 12], 3), ([22], 5)):
        demo.hits.reset()
        hinted(stack, demo, session, *map(chat_id, numbers))
        assert requests_for_chats(demo) == pages, numbers


def test_unknown_and_new_chats_cost_no_page(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.account.add_chat(replace(chat_with(-1, person(999)), title="New"))
    report = hinted(stack, demo, session, "!nobody has this chat", chat_id(-1))
    assert (report.changed, requests_for_chats(demo)) == (1, 2)


def test_a_chat_that_beeper_lists_no_more_is_looked_for_on_five_pages(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.account.remove_chat(chat_id(3))
    report = hinted(stack, demo, session, chat_id(3))
    assert (report.outcome, requests_for_chats(demo)) == ("ok", 5)


def test_a_hint_for_a_member_of_a_union_leads_to_the_union(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.account.merge_chats("!union:beeper.local", [chat_id(17), chat_id(18)])
    sync_with(stack, small_pages(demo, session), complete=True)
    change_picture(demo, 17)
    demo.hits.reset()
    assert hinted(stack, demo, session, chat_id(17)).changed == 1
    assert requests_for_chats(demo) == 4


def test_a_run_that_runs_out_of_time_is_continued_with_its_hints(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    sent: list[Any] = []
    event = {"chatIds": [chat_id(22)]}
    change_picture(demo, 22)
    for number in range(CHATS_PER_PAGE):
        demo.account.set_fields(chat_id(number), {"title": "Changed"})
    jobs = stack.wiring.sync_jobs
    api = small_pages(demo, session)
    first = jobs.handle(event, api, remaining_ms=minutes(15, 15, 15, 15, 0), send_event=sent.append)
    assert (first.outcome, sent) == ("unfinished", [event])
    second = jobs.handle(sent[0], api, remaining_ms=minutes(15), send_event=sent.append)
    assert second.outcome == "ok"
    assert queued_keys(stack) == ["local.beeper.com/alex_new"]


def test_anything_in_the_place_of_ids_is_an_ordinary_run(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    wrong: list[Any] = [
        None,
        7,
        "!a",
        [],
        [7, None, {}],
        ["", "x" * 3_000, "\ud800"],
        [f"!{n}" for n in range(500)],
    ]
    for chat_ids in wrong:
        demo.hits.reset()
        report = stack.wiring.sync_jobs.handle(
            {"chatIds": chat_ids},
            small_pages(demo, session),
            remaining_ms=minutes(15),
            send_event=lambda _: None,
        )
        assert (report.outcome, requests_for_chats(demo)) == ("ok", 2), chat_ids
