"""Chats whose roster is unavailable, or available only in part: shown as far as known, completed soon."""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from demo.account import DEFAULT_NOW
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.clock import DAY, HOUR
from imagecache.errors import ChatNotRequestedError, ChatUnavailableError, OriginDownError
from imagecache.model.chat import Chat, Folder
from imagecache.sources.beeper.chats import ChatPage
from imagecache.stores.chats.participants import CHAT_ROW
from tests.integration.conftest import Stack
from tests.integration.demo_chats import ME, chat_with, fill, person
from tests.integration.made import CHAT
from tests.integration.sync_results import (
    minutes,
    missing_since,
    queued_keys,
    requests_for_chats,
    sync_with,
)

CROWD = [person(number) for number in range(7)]
DEEP = chat_with(60, *CROWD)
"""A chat on the third page of 25 chats, with eight members of whom an old server lists five."""


@pytest.fixture
def old_server() -> Iterator[DemoAccount]:
    """61 chats. All but the last have no member but the owner, because they only fill pages."""
    with DemoAccount(scale=0.01) as demo:
        demo.chat_api.is_old = True
        fill(demo, [*(chat_with(number) for number in range(60)), DEEP])
        yield demo


def shown(stack: Stack, chat_id: str) -> Chat:
    page = stack.chats_table.newest(Folder.INBOX, limit=100, after=None)
    return next(chat for chat in page.chats if chat.chat_id == chat_id)


def members(stack: Stack, chat_id: str) -> set[str]:
    return stack.participants_table.roster(chat_id).keys() - {CHAT_ROW}


def test_a_chat_whose_roster_is_unavailable_is_shown_as_listed(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    old_server.chat_api.withheld = {DEEP.id}
    report = stack.sync(old_server, session)
    assert (report.outcome, report.skipped) == ("ok", [DEEP.id])
    chat = shown(stack, DEEP.id)
    assert [one.participant_id for one in chat.participants] == [ME.id, *(one.id for one in CROWD[:4])]
    assert chat.participant_count == 8
    assert queued_keys(stack) == [f"local.beeper.com/alex_{number}" for number in range(4)]


def test_the_next_run_reads_down_to_a_chat_whose_roster_was_unavailable(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    old_server.chat_api.withheld = {DEEP.id}
    stack.sync(old_server, session)
    old_server.chat_api.withheld = set()
    report = stack.sync(old_server, session)
    assert (report.complete, report.changed, report.skipped) == (False, 1, [])
    assert members(stack, DEEP.id) == {one.id for one in DEEP.people}
    assert len(shown(stack, DEEP.id).participants) == 8
    old_server.hits.reset()
    assert stack.sync(old_server, session).changed == 0
    assert requests_for_chats(old_server) <= 2, "and the run after it does not"


def test_a_roster_that_is_never_available_does_not_make_every_run_read_everything(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    old_server.chat_api.withheld = {DEEP.id}
    stack.sync(old_server, session)
    assert stack.sync(old_server, session).skipped == [DEEP.id]
    for complete, most in ((False, 2), (True, 5), (False, 2)):
        old_server.hits.reset()
        stack.calls.clear()
        report = stack.sync(old_server, session, complete=complete)
        assert (report.outcome, report.changed, report.missing) == ("ok", 0, 0)
        assert requests_for_chats(old_server) <= most
        # Each of these runs sees other pages than the one before, so it records which chats it has seen.
        recent_chats, success_before_contacts = ["PutItem"], ["UpdateItem"] if complete else []
        assert stack.writes() == ["UpdateItem", *recent_chats, *success_before_contacts, "UpdateItem"]


def test_a_roster_that_was_unavailable_before_time_was_up_is_not_forgotten(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    first = replace(DEEP, id="!first:beeper.local", last_activity=DEFAULT_NOW - timedelta(hours=1))
    old_server.account.add_chat(first)
    old_server.chat_api.withheld = {first.id}
    looks = minutes(*[15] * 30, 0)  # the second page is begun
    assert stack.sync(old_server, session, remaining_ms=looks).outcome == "unfinished"
    old_server.account.receive_message("!1:beeper.local", "so that there are newer ones")
    stack.sync(old_server, session)
    assert stack.wiring.last_sync_store.read().watermark == shown(stack, first.id).last_activity
    old_server.chat_api.withheld = set()
    stack.sync(old_server, session)
    assert members(stack, first.id) == {one.id for one in DEEP.people}


def test_a_roster_that_was_unavailable_on_the_page_where_time_was_up_is_not_forgotten(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    for number in range(61, 64):
        old_server.account.add_chat(chat_with(number))
    other = chat_with(64, *CROWD)
    old_server.account.add_chat(other)
    old_server.chat_api.withheld = {DEEP.id, other.id}
    lease, pages_read_ahead, chats_before_these = 1, 2, 63
    looks = minutes(*[15] * (lease + pages_read_ahead + chats_before_these + 1), 0)
    [skipped] = stack.sync(old_server, session, remaining_ms=looks).skipped
    old_server.chat_api.withheld = {skipped}
    assert stack.sync(old_server, session).outcome == "ok"
    assert stack.wiring.last_sync_store.read().watermark == shown(stack, skipped).last_activity


def test_a_roster_that_was_unavailable_before_an_outage_is_not_forgotten(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    for number in range(61, 80):  # so that there is a fourth page
        old_server.account.add_chat(chat_with(number))
    old_server.chat_api.withheld = {DEEP.id}
    api = stack.chat_api(old_server, session)
    page, requests_made = api.page, itertools.count(1)

    def asleep_after_three_pages(cursor: str | None) -> ChatPage:
        if next(requests_made) > 3:
            raise OriginDownError("the laptop is asleep")
        return page(cursor)

    api.page = asleep_after_three_pages  # type: ignore[method-assign] # all but the list answers as usual
    report = sync_with(stack, api)
    assert (report.outcome, report.skipped) == ("offline", [DEEP.id])
    assert stack.sync(old_server, session).outcome == "ok"
    assert stack.wiring.last_sync_store.read().watermark == shown(stack, DEEP.id).last_activity


def test_a_roster_that_becomes_unavailable_hides_no_stored_member(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    stack.sync(old_server, session)
    before = shown(stack, DEEP.id)
    old_server.account.receive_message(DEEP.id, "moved")
    old_server.chat_api.withheld = {DEEP.id}
    stack.sync(old_server, session)
    after = shown(stack, DEEP.id)
    assert str(after.last_message).endswith(": moved")
    assert set(after.participants) == set(before.participants)
    assert after.participant_count == before.participant_count == 8
    assert members(stack, DEEP.id) == {one.id for one in DEEP.people}


@pytest.mark.parametrize("participants", [None, {}, {"items": None, "total": 0}, {"items": []}])
def test_a_chat_that_is_listed_without_members_keeps_its_members_and_their_pictures(
    stack: Stack, old_server: DemoAccount, session: requests.Session, participants: object
) -> None:
    fill(old_server, [chat_with(0, person(1))])
    stack.sync(old_server, session)
    before = shown(stack, "!0:beeper.local")
    for text in ("empty", "still empty"):
        old_server.account.receive_message(before.chat_id, text)
        moved = old_server.account.chats[0]
        old_server.account.add_chat(replace(moved, quirks={"participants": participants}))
        stack.sync(old_server, session)
        after = shown(stack, before.chat_id)
        assert (after.last_message, after.participant_count) == (text, 2)
        assert set(after.participants) == set(before.participants)
        assert members(stack, before.chat_id) == {ME.id, "@1:beeper.local"}


def test_a_chats_own_picture_is_removed_though_its_roster_is_a_part(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    old_server.account.set_avatar(DEEP.id, Picture.remote(Media("local.beeper.com", "alex_Chat")))
    stack.sync(old_server, session)
    assert CHAT_ROW in stack.participants_table.roster(DEEP.id)
    old_server.chat_api.withheld = {DEEP.id}
    old_server.account.set_avatar(DEEP.id, None)
    stack.sync(old_server, session, complete=True)
    assert CHAT_ROW not in stack.participants_table.roster(DEEP.id)
    assert members(stack, DEEP.id) == {one.id for one in DEEP.people}


def test_a_chat_that_was_missing_is_stored_with_its_whole_roster_when_it_is_seen(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    fill(old_server, [chat_with(0), chat_with(1), replace(DEEP, last_activity=DEFAULT_NOW)])
    stack.sync(old_server, session)
    chat = old_server.account.find_chat(DEEP.id)
    assert chat is not None
    old_server.account.remove_chat(DEEP.id)
    assert stack.sync(old_server, session, complete=True).missing == 1
    old_server.account.add_chat(chat)
    stack.now += 1
    assert stack.sync(old_server, session).changed == 1
    assert missing_since(stack)[DEEP.id] == 0
    [stored] = stack.chats_table.stored([DEEP.id]).values()
    assert stack.sync(old_server, session, complete=True).changed == 0
    assert stack.chats_table.stored([DEEP.id])[DEEP.id] == stored


def test_a_complete_run_requests_no_roster_that_lacks_only_oneself(
    stack: Stack, session: requests.Session
) -> None:
    with DemoAccount(scale=0.01) as demo:
        fill(demo, [chat_with(number, person(number)) for number in range(3)])
        for chat in demo.account.chats:
            others = [each.as_json() for each in chat.people if not each.is_self]
            roster = {"items": others, "hasMore": False, "total": 2}
            demo.account.add_chat(replace(chat, quirks={"participants": roster}))
        assert stack.sync(demo, session).complete
        demo.hits.reset()
        report = stack.sync(demo, session, complete=True)
        assert (report.changed, demo.hits.as_json()["chat"]) == (0, 0)
    assert members(stack, "!0:beeper.local") == {"@0:beeper.local"}


def test_a_date_in_the_future_hides_no_other_chat(
    stack: Stack, old_server: DemoAccount, session: requests.Session
) -> None:
    later = DEFAULT_NOW + timedelta(days=9000)
    fill(old_server, [replace(chat_with(0), id="!wrong", last_activity=later), chat_with(1)])
    stack.sync(old_server, session)
    assert stack.wiring.last_sync_store.read().watermark == stack.now
    stack.now += HOUR
    old_server.account.remove_chat("!wrong")
    moment = DEFAULT_NOW + timedelta(milliseconds=stack.now - 1 - int(DEFAULT_NOW.timestamp() * 1000))
    moved = [replace(chat_with(number), last_activity=moment) for number in range(2, 30)]
    for chat in moved:
        old_server.account.add_chat(chat)
    assert stack.sync(old_server, session).changed == len(moved)
    assert stack.now < later.timestamp() * 1000 - DAY, "or this would show nothing"


class SlowBeeper:
    """Lists chats whose rosters it sends one by one, but not those of `slow`.

    It accepts requests for new rosters until three were slow, and none after those of `sent_before_outage`.
    """

    def __init__(
        self, *chats: Chat, slow: Collection[str] = (), sent_before_outage: int | None = None
    ) -> None:
        self.slow = slow
        self._sent_before_outage = sent_before_outage
        self._chats = list(chats)
        self._slow_answers = 0

    def begin_page(self) -> None:
        self._slow_answers = 0

    def page(self, _cursor: str | None) -> ChatPage:
        return ChatPage(self._chats, [], None)

    def get(self, _path: str, _parameters: Any) -> tuple[int, list[Any]]:
        """Answers requests for accounts, of which there are none."""
        return 200, []

    def with_full_roster(self, chat: Chat) -> Chat:
        if self._sent_before_outage == 0:
            raise OriginDownError
        if self._sent_before_outage:
            self._sent_before_outage -= 1
        if self._slow_answers == 3:
            raise ChatNotRequestedError
        if chat.chat_id in self.slow:
            self._slow_answers += 1
            raise ChatUnavailableError
        return replace(chat, roster_is_partial=False)


def test_chats_that_beeper_has_sent_before_an_outage_are_stored(stack: Stack) -> None:
    chats = [replace(CHAT, chat_id=f"!{number}", roster_is_partial=True) for number in range(5)]
    whole = replace(CHAT, chat_id="!whole")
    api: Any = SlowBeeper(*chats, whole, sent_before_outage=2)
    assert sync_with(stack, api).outcome == "offline"
    stored = stack.chats_table.stored(chat.chat_id for chat in (*chats, whole)).keys()
    assert len(stored) == 3
    assert "!whole" in stored


def without_roster(stack: Stack, chats: list[Chat]) -> set[str]:
    stored = stack.chats_table.stored(chat.chat_id for chat in chats)
    return {chat_id for chat_id, row in stored.items() if row.roster_unavailable_since}


def test_chats_that_are_answered_slowly_keep_no_other_chat_from_its_roster_for_ever(stack: Stack) -> None:
    chats = [replace(CHAT, chat_id=f"!{number}", roster_is_partial=True) for number in range(12)]
    slow = {chat.chat_id for chat in chats[:6]}
    api: Any = SlowBeeper(*chats, slow=slow)
    assert sync_with(stack, api, complete=True).chats == 12
    assert len(without_roster(stack, chats)) >= 6
    for _ in range(10):
        stack.now += DAY
        sync_with(stack, api, complete=True)
    assert without_roster(stack, chats) == slow
    api.slow = set()
    stack.now += DAY
    sync_with(stack, api, complete=True)
    assert without_roster(stack, chats) == set()


def test_a_chat_that_is_not_requested_keeps_its_roster(stack: Stack) -> None:
    chats = [replace(CHAT, chat_id=f"!{number}", roster_is_partial=True) for number in range(8)]
    api: Any = SlowBeeper(*chats, slow=set())
    sync_with(stack, api, complete=True)
    api.slow = {chat.chat_id for chat in chats}
    report = sync_with(stack, api, complete=True)
    assert len(without_roster(stack, chats)) == len(report.skipped) == 3


def test_chats_that_need_no_request_are_stored_before_the_others(stack: Stack) -> None:
    quick = replace(CHAT, chat_id="!quick")
    api: Any = SlowBeeper(replace(CHAT, roster_is_partial=True), quick, slow={CHAT.chat_id})
    stack.runs().run(api, remaining_ms=minutes(15, 15, 0))
    assert stack.chats_table.listings().keys() == {"!quick"}
