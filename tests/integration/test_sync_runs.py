"""Runs work one at a time, and end in an orderly way when time is up or the list of chats is broken.

A run that has lost the lock to a newer one writes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import HOUR
from imagecache.errors import (
    FencedOffError,
    ImageCacheError,
    ListingError,
    OriginDownError,
    OriginUnauthorizedError,
)
from imagecache.model.image import OriginName
from imagecache.sources.beeper.chats import ChatApi, ChatPage
from imagecache.stores.chats.chats import ChatToStore
from imagecache.stores.state.beeper_health import BeeperHealth, BeeperState
from imagecache.stores.state.last_sync import LastSync
from imagecache.stores.state.lock import SyncRecords
from imagecache.stores.state.progress import SyncProgress, short_hash
from tests.integration.conftest import NOW, Stack
from tests.integration.demo_chats import chat_with, fill
from tests.integration.made import CHAT
from tests.integration.sync_results import (
    listed_chat_ids,
    minutes,
    missing_since,
    queued_keys,
    requests_for_chats,
    stored_chat_ids,
    sync_with,
)


def test_a_second_run_while_one_runs_does_nothing(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    assert stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=960_000)
    assert stack.sync(demo, session).outcome == "busy"
    assert requests_for_chats(demo) == 0


def test_the_lock_of_a_run_that_was_killed_expires(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=960_000)
    stack.now += 960_001
    assert stack.sync(demo, session).outcome == "ok"


def test_every_write_of_a_superseded_run_is_refused(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    held = stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=1)
    assert held
    stale = held.fence
    stack.now += 2
    stack.sync(demo, session)
    chat = stack.chat_api(demo, session).page(None).chats[0]
    to_store = ChatToStore(chat=chat, preview_json="[]", list_fingerprint="stale", roster_fingerprint="stale")
    writes: list[Callable[[], object]] = [
        lambda: stack.chats_table.put([to_store], fence=stale),
        lambda: stack.chats_table.put([replace(to_store, is_new=True)], fence=stale),
        lambda: stack.chats_table.delete(chat.chat_id, fence=stale),
        lambda: stack.chats_table.mark_missing(chat.chat_id, since=NOW, fence=stale),
        lambda: stack.participants_table.put(chat.chat_id, list(chat.participants), fence=stale),
        lambda: stack.participants_table.merge([chat], stored={chat.chat_id: {}}, fence=stale),
        lambda: stack.participants_table.remove(
            [(chat.chat_id, chat.participants[0].participant_id)], fence=stale
        ),
        lambda: stack.wiring.last_sync_store.record(LastSync(watermark=1, fence=stale)),
        lambda: stack.wiring.recent_chats.record([], fence=stale),
    ]
    for write in writes:
        with pytest.raises(FencedOffError):
            write()
    too_late = SyncRecords(LastSync(fence=stale), BeeperHealth(BeeperState.OFFLINE))
    assert not stack.wiring.sync_lock.release(stale, too_late)
    assert stack.wiring.beeper_health_store.read().state is BeeperState.OK
    assert stack.sync(demo, session).changed == 0


def test_a_run_out_of_time_is_continued_where_it_stopped(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.chat_api.is_old = True  # 25 chats a page
    fill(demo, [chat_with(number) for number in range(30)])
    first = stack.sync(demo, session, remaining_ms=minutes(*[15] * 20, 0))
    assert first.outcome == "unfinished"
    assert 0 < len(stored_chat_ids(stack)) < len(demo.account.chats)
    assert stack.wiring.last_sync_store.read().watermark == 0, (
        "the watermark moves only after everything is stored"
    )
    second = stack.sync(demo, session)
    assert (second.outcome, second.complete) == ("ok", True)
    assert stored_chat_ids(stack) == listed_chat_ids(demo)
    assert set(missing_since(stack).values()) == {0}, "what the first part saw is not missing"
    assert stack.wiring.progress_store.read() is None
    keys = queued_keys(stack)
    assert len(keys) == len(set(keys))


def test_an_unfinished_run_is_not_resumed_after_a_complete_one(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.chat_api.is_old = True  # 25 chats a page
    fill(demo, [chat_with(number) for number in range(30)])
    stack.sync(demo, session)
    for chat in demo.account.chats:
        demo.account.receive_message(chat.id, "hello")
    assert stack.sync(demo, session, remaining_ms=minutes(*[15] * 27, 0)).outcome == "unfinished"
    assert stack.sync(demo, session, complete=True).outcome == "ok"
    assert stack.wiring.progress_store.read() is None
    demo.account.receive_message(demo.account.chats[0].id, "again")
    assert stack.sync(demo, session).changed == 1


def test_progress_that_a_superseded_run_records_too_late_is_not_resumed(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.chat_api.is_old = True  # 25 chats a page
    fill(demo, [chat_with(number) for number in range(30)])
    stale = stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=1)
    assert stale
    stack.now += 2
    assert stack.sync(demo, session).outcome == "ok"
    second_page = stack.chat_api(demo, session).page(None).next_cursor
    stack.wiring.progress_store.record(
        SyncProgress(False, False, stack.now, cursor=second_page), fence=stale.fence
    )
    demo.account.receive_message(demo.account.chats[0].id, "on the first page")
    assert stack.sync(demo, session).changed == 1


def test_progress_of_tens_of_thousands_of_chats_is_read_as_it_was_recorded(stack: Stack) -> None:
    seen = frozenset(short_hash(str(number)) for number in range(90_000))
    progress = SyncProgress(
        True,
        False,
        NOW,
        newest=7,
        watermark_limit=5,
        without_id=True,
        cursor="c",
        pages=9,
        seen_chats=seen,
        seen_cursors=frozenset({b"8 bytes!"}),
    )
    stack.wiring.progress_store.record(progress, fence=1)
    assert stack.wiring.progress_store.read() == replace(progress, resumed=True)


@pytest.mark.parametrize(
    "error", [ListingError("not a list"), OriginDownError("asleep"), OriginUnauthorizedError("status 401")]
)
def test_a_superseded_run_writes_nothing_when_its_list_cannot_be_read(
    stack: Stack, session: requests.Session, error: ImageCacheError
) -> None:
    newer_progress = SyncProgress(complete=False, force=False, started_at=NOW, cursor="c")

    class Superseded(ChatApi):
        """A newer run takes over, and is itself out of time, while this one waits for a page."""

        def page(self, cursor: str | None) -> ChatPage:  # noqa: ARG002 - as ChatApi has it
            stack.now += HOUR
            newer = stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=HOUR)
            assert newer is not None
            stack.wiring.progress_store.record(newer_progress, fence=newer.fence)
            stack.calls.clear()
            raise error

    api = Superseded(base_url="http://127.0.0.1:1", secrets={}, session=session)
    assert sync_with(stack, api).outcome == "superseded"
    assert stack.wiring.progress_store.read() == replace(newer_progress, resumed=True)
    assert stack.wiring.beeper_health_store.read() == BeeperHealth()
    assert stack.circuits.known_open_until(OriginName.BEEPER) == 0
    assert stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=1) is None, "the newer run keeps the lock"


def test_a_run_that_has_lost_the_lock_records_no_success(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    before = stack.wiring.last_sync_store.read()

    def newer_run_begins(_report: object) -> None:
        stack.now += HOUR
        assert stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=HOUR)

    api = stack.chat_api(demo, session)
    report = stack.runs().run(api, remaining_ms=lambda: 900_000, on_page=newer_run_begins)
    assert report.outcome == "superseded"
    assert stack.wiring.last_sync_store.read() == before
    assert stack.wiring.sync_lock.acquire(now=stack.now, lease_ms=1) is None, "the newer run keeps the lock"


class Circling(ChatApi):
    """A server whose second page points to itself."""

    asked = 0

    def page(self, cursor: str | None) -> ChatPage:
        self.asked += 1
        return ChatPage([], [], next_cursor=cursor or "again")


class Endless(ChatApi):
    """A server whose list never ends."""

    asked = 0

    def page(self, cursor: str | None) -> ChatPage:
        self.asked += 1
        return ChatPage([], [], next_cursor=str(int(cursor or 0) + 1))


@pytest.mark.parametrize(("server", "pages"), [(Circling, 2), (Endless, 2001)])
def test_a_list_that_does_not_end_is_an_error_and_deletes_nothing(
    stack: Stack,
    demo: DemoAccount,
    session: requests.Session,
    server: type[Circling | Endless],
    pages: int,
) -> None:
    stack.sync(demo, session)
    api = server(base_url="http://127.0.0.1:1", secrets={}, session=session)
    with pytest.raises(ListingError):
        sync_with(stack, api, complete=True)
    assert api.asked == pages
    assert set(missing_since(stack).values()) == {0}
    assert stack.sync(demo, session).outcome == "ok", "the lease was given back"


def test_an_answer_that_is_not_a_list_is_an_error(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    demo.faults.set("not_found", "chats")
    with pytest.raises(ListingError):
        stack.sync(demo, session)


class TwoPages:
    """Lists a chat on each of two pages. `error` is raised instead of the second page."""

    def __init__(self, *, error: ImageCacheError | None = None) -> None:
        self.second_is_asked_for = Event()
        self._error = error

    def begin_page(self) -> None:
        """Slow answers are not counted."""

    def page(self, cursor: str | None) -> ChatPage:
        if cursor is None:
            return ChatPage([replace(CHAT, chat_id="!first")], [], next_cursor="second")
        self.second_is_asked_for.set()
        if self._error:
            raise self._error
        return ChatPage([replace(CHAT, chat_id="!second", last_activity=NOW - 1)], [], next_cursor=None)

    def get(self, _path: str, _parameters: Any) -> tuple[int, list[Any]]:
        """Answers requests for accounts, of which there are none."""
        return 200, []


def test_only_a_complete_run_asks_for_the_next_page_before_one_is_stored(stack: Stack) -> None:
    def asked_before_the_first_is_stored(*, complete: bool) -> bool:
        asked: list[bool] = []
        beeper = TwoPages()
        api: Any = beeper
        report = stack.runs().run(
            api,
            remaining_ms=lambda: 900_000,
            complete=complete,
            on_page=lambda _: asked.append(beeper.second_is_asked_for.wait(10 if complete else 0)),
        )
        assert (report.outcome, report.complete) == ("ok", complete)
        return asked[0]

    assert asked_before_the_first_is_stored(complete=True)
    assert not asked_before_the_first_is_stored(complete=False)


def test_a_page_is_stored_though_the_next_one_cannot_be_read(stack: Stack) -> None:
    asleep: Any = TwoPages(error=OriginDownError("asleep"))
    assert sync_with(stack, asleep, complete=True).outcome == "offline"
    assert stored_chat_ids(stack) == {"!first"}
    not_a_list: Any = TwoPages(error=ListingError("not a list"))
    with pytest.raises(ListingError):
        sync_with(stack, not_a_list, complete=True)
    healthy: Any = TwoPages()
    assert sync_with(stack, healthy).changed == 1, "the second chat: the run begins again at the top"
    assert stored_chat_ids(stack) == {"!first", "!second"}
