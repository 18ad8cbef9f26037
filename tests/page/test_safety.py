"""Tests that text of strangers stays text, and that the page loads only its own files, all at once."""

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from local.template import ROOT
from tests.page.visit import Visit

pytestmark = pytest.mark.engine

EVIL = "<img src=x onerror=window.owned=1><script>window.owned=1</script>\"'>"
EVIL_IMAGE = {
    "status": "cached",
    "source": "chat",
    "url": "javascript:window.owned=1",
    "isAnimated": True,
    "width": 1,
    "height": 1,
    "placeholder": "<b>no hash</b>",
    "color": "url(https://elsewhere.example/pixel)",
    "initials": EVIL,
}


def spoiled(chat: dict[str, Any], at: int) -> dict[str, Any]:
    """Returns the chat with hostile texts and, among the first two, with a hostile picture."""
    image = EVIL_IMAGE if at < 2 else EVIL_IMAGE | {"status": "none"}
    return chat | {"title": EVIL, "lastMessage": EVIL, "network": EVIL, "image": image, "facepile": []}


def test_markup_in_titles_names_and_messages_stays_text(visit: Visit) -> None:
    def hostile(page: Any) -> Any:
        chats = [spoiled(chat, at) for at, chat in enumerate(page["chats"])]
        return page | {"chats": chats, "nextCursor": None}

    visit.change_answers("**/api/chats?*", hostile)
    visit.open()
    expect(visit.page.locator(".card .title").first).to_have_text(EVIL)
    expect(visit.page.locator(".card .message").first).to_have_text(EVIL)
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.owned") is None
    assert visit.page.locator("main script, main > img").count() == 0
    # The browser blocks the URLs of the picture, and logs it.
    visit.troubles = [
        trouble
        for trouble in visit.troubles
        if "javascript:" not in trouble and "data:text/html" not in trouble
    ]


def test_markup_in_the_names_of_members_stays_text(visit: Visit) -> None:
    def hostile(route: Route) -> None:
        answer = route.fetch()
        detail = answer.json()
        people = [person | {"fullName": EVIL, "username": EVIL} for person in detail["participants"]]
        route.fulfill(
            response=answer, json=detail | {"chat": spoiled(detail["chat"], 9), "participants": people}
        )

    visit.answer("**/api/chat?*", hostile)
    visit.open()
    visit.cards.first.click()
    expect(visit.page.locator("h1")).to_have_text(EVIL)
    expect(visit.page.locator(".people .title").first).to_have_text(EVIL)
    assert visit.page.evaluate("window.owned") is None


def test_the_policy_allows_only_files_of_the_page(visit: Visit) -> None:
    with urllib.request.urlopen(visit.address, timeout=10) as answer:  # noqa: S310 - our own server
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in json.dumps(policy)


def test_every_module_is_preloaded() -> None:
    page = (ROOT / "web" / "index.html").read_text()
    modules = {path.relative_to(ROOT / "web").as_posix() for path in (ROOT / "web" / "page").glob("*.js")}
    preloaded = set(re.findall(r'<link rel="modulepreload" href="([^"]+)">', page))
    assert preloaded == (modules - {"page/main.js"}) | {"avatar.js", "thumbhash.js"}
