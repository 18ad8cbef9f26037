"""The next page of Beeper's list is read while the one before is stored, if there is time for it."""

from threading import Event, Thread
from typing import Any

import pytest

from imagecache.errors import OriginDownError
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import LONGEST_PAGE_MS, ChatPage
from imagecache.usecases.sync.read_pages import PageReader

RESERVE_MS = 30_000


class Beeper:
    """Has the first page, and `"second"`, for which it answers when `may_answer` is set, or is asleep."""

    def __init__(self, *, is_asleep: bool = False) -> None:
        self.may_answer = Event()
        self.asked = Event()
        self.cursors: list[str | None] = []
        self.begun = 0
        self._is_asleep = is_asleep

    def begin_page(self) -> None:
        self.begun += 1

    def page(self, cursor: str | None) -> ChatPage:
        self.cursors.append(cursor)
        if cursor is None:
            return ChatPage([], [], next_cursor="second")
        self.asked.set()
        assert self.may_answer.wait(10)
        if self._is_asleep:
            raise OriginDownError("asleep")
        return ChatPage([], ["second page"], next_cursor=None)


def reader(beeper: Beeper, *, left_ms: int = 600_000) -> PageReader:
    api: Any = beeper
    return PageReader(api, TimeBudget(lambda: RESERVE_MS + left_ms, reserve_ms=RESERVE_MS))


def test_the_next_page_is_asked_for_once_and_before_it_is_needed() -> None:
    beeper = Beeper()
    with reader(beeper) as pages:
        pages.read_ahead(pages.page(None).next_cursor)
        assert beeper.asked.wait(10)
        beeper.may_answer.set()
        assert pages.page("second").unreadable == ["second page"]
    assert beeper.cursors == [None, "second"]


def test_an_error_of_a_page_that_is_read_ahead_is_raised_where_the_page_is_needed() -> None:
    beeper = Beeper(is_asleep=True)
    beeper.may_answer.set()
    with reader(beeper) as pages:
        pages.read_ahead("second")
        assert beeper.asked.wait(10)
        with pytest.raises(OriginDownError):
            pages.page("second")


@pytest.mark.parametrize("left_ms", [LONGEST_PAGE_MS, 0])
def test_no_page_is_read_ahead_if_its_answer_may_come_after_the_time_is_used_up(left_ms: int) -> None:
    beeper = Beeper()
    with reader(beeper, left_ms=left_ms) as pages:
        pages.read_ahead("second")
    assert beeper.cursors == []


def test_the_time_of_slow_answers_begins_anew_with_the_work_on_each_page_not_when_it_is_read_ahead() -> None:
    beeper = Beeper()
    beeper.may_answer.set()
    with reader(beeper) as pages:
        pages.read_ahead(pages.page(None).next_cursor)
        assert beeper.asked.wait(10)
        assert beeper.begun == 1
        pages.page("second")
        assert beeper.begun == 2


def test_after_the_last_page_nothing_is_read() -> None:
    beeper = Beeper()
    with reader(beeper) as pages:
        pages.read_ahead(None)
    assert beeper.cursors == []


def test_no_request_outlives_the_reader() -> None:
    beeper = Beeper()
    pages = reader(beeper)
    pages.read_ahead("second")
    closing = Thread(target=pages.__exit__, args=(None, None, None), daemon=True)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    beeper.may_answer.set()
    closing.join(10)
    assert not closing.is_alive()
