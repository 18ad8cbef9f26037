"""Tests that the page works by keyboard, with a screen reader, and in the dark colour scheme."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.sync_api import expect

from tests.page.visit import Visit

pytestmark = pytest.mark.engine


def serious(results: Any) -> list[str]:
    """Returns the serious and the critical violations that axe-core has found."""
    return [
        f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for violation in results.response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"][:3]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_accessibility_violation(new_visit: Callable[..., Visit], scheme: str) -> None:
    visit = new_visit(color_scheme=scheme)
    visit.only_one_page()
    visit.open()
    assert serious(Axe().run(visit.page)) == []
    visit.cards.first.click()
    expect(visit.page.locator(".people li").first).to_be_visible()
    assert serious(Axe().run(visit.page)) == []
    visit.page.locator("button.face").first.click()
    expect(visit.page.get_by_role("button", name="Forget")).to_be_visible()
    assert serious(Axe().run(visit.page)) == []
    visit.page.keyboard.press("Escape")
    visit.page.get_by_role("link", name="Operator").click()
    expect(visit.page.locator(".images tbody tr").first).to_be_visible()
    assert serious(Axe().run(visit.page)) == []
    visit.page.get_by_role("button", name="Explain").first.click()
    expect(visit.page.get_by_role("dialog")).to_contain_text("Chats that show it")
    assert serious(Axe().run(visit.page)) == []


def test_the_token_form_has_no_serious_accessibility_violation(visit: Visit) -> None:
    visit.page.goto(visit.address)
    expect(visit.page.get_by_label("Read token")).to_be_visible()
    assert serious(Axe().run(visit.page)) == []
    visit.expect_failed_requests()


def test_the_keyboard_reaches_search_filters_and_chats_and_comes_back(visit: Visit) -> None:
    visit.open()
    press = visit.page.keyboard.press
    focused = visit.page.locator(":focus")
    press("Tab")
    expect(focused).to_have_text("Skip to content")
    press("Enter")
    expect(visit.page.locator("main")).to_be_focused()
    press("Tab")
    expect(focused).to_have_role("searchbox")
    expect(visit.page.get_by_role("combobox", name="Account")).to_be_visible()
    press("Tab")
    expect(focused).to_have_role("combobox")
    for name in ("Inbox", "Unread", "Groups", "Pinned", "Low priority", "Archived", "All"):
        press("Tab")
        expect(focused).to_have_text(name)
    press("Tab")
    expect(focused).to_have_attribute("href", str(visit.cards.first.get_attribute("href")))
    assert visit.cards.first.evaluate("card => getComputedStyle(card).outlineStyle") == "solid"
    press("Enter")
    expect(visit.page.locator("h1")).to_be_focused()
    press("Shift+Tab")
    expect(focused).to_have_text("All chats")
    press("Enter")
    expect(visit.cards.first).to_be_focused()


def test_a_card_says_in_words_what_it_shows(visit: Visit) -> None:
    visit.open("#/?filter=unread")
    chats = visit.clone.get("/api/chats?filter=unread&limit=50")["chats"]
    index, chat = next(
        (index, chat) for index, chat in enumerate(chats) if "lastMessage" in chat and "unreadCount" in chat
    )
    name = visit.cards.nth(index).evaluate("card => card.textContent")
    for part in (
        chat["title"],
        chat["lastMessage"],
        f"{chat['unreadCount']} unread",
        f"on {chat['network']}",
    ):
        assert part in name


def test_a_dialog_gives_the_focus_back(visit: Visit) -> None:
    visit.open("#/operator")
    explain = visit.page.get_by_role("button", name="Explain").first
    explain.press("Enter")
    expect(visit.page.get_by_role("dialog")).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)
    expect(explain).to_be_focused()


def test_reduced_motion_switches_transitions_off(new_visit: Callable[..., Visit]) -> None:
    visit = new_visit(reduced_motion="reduce")
    visit.open()
    assert visit.cards.first.evaluate("card => getComputedStyle(card).transitionDuration") == "0s"
