"""Tests the list of chats: every face at once, each chat once, and nothing that moves while it loads."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.page.visit import Visit

pytestmark = pytest.mark.engine

NewVisit = Callable[..., Visit]


def all_chats(visit: Visit, chosen: str) -> list[str]:
    """Returns the ids of the chats of a filter, in the order of the API."""
    page = visit.clone.get(f"/api/chats?limit=100&filter={chosen}&participants=0")
    ids = [chat["chatId"] for chat in page["chats"]]
    while page["nextCursor"]:
        page = visit.clone.get(
            f"/api/chats?limit=100&filter={chosen}&participants=0&cursor={page['nextCursor']}"
        )
        ids += [chat["chatId"] for chat in page["chats"]]
    return ids


def first_page(visit: Visit, chosen: str) -> list[str]:
    """Returns the ids of the chats that the page shows before more are loaded, in its order."""
    chats = all_chats(visit, chosen)[:50]
    pinned = all_chats(visit, "pinned") if chosen == "inbox" else []
    return [*pinned, *(chat_id for chat_id in chats if chat_id not in pinned)]


def shown_chats(visit: Visit) -> list[str]:
    return [
        visit.page.evaluate("decodeURIComponent", href.removeprefix("#/chat/"))
        for href in visit.cards.evaluate_all("cards => cards.map((card) => card.getAttribute('href'))")
    ]


def test_the_first_paint_has_a_blur_or_letters_for_every_chat(visit: Visit) -> None:
    """All pictures are held back, so that only the first paint is there."""
    held: list[Route] = []
    visit.answer("**/images/**", held.append)
    visit.open()
    faces = visit.faces()
    assert len(faces) == len(first_page(visit, "inbox")) >= 50
    assert [face for face in faces if not face.is_painted] == []
    assert sum(face.blurs for face in faces) >= 40
    assert not any(loaded for face in faces for loaded in face.loaded)
    for route in held:
        route.continue_()


def test_every_picture_in_the_cache_loads_and_every_chat_is_shown_once(visit: Visit) -> None:
    visit.open("#/?filter=all")
    expect(visit.page.get_by_role("link", name="All", exact=True)).to_have_attribute("aria-current", "page")
    visit.scroll_to_the_end()
    assert shown_chats(visit) == all_chats(visit, "all")
    assert len(set(shown_chats(visit))) == 111, "two of them are unions, whose members are not listed"
    cached = [face for face in visit.load_every_face() if face.status == "cached"]
    assert len(cached) > 80
    assert all(face.loaded == [True] for face in cached)


def test_a_group_without_a_picture_shows_up_to_four_of_its_members(visit: Visit) -> None:
    visit.open("#/?filter=groups")
    expect(visit.cards).to_have_count(len(all_chats(visit, "groups")))
    piles = [face for face in visit.load_every_face() if face.status != "cached" and face.wanted]
    listed = visit.clone.get("/api/chats?limit=100&filter=groups")["chats"]
    assert len(piles) == sum("facepile" in chat for chat in listed) >= 3
    assert all(face.loaded == [True] * len(face.wanted) for face in piles)
    assert max(len(face.loaded) for face in piles) == 4


def test_each_filter_shows_its_own_chats_and_the_back_button_returns(visit: Visit) -> None:
    visit.only_one_page()
    visit.open()
    for name in ("Unread", "Groups", "Pinned", "Low priority", "Archived", "Inbox"):
        visit.page.get_by_role("link", name=name, exact=True).click()
        expected = first_page(visit, name.lower().replace(" ", "-"))
        expect(visit.cards).to_have_count(len(expected))
        expect(visit.page.locator(".filters [aria-current]")).to_have_text(name)
        assert shown_chats(visit) == expected
    visit.page.go_back()
    expect(visit.page.locator(".filters [aria-current]")).to_have_text("Archived")
    expect(visit.cards).to_have_count(len(all_chats(visit, "archived")))


def test_the_inbox_begins_with_the_pinned_chats_however_old_and_shows_each_chat_once(visit: Visit) -> None:
    visit.open()
    visit.scroll_to_the_end()
    pinned = all_chats(visit, "pinned")
    others = [chat_id for chat_id in all_chats(visit, "inbox") if chat_id not in pinned]
    assert shown_chats(visit) == [*pinned, *others]
    expect(visit.page.get_by_role("list", name="Pinned").locator("a.card")).to_have_count(len(pinned))
    expect(visit.page.locator(".periods h2").first).to_have_text("Pinned")
    assert not set(pinned) <= set(all_chats(visit, "inbox")[:50]), "some come with a later page of the API"


def test_a_chat_that_is_marked_as_unread_has_a_dot_and_others_a_number(visit: Visit) -> None:
    def with_one_mark(answer: Any) -> Any:
        page = answer | {"nextCursor": None}
        for number, chat in enumerate(page["chats"]):
            chat["unreadCount"] = 7 if number == 0 else 0
            chat["isMarkedUnread"] = number < 2
        return page

    visit.change_answers("**/api/chats?*", with_one_mark)
    visit.open("#/?filter=all")
    expect(visit.page.locator(".card.unread")).to_have_count(2)
    expect(visit.page.locator(".count")).to_have_text(["7 unread", "marked as unread"])
    box = visit.page.locator(".count.dot").bounding_box()
    assert box
    assert box["width"] == box["height"] < 14


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_while_it_loads(new_visit: NewVisit, width: int) -> None:
    visit = new_visit(viewport={"width": width, "height": 800})
    visit.open()
    visit.load_every_face()
    visit.scroll_to_the_end()
    assert visit.moved() < 0.01
    assert visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_page_of_fifty_chats_loads_at_most_a_twelfth_of_the_bytes_of_the_originals(
    new_visit: NewVisit, record_property: Callable[[str, object], None]
) -> None:
    visit = new_visit(device_scale_factor=1)
    visit.only_one_page()
    visit.open()
    visit.load_every_face()
    loaded = {answer.url: len(answer.body()) for answer in visit.answers() if "/images/" in answer.url}
    sizes = original_sizes(visit)
    loaded_bytes = sum(loaded.values())
    original_bytes = sum(sizes[url.split("/")[-2]] for url in loaded)
    ratio = original_bytes / loaded_bytes
    record_property(
        "measured",
        f"50 chats: {len(loaded)} pictures, {loaded_bytes:,} bytes, "
        f"originals {original_bytes:,}: {ratio:.1f} x",
    )
    assert ratio >= 12
    assert len(loaded) > 35


def original_sizes(visit: Visit) -> dict[str, int]:
    """Returns the bytes of each original by the id of its content, which is a part of its URL."""
    sizes: dict[str, int] = {}
    cursor = ""
    while cursor is not None:
        page = visit.clone.get(f"/api/images?status=cached&cursor={cursor}")
        sizes |= {row["url"].split("/")[-2]: row["fileSize"] for row in page["images"]}
        cursor = page["nextCursor"]
    return sizes


def test_another_view_or_filter_starts_at_its_top(new_visit: NewVisit) -> None:
    """On a narrow screen every view is long enough to stay scrolled when another one takes its place."""
    visit = new_visit(viewport={"width": 360, "height": 640})
    visit.open("#/operator")
    expect(visit.page.locator(".images").last.locator("tbody tr").first).to_be_attached()
    for address, filter_name in (("#/", "Inbox"), ("#/?filter=groups", "Groups")):
        visit.page.evaluate("scrollTo(0, 600)")
        assert visit.page.evaluate("scrollY") == 600
        visit.page.evaluate("address => { location.hash = address }", address)
        expect(visit.page.locator(".filters [aria-current]")).to_have_text(filter_name)
        expect(visit.cards.first).to_be_visible()
        assert visit.page.evaluate("scrollY") == 0


@pytest.mark.parametrize("name", ["Chat Image Cache", "Chats", "Inbox"])
def test_a_link_to_the_shown_list_refreshes_it_and_scrolls_to_its_top(visit: Visit, name: str) -> None:
    visit.only_one_page()
    visit.open("#/?filter=inbox" if name == "Inbox" else "#/")
    visit.page.evaluate("scrollTo(0, 600)")
    with visit.page.expect_response("**/api/chats?*filter=inbox*"):
        # An ordinary click would scroll the link into view first.
        visit.page.get_by_role("link", name=name, exact=True).dispatch_event("click")
    expect(visit.cards.first).to_be_visible()
    assert visit.page.evaluate("scrollY") == 0


def test_the_filters_stay_in_view_while_the_list_is_scrolled(new_visit: NewVisit) -> None:
    visit = new_visit(viewport={"width": 360, "height": 640})
    visit.open()
    visit.page.evaluate("scrollTo(0, 1000)")
    expect(visit.page.get_by_role("link", name="Inbox", exact=True)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("name", ["Inbox", "Archived", "All"])
def test_the_shown_filter_is_in_view_on_a_narrow_screen(new_visit: NewVisit, name: str) -> None:
    visit = new_visit(viewport={"width": 360, "height": 640})
    visit.only_one_page()
    visit.open(f"#/?filter={name.lower()}")
    expect(visit.page.get_by_role("link", name=name, exact=True)).to_be_in_viewport(ratio=1)


def test_only_long_lists_are_divided_into_periods(visit: Visit) -> None:
    visit.only_one_page()
    visit.open("#/?filter=inbox")
    expect(visit.page.locator(".periods h2").nth(1)).to_be_visible()
    for name in ("Pinned", "Groups"):
        visit.page.get_by_role("link", name=name, exact=True).click()
        expect(visit.page.locator(".filters [aria-current]")).to_have_text(name)
        expect(visit.page.get_by_role("list", name=name)).to_be_visible()
        expect(visit.page.locator(".periods h2")).to_have_count(0)


def test_a_title_has_most_of_its_line_on_a_narrow_screen(new_visit: NewVisit) -> None:
    """Two years later every chat has the longest kind of date."""
    visit = new_visit(viewport={"width": 360, "height": 640})
    visit.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=730))
    visit.only_one_page()
    visit.open("#/?filter=all")
    rooms = visit.cards.evaluate_all(
        """cards => cards.map((card) => {
          const time = card.querySelector("time").getBoundingClientRect();
          return time.left - card.querySelector(".title").getBoundingClientRect().left;
        })"""
    )
    assert len(rooms) == 50
    assert min(rooms) >= 160  # Pixels: about 18 letters.


def test_the_badge_covers_no_face_of_a_pile(visit: Visit) -> None:
    visit.open("#/?filter=groups")
    distances = visit.cards.evaluate_all(
        """cards => cards.flatMap((card) => {
          const faces = card.querySelector("chat-avatar").shadowRoot.querySelectorAll(".pile > .face");
          const badge = card.querySelector(".badge");
          if (!badge || faces.length < 2) return [];
          const circle = (element) => {
            const { left, top, width } = element.getBoundingClientRect();
            return { x: left + width / 2, y: top + width / 2, radius: width / 2 };
          };
          const a = circle(badge);
          return [...faces].map(circle).map((b) => Math.hypot(a.x - b.x, a.y - b.y) - a.radius - b.radius);
        })"""
    )
    assert len(distances) >= 6
    assert min(distances) >= 0


def test_the_list_is_searched_by_name_and_by_account(visit: Visit) -> None:
    chats = [
        chat
        for cursor in ("", visit.clone.get("/api/chats?limit=100&filter=all")["nextCursor"])
        for chat in visit.clone.get(f"/api/chats?limit=100&filter=all&cursor={cursor}")["chats"]
    ]
    name = chats[-1]["title"]  # on the last page of the list
    visit.open("#/?filter=all")
    field = visit.page.get_by_role("searchbox", name="Search chats by name")
    field.fill(name.upper())
    expect(visit.cards.locator(".title")).to_have_text(
        [chat["title"] for chat in chats if name in chat["title"]]
    )
    field.fill("nobody at all")
    expect(visit.page.get_by_role("heading", name="Nothing found")).to_be_visible()
    field.fill("")
    account = visit.page.get_by_role("combobox", name="Account")
    with visit.page.expect_response("**/api/chats?*accountId=*"):
        account.select_option(chats[-1]["accountId"])
    expect(visit.cards.first).to_be_visible()
    visit.scroll_to_the_end()
    of_account = [chat["chatId"] for chat in chats if chat["accountId"] == chats[-1]["accountId"]]
    assert shown_chats(visit) == of_account
    assert len(of_account) < len(chats)
