"""Tests that the open list learns of new faces, lines and chats, and disturbs nobody who reads it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Response, expect

from tests.end_to_end.conftest import wait_until
from tests.page.browser import FACE
from tests.page.visit import Visit

pytestmark = pytest.mark.engine

CHATS = "**/api/chats?*"
MOST_SECONDS = 8.0


def chat_of_two(visit: Visit) -> tuple[str, str]:
    """Returns the ids of a chat whose picture is that of the other person, and of this person."""
    listed = visit.clone.get("/api/chats?limit=50&participants=2&participantFields=all")["chats"]
    return next(
        (chat["chatId"], person["participantId"])
        for chat in listed
        if chat["type"] == "single" and not chat.get("isPinned") and chat["participantCount"] == 2
        if chat["image"]["status"] == "cached" and chat["image"]["source"] == "participant"
        for person in chat["participants"]
        if not person.get("isSelf")
    )


def test_a_new_face_is_on_the_open_page_within_eight_seconds(
    visit: Visit, record_property: Callable[[str, object], None]
) -> None:
    """The page asks the local server every three seconds, and a change may come at any moment between."""
    wait_until(lambda: visit.clone.demo("events")["clients"] == 1, what="Beeper's events are listened to")
    chat_id, person_id = chat_of_two(visit)
    visit.open()
    visit.page.wait_for_function(FACE, arg=chat_id)
    seconds = []
    for attempt in range(2):
        before = visit.page.evaluate(FACE, chat_id)
        visit.clone.demo("avatar", {"ownerId": person_id, "mediaId": f"alex_live_{attempt}"})
        started = time.monotonic()
        visit.page.wait_for_function(
            f"([chatId, before]) => ![null, before].includes(({FACE})(chatId))", arg=[chat_id, before]
        )
        seconds.append(time.monotonic() - started)
    rounded = [round(each, 1) for each in seconds]
    record_property("measured", f"a new face is on the open page after {rounded} s")
    assert max(seconds) <= MOST_SECONDS


def test_a_list_that_has_not_changed_is_not_sent_again(visit: Visit) -> None:
    visit.open()
    statuses: list[int] = []

    def note(answer: Response) -> None:
        if "/api/chats" in answer.url:
            statuses.append(answer.status)

    visit.page.on("response", note)
    with visit.page.expect_response(CHATS):
        pass
    with visit.page.expect_response(CHATS):
        pass
    assert set(statuses) == {304}


WATCH = """() => {
  window.spoken = [];
  const status = document.querySelector(".list-view > [role=status]");
  new MutationObserver(() => window.spoken.push(status.textContent))
    .observe(status, { childList: true, characterData: true, subtree: true });
  window.blurs = 0;
  addEventListener("blur", () => window.blurs += 1, true);
}"""


def with_news_later(visit: Visit, *, at: int) -> None:
    """Gives the third answer a new chat, and a new line in the chat at this place, and leaves out two chats.

    The list is one page.
    """
    answers: list[str] = []

    def change(page: Any) -> Any:
        answers.append("")
        if len(answers) < 3:
            return page | {"nextCursor": None}
        chats = page["chats"]
        moved = chats.pop(at) | {"lastMessage": "A new line", "lastActivity": "2099-01-02T00:00:00Z"}
        new = chats[0] | {"chatId": "!new", "title": "A new chat", "lastActivity": "2099-01-01T00:00:00Z"}
        return {"chats": [moved, new, *chats[:-2]], "nextCursor": None}

    visit.change_answers("**/api/chats?*filter=all*", change)


def test_what_is_new_appears_what_has_left_goes_that_is_announced_once_and_the_focus_stays(
    visit: Visit,
) -> None:
    with_news_later(visit, at=4)
    visit.open("#/?filter=all")
    before = visit.cards.count()
    href = visit.cards.nth(4).get_attribute("href")
    visit.cards.nth(4).focus()
    visit.page.evaluate(WATCH)
    expect(visit.cards).to_have_count(before - 1)
    expect(visit.cards.first).to_contain_text("A new line")
    expect(visit.cards.nth(1)).to_contain_text("A new chat")
    expect(visit.page.locator(":focus")).to_have_attribute("href", str(href))
    with visit.page.expect_response(CHATS):
        pass
    assert visit.page.evaluate("window.spoken") == [f"All: {before - 1} chats shown"], "once, and no line"
    assert visit.page.evaluate("window.blurs") == 0


def test_nothing_moves_below_the_eyes_of_who_has_scrolled_until_they_are_back_at_the_top(
    visit: Visit,
) -> None:
    with_news_later(visit, at=30)
    visit.open("#/?filter=all")
    before = visit.cards.count()
    reading = visit.cards.nth(30)
    reading.evaluate("card => { card.scrollIntoView({ block: 'center' }); card.focus(); }")
    at = visit.page.evaluate("scrollY")
    assert at > 0
    box = reading.bounding_box()
    visit.page.evaluate(WATCH)
    expect(reading).to_contain_text("A new line")
    expect(reading).to_be_focused()
    assert (visit.page.evaluate("scrollY"), reading.bounding_box()) == (at, box)
    assert visit.cards.count() == before
    visit.page.evaluate("scrollTo(0, 0)")
    expect(visit.cards).to_have_count(before - 1)
    expect(visit.cards.first).to_contain_text("A new line")
    expect(visit.cards.first).to_be_focused()
    assert visit.page.evaluate("window.blurs") == 0


def test_a_hidden_tab_asks_for_nothing_and_a_broken_server_is_asked_ever_more_rarely(visit: Visit) -> None:
    visit.page.clock.install()
    visit.open()
    visit.page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {get: () => window.seen ?? 'hidden'})"
    )
    visit.page.clock.run_for(10_000)
    visit.requests.clear()
    visit.page.clock.run_for(600_000)
    assert visit.requests == []
    visit.answer(CHATS, lambda route: route.abort())
    visit.page.evaluate(
        """() => {
          window.seen = "visible";
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    for _ in range(120):
        visit.page.clock.run_for(5_000)
    asked = [request for request in visit.requests if "/api/chats" in request.url]
    assert 4 <= len(asked) <= 24, "each time for two pages"
    assert visit.cards.count() >= 50, "what was shown stays"
    visit.expect_failed_requests()


def test_more_news_than_a_page_holds_leave_no_gap_below_the_first_page(visit: Visit) -> None:
    """Each chat of the page that is read again is new, and further new ones would be on the page after it."""
    answers: list[str] = []

    def change(page: Any) -> Any:
        answers.append("")
        if len(answers) < 3:
            return page
        news = [
            page["chats"][0]
            | {"chatId": f"!{n}", "title": f"News {n}", "lastActivity": f"2099-01-01T00:00:{59 - n:02}Z"}
            for n in range(50)
        ]
        return {"chats": news, "nextCursor": page["nextCursor"]}

    visit.change_answers("**/api/chats?*filter=all", change)  # the first page only
    visit.open("#/?filter=all")
    href = visit.cards.first.get_attribute("href")
    expect(visit.cards.first).to_contain_text("News 0")

    # A list that was only put above what was shown has its chats below.
    expect(visit.page.locator(f"a[href='{href}']")).to_have_count(0)
