"""The list of chats: everybody's face, at once, each chat once, nothing jumping."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.page.visit import Visit

pytestmark = pytest.mark.engine

NewVisit = Callable[..., Visit]


def all_chats(visit: Visit, chosen: str) -> list[str]:
    """The ids of a filter's chats, as the API lists them."""
    page = visit.clone.get(f"/api/chats?limit=100&filter={chosen}&participants=0")
    ids = [chat["chatId"] for chat in page["chats"]]
    while page["nextCursor"]:
        page = visit.clone.get(
            f"/api/chats?limit=100&filter={chosen}&participants=0&cursor={page['nextCursor']}"
        )
        ids += [chat["chatId"] for chat in page["chats"]]
    return ids


def shown_chats(visit: Visit) -> list[str]:
    return [
        visit.page.evaluate("decodeURIComponent", href.removeprefix("#/chat/"))
        for href in visit.cards.evaluate_all("cards => cards.map((card) => card.getAttribute('href'))")
    ]


def test_the_first_paint_has_a_blur_or_letters_for_every_chat(visit: Visit) -> None:
    """No picture has arrived yet: the server is made to hold them all back."""
    held: list[Route] = []
    visit.answer("**/images/**", held.append)
    visit.open()
    faces = visit.faces()
    assert len(faces) == 50
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
    assert len(set(shown_chats(visit))) == 180  # of 183, three of which are merged into another
    cached = [face for face in visit.load_every_face() if face.status == "cached"]
    assert len(cached) > 130
    assert all(face.loaded == [True] for face in cached)


def test_a_group_without_a_picture_shows_up_to_four_of_its_members(visit: Visit) -> None:
    visit.open("#/?filter=groups")
    expect(visit.cards).to_have_count(len(all_chats(visit, "groups")))
    piles = [face for face in visit.load_every_face() if face.status != "cached" and face.wanted]
    listed = visit.clone.get("/api/chats?limit=100&filter=groups")["chats"]
    assert len(piles) == sum(bool(chat["facepile"]) for chat in listed) >= 3
    assert all(face.loaded == [True] * len(face.wanted) for face in piles)
    assert max(len(face.loaded) for face in piles) == 4


def test_each_filter_shows_its_own_chats_and_the_back_button_returns(visit: Visit) -> None:
    visit.only_one_page()
    visit.open()
    for name in ("Unread", "Groups", "Pinned", "Archived", "Inbox"):
        visit.page.get_by_role("link", name=name, exact=True).click()
        expected = all_chats(visit, name.lower())
        expect(visit.cards).to_have_count(min(len(expected), 50))
        expect(visit.page.locator(".filters [aria-current]")).to_have_text(name)
        assert shown_chats(visit) == expected[:50]
    visit.page.go_back()
    expect(visit.page.locator(".filters [aria-current]")).to_have_text("Archived")
    expect(visit.cards).to_have_count(len(all_chats(visit, "archived")))


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_while_it_loads(new_visit: NewVisit, width: int) -> None:
    visit = new_visit(viewport={"width": width, "height": 800})
    visit.open()
    visit.load_every_face()
    visit.scroll_to_the_end()
    assert visit.moved() < 0.01
    assert visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_page_of_fifty_chats_costs_a_twelfth_of_the_originals(
    new_visit: NewVisit, record_property: Callable[[str, object], None]
) -> None:
    visit = new_visit(device_scale_factor=1)
    visit.only_one_page()
    visit.open()
    visit.load_every_face()
    paid = {answer.url: len(answer.body()) for answer in visit.answers() if "/images/" in answer.url}
    originals = original_bytes(visit)
    spared = sum(originals[url.split("/")[-2]] for url in paid)
    ratio = spared / sum(paid.values())
    record_property(
        "measured",
        f"50 chats: {len(paid)} pictures, {sum(paid.values()):,} bytes, originals {spared:,}: {ratio:.1f} x",
    )
    assert ratio >= 12
    assert len(paid) > 35


def original_bytes(visit: Visit) -> dict[str, int]:
    """By the id of its content, which stands in its URL."""
    found: dict[str, int] = {}
    cursor = ""
    while cursor is not None:
        page = visit.clone.get(f"/api/images?status=cached&cursor={cursor}")
        found |= {row["url"].split("/")[-2]: row["fileSize"] for row in page["images"]}
        cursor = page["nextCursor"]
    return found
