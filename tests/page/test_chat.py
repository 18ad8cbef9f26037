"""Tests the view of one chat: its members, and the way back to the list."""

import pytest
from playwright.sync_api import expect

from tests.page.conftest import CROWD
from tests.page.visit import Visit

pytestmark = pytest.mark.engine


def test_all_members_are_shown_page_by_page(visit: Visit) -> None:
    visit.open("#/?filter=groups")
    visit.page.get_by_role("link", name="Everybody who likes maps").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Everybody who likes maps")
    expect(visit.page.get_by_role("heading", level=1)).to_be_focused()
    people = visit.page.locator(".people li")
    expect(people.first).to_be_visible()
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(people).to_have_count(CROWD)
    expect(visit.page.get_by_role("status").first).to_have_text(f"{CROWD} of {CROWD} people shown")
    cached = [face for face in visit.load_every_face() if face.status == "cached"]
    assert len(cached) > 20
    assert all(face.loaded == [True] for face in cached if not face.wanted)


def test_the_link_back_leads_to_the_list_where_it_was_left(visit: Visit) -> None:
    visit.open()
    visit.scroll_to_the_end()
    card = visit.cards.nth(60)
    title = card.locator(".title").inner_text()
    card.scroll_into_view_if_needed()
    before = visit.page.evaluate("scrollY")
    card.click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(title)
    visit.page.get_by_role("link", name="All chats").click()
    expect(card).to_be_focused()
    assert visit.page.evaluate("scrollY") == before


def test_escape_leads_back_to_the_list_where_it_was_left(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 400, "height": 300})  # lower than the list of groups
    visit.open("#/?filter=groups")
    card = visit.cards.last
    card.scroll_into_view_if_needed()
    before = visit.page.evaluate("scrollY")
    card.click()
    expect(visit.page.locator(".people li").first).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(card).to_be_focused()
    assert visit.page.url.endswith("#/?filter=groups")
    assert visit.page.evaluate("scrollY") == before > 0


def test_chats_with_special_characters_in_their_ids_are_shown(visit: Visit) -> None:
    odd = {"imsg##thread:7c/9f", "!slash/and%41percent:beeper.local", "!q?mark=1&so on#x:beeper.local"}
    listed = visit.clone.get("/api/chats?limit=100&filter=all")
    chats = (
        listed["chats"]
        + visit.clone.get(f"/api/chats?limit=100&filter=all&cursor={listed['nextCursor']}")["chats"]
    )
    titles = {chat["chatId"]: chat["title"] for chat in chats}
    visit.open()
    for chat_id in odd:
        visit.page.evaluate("id => { location.hash = `#/chat/${encodeURIComponent(id)}` }", chat_id)
        expect(visit.page.get_by_role("heading", level=1)).to_have_text(titles[chat_id])


def test_a_missing_chat_is_reported_with_a_way_back(visit: Visit) -> None:
    visit.open("#/chat/nobody")
    expect(visit.page.get_by_text("No chat has this chatId.")).to_be_visible()
    visit.page.get_by_role("button", name="Back to all chats").click()
    expect(visit.cards.first).to_be_visible()
    visit.expect_failed_requests()
