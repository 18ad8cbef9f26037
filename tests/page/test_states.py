"""Tests what the page shows when something is missing or wrong, and that it recovers."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.end_to_end.conftest import Clone, wait_until
from tests.page.visit import Visit

pytestmark = pytest.mark.engine

NO_CHATS: dict[str, object] = {"chats": [], "nextCursor": None}
CHATS = "**/api/chats?*"


def test_a_missing_or_wrong_token_is_asked_for(visit: Visit) -> None:
    visit.page.goto(visit.address)
    field = visit.page.get_by_label("Read token")
    field.fill("wrong")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_text("That token was refused.")).to_be_visible()
    field.fill(visit.clone.read_token)
    visit.page.get_by_role("button", name="Continue").click()
    expect(visit.cards.first).to_be_visible()
    visit.page.reload()
    expect(visit.cards.first).to_be_visible()
    visit.expect_failed_requests()


def test_the_token_of_the_link_is_removed_from_the_address(visit: Visit) -> None:
    visit.open_link()
    expect(visit.cards.first).to_be_visible()
    assert visit.page.url == visit.address
    assert visit.page.evaluate("localStorage.length + document.cookie.length") == 0


def test_the_token_of_the_link_is_remembered_for_new_tabs_if_the_reader_wants_it(visit: Visit) -> None:
    visit.open_link()
    visit.page.get_by_role("button", name="Remember on this device").click()
    expect(visit.page.get_by_role("button", name="Not now")).to_be_hidden()
    tab = visit.page.context.new_page()
    tab.goto(visit.address)
    expect(tab.locator("a.card").first).to_be_visible()


def test_a_token_is_sent_to_the_api_and_nowhere_else(visit: Visit) -> None:
    visit.open_link()
    expect(visit.cards.first).to_be_visible()
    visit.load_every_face()
    with_token = [request for request in visit.requests if "authorization" in request.headers]
    assert f"{visit.address}api/status" in [request.url for request in with_token]
    assert all(request.url.startswith(f"{visit.address}api/") for request in with_token)
    assert not [request.url for request in visit.requests if visit.clone.read_token in request.url]
    assert not [request.url for request in visit.requests if "referer" in request.all_headers()]


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (lambda route: route.abort(), "The server does not answer"),
        (lambda route: route.fulfill(status=503, body="Starting"), "The server answered with status 503"),
        (
            lambda route: route.fulfill(
                status=500, json={"message": "something of ours failed", "code": "internal"}
            ),
            "Something of ours failed.",
        ),
    ],
    ids=["offline", "starting", "failing"],
)
def test_a_failed_request_can_be_repeated(visit: Visit, trouble: Callable[[Route], None], says: str) -> None:
    visit.answer(CHATS, trouble)
    visit.open_link()
    expect(visit.page.locator(".notice").get_by_text(says)).to_be_visible()
    visit.page.unroute(CHATS)
    visit.page.get_by_role("button", name="Try again").click()
    expect(visit.cards.first).to_be_visible()
    expect(visit.page.locator(".notice")).to_have_count(0)
    visit.expect_failed_requests()


def test_a_list_that_fails_in_the_middle_goes_on_where_it_was(visit: Visit) -> None:
    visit.answer("**/api/chats?*cursor=*", lambda route: route.abort())
    visit.open()
    expect(visit.cards.first).to_be_visible()
    visit.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(visit.page.get_by_role("button", name="Try again")).to_be_visible()
    before = visit.cards.count()
    assert before >= 50
    visit.page.unroute("**/api/chats?*cursor=*")
    visit.page.get_by_role("button", name="Try again").click()
    expect(visit.cards.nth(before)).to_be_attached()
    visit.expect_failed_requests()


def test_an_empty_list_says_so_and_fills_by_itself(visit: Visit) -> None:
    visit.answer(CHATS, lambda route: route.fulfill(json=NO_CHATS))
    visit.open_link()
    expect(visit.page.get_by_role("heading", name="No chats yet")).to_be_visible()
    visit.page.unroute(CHATS)
    expect(visit.cards.first).to_be_visible()


def test_an_empty_filter_says_so_under_a_heading(visit: Visit) -> None:
    visit.open()
    visit.answer("**/api/chats?*filter=pinned*", lambda route: route.fulfill(json=NO_CHATS))
    visit.page.get_by_role("link", name="Pinned", exact=True).click()
    heading = visit.page.get_by_role("heading", name="Nothing pinned")
    expect(heading).to_be_visible()
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    assert heading.evaluate(size) > visit.page.locator(".notice p").evaluate(size)


def test_a_picture_that_arrives_later_appears_by_itself(visit: Visit) -> None:
    """The first answers, which are for the page and for the pinned chats, have no picture yet."""
    answered: list[str] = []

    def before_the_first_picture(page: Any) -> Any:
        if len(answered) < 2:
            for chat in page["chats"]:
                chat["image"] = {"status": "pending"}
                chat["facepile"] = []
        answered.append("")
        return page | {"nextCursor": None}

    visit.change_answers(CHATS, before_the_first_picture)
    visit.open()
    assert {face.status for face in visit.faces()} == {"pending"}
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('chat-avatar')]"
        ".filter((avatar) => avatar.image.status === 'cached').length > 30"
    )
    assert all(face.loaded == [True] for face in visit.load_every_face() if face.status == "cached")


def test_a_banner_says_that_beeper_is_offline(visit: Visit) -> None:
    visit.clone.demo("faults", {"mode": "offline", "target": "chats"})
    try:
        post(visit.clone, "/api/sync", {})
        wait_until(lambda: origin(visit.clone) == "offline", what="Beeper is known to be offline")
        visit.open()
        banner = visit.page.locator("#banner")
        expect(banner).to_contain_text("Beeper is offline: chats and pictures are as of")
        assert len(visit.faces()) >= 50
    finally:
        visit.clone.demo("faults", {"mode": "none", "target": "all"})
    post(visit.clone, "/api/sync", {})
    wait_until(lambda: origin(visit.clone) == "ok", what="Beeper is back")
    visit.page.reload()
    expect(visit.cards.first).to_be_visible()
    expect(banner).to_be_hidden()


def test_a_first_start_while_beeper_is_offline_claims_nothing_that_is_not_known(visit: Visit) -> None:
    moment = "2026-07-01T12:00:00Z"
    offline = {"state": "offline", "since": moment, "checkedAt": moment}

    def stats_before_any_sync(route: Route) -> None:
        answer = route.fetch()
        never = {"succeededAt": None, "completedAt": None}
        route.fulfill(response=answer, json=answer.json() | {"lastSync": never, "origin": offline})

    visit.answer(CHATS, lambda route: route.fulfill(json=NO_CHATS))
    visit.answer("**/api/status", lambda route: route.fulfill(json={"origin": offline}))
    visit.answer("**/api/stats", stats_before_any_sync)
    visit.answer(
        "**/api/images/uncached*", lambda route: route.fulfill(json={"references": [], "nextCursor": None})
    )
    visit.open_link()
    expect(visit.page.locator(".notice")).to_contain_text("Beeper is offline. Open Beeper on its computer")
    expect(visit.page.locator("#banner")).to_contain_text("no chats have been read yet")
    expect(visit.page.locator("#banner")).not_to_contain_text("as of")
    visit.page.get_by_role("link", name="Operator").click()
    expect(visit.page.locator(".images").last).to_contain_text("No sync has succeeded yet")


def test_no_banner_is_shown_if_the_api_does_not_say_how_beeper_is(visit: Visit) -> None:
    visit.answer("**/api/status", lambda route: route.fulfill(json={}))
    with visit.page.expect_response("**/api/status"):
        visit.open()
    expect(visit.cards.first).to_be_visible()
    expect(visit.page.locator("#banner")).to_be_hidden()


@pytest.mark.parametrize(("visibility", "most"), [("visible", 30), ("hidden", 0)])
def test_a_tab_that_is_left_open_asks_seldom_and_a_hidden_one_never(
    visit: Visit, visibility: str, most: int
) -> None:
    """Each request costs something. An empty list is the view that asks most, because it waits for chats."""
    visit.page.clock.install()
    visit.answer(CHATS, lambda route: route.fulfill(json=NO_CHATS))
    visit.open("#/?filter=archived")
    expect(visit.page.locator(".notice")).to_be_visible()
    visit.page.evaluate(
        "state => Object.defineProperty(document, 'visibilityState', {get: () => state})", visibility
    )
    visit.requests.clear()
    for _ in range(120):
        visit.page.clock.run_for(30_000)
    asked = [request.url.removeprefix(visit.address).partition("?")[0] for request in visit.requests]
    assert asked.count("api/chats") <= most
    # The clock may stop just before the first or the last of twelve.
    assert asked.count("api/status") in ({11, 12, 13} if visibility == "visible" else {0})
    assert set(asked) <= {"api/chats", "api/status"}


def origin(clone: Clone) -> str:
    return str(clone.get("/api/status")["origin"]["state"])


def post(clone: Clone, path: str, body: dict[str, str]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{clone.port}{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {clone.admin_token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - our own server
        pass
