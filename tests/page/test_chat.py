"""Tests the view of one chat: its members, and the way back to the list."""

import re
from urllib.parse import quote, unquote, urlencode

import pytest
from playwright.sync_api import Locator, expect

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


def open_crowd(visit: Visit) -> tuple[Locator, dict[str, str]]:
    """Opens the largest group. Returns the first face with a picture, and which member's it is."""
    visit.open("#/?filter=groups")
    visit.page.get_by_role("link", name="Everybody who likes maps").click()
    face = visit.page.locator(".people button.face").first
    expect(face).to_be_visible()
    chat_id = unquote(visit.page.url.partition("#/chat/")[2])
    name = str(face.get_attribute("aria-label")).removeprefix("Picture of ")
    members = visit.clone.get(f"/api/chat?chatId={quote(chat_id)}")["participants"]
    member = next(member for member in members if member.get("fullName") == name)
    return face, {"chatId": chat_id, "participantId": member["participantId"]}


def test_a_face_opens_its_picture_and_takes_the_focus_back(visit: Visit) -> None:
    face, _ = open_crowd(visit)
    face.press("Enter")
    picture = visit.page.get_by_role("dialog").get_by_role("img", name=str(face.get_attribute("aria-label")))
    expect(picture).to_have_attribute("src", re.compile("/640[.]webp$"))
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("picture => picture.naturalWidth") > 96
    visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)
    expect(face).to_be_focused()


def test_a_face_leads_to_the_story_of_its_picture_and_it_is_forgotten_and_fetched_again(visit: Visit) -> None:
    face, member = open_crowd(visit)
    visit.bring_admin_token()
    [picture] = visit.clone.get(f"/api/chat/pictures?{urlencode(member)}")["pictures"]
    face.click()
    visit.page.get_by_role("button", name="Explain").click()
    story = visit.page.get_by_role("dialog").last
    expect(story).to_contain_text("It has been cached since")
    expect(story.locator("code")).to_have_text(picture["sourceUrl"])
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("button", name="Forget").click()
    visit.page.get_by_role("button", name="Forget it").click()
    expect(visit.page.get_by_role("button", name="Forgotten")).to_be_disabled()
    forgotten = visit.clone.get("/api/images?status=forgotten")["images"]
    assert picture["sourceUrl"] in {row["sourceUrl"] for row in forgotten}
    assert face.locator("chat-avatar").evaluate("face => face.image.status") == "none"
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Refresh").click()
    expect(dialog.get_by_role("status")).to_have_text(re.compile(r"^Cached \(last answer: \d+ bytes\)$"))
    expect(dialog.get_by_role("img")).to_have_attribute("src", re.compile("/640[.]webp$"))
    assert face.locator("chat-avatar").evaluate("face => face.image.status") == "cached"
