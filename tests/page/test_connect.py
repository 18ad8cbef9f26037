"""The page offers to connect the reader's Beeper, beside the made-up chats."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.page.visit import Visit

pytestmark = pytest.mark.engine

DEMO = {"account": "demo", "isBeeperFound": True}


def test_made_up_chats_have_an_offer_that_leads_to_beeper_and_back(new_visit: Callable[..., Visit]) -> None:
    visit = new_visit(shows_offer=True)
    visit.answer("**/_local/connection", lambda route: route.fulfill(json=DEMO))
    visit.answer(
        "**/_local/connect", lambda route: route.fulfill(status=502, json={"message": "It is closed"})
    )
    visit.open_link()
    offer = visit.page.get_by_role("complementary", name="Your own chats")
    expect(offer).to_contain_text("These chats are made up.")
    assert visit.moved() < 0.01
    button = offer.get_by_role("button", name="Connect your Beeper")
    button.click()
    expect(offer.get_by_role("alert")).to_have_text("It is closed.")
    beeper = {"authorizationUrl": f"{visit.address}beeper"}
    visit.answer("**/_local/connect", lambda route: route.fulfill(json=beeper))
    visit.answer(
        "**/beeper", lambda route: route.fulfill(body="<a href=/>Allow</a>", content_type="text/html")
    )
    button.click()
    visit.page.get_by_role("link", name="Allow").click()
    expect(visit.cards.first).to_be_visible()
    offer.get_by_role("button", name="Not now").click()
    visit.page.reload()
    expect(visit.cards.first).to_be_visible()
    expect(offer).to_be_hidden()
    visit.expect_failed_requests()
