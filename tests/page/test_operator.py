"""Tests the operator's view: what the cache holds, what is missing and why, and what can be done about it."""

from collections import Counter
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.page.visit import Visit

pytestmark = pytest.mark.engine


def value(visit: Visit, label: str) -> str:
    card = visit.page.locator(".stat", has=visit.page.get_by_role("heading", name=label, exact=True))
    return card.locator(".value").inner_text()


def test_the_cards_show_the_counts_of_the_api(visit: Visit) -> None:
    visit.open("#/operator")
    expect(visit.page.locator(".stat")).to_have_count(8)
    stats = visit.clone.get("/api/stats")
    assert value(visit, "Pictures cached") == str(stats["totalCachedImages"])
    assert value(visit, "Storage") == f"{stats['totalStorageMB']:.1f} MB"
    assert value(visit, "Downloads saved") == str(stats["deduplication"]["downloadsSaved"])
    assert value(visit, "Failed") == str(stats["failed"])
    assert value(visit, "Beeper") == "Connected"


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_while_the_view_loads(new_visit: Callable[..., Visit], width: int) -> None:
    visit = new_visit(viewport={"width": width, "height": 800})
    visit.open("#/operator")
    expect(visit.page.locator(".images").last.locator("tbody tr").first).to_be_attached()
    assert visit.moved() < 0.01
    assert visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_failed_and_every_missing_picture_has_one_row_with_the_chats_that_show_it(visit: Visit) -> None:
    visit.open("#/operator")
    failed, missing = (visit.page.locator(".images").nth(at) for at in (0, 1))
    expect(failed.locator("tbody tr")).to_have_count(
        len(visit.clone.get("/api/images?status=failed")["images"])
    )
    expect(failed.get_by_text("gone").first).to_be_visible()
    missing.scroll_into_view_if_needed()
    faces = missing_faces(visit)
    expect(missing.locator("tbody tr")).to_have_count(len(set(faces)))
    [(most, count)] = Counter(faces).most_common(1)
    assert count > 1
    row = missing.locator("tbody tr", has=visit.page.get_by_title(most))
    expect(row.get_by_role("link")).to_have_count(count)


def test_of_many_chats_that_show_a_missing_picture_the_first_three_are_named(visit: Visit) -> None:
    reference = visit.clone.get("/api/images/uncached")["references"][0]
    places = [
        {**reference, "participantId": "@ada", "fullName": "Ada", "chatTitle": f"Chat {number}"}
        for number in range(6)
    ]
    pages = [{"references": places[:4], "nextCursor": "2"}, {"references": places[4:], "nextCursor": None}]
    visit.answer("**/api/images/uncached*", lambda route: route.fulfill(json=pages.pop(0)))
    visit.open("#/operator")
    rows = visit.page.locator(".images").last.locator("tbody tr")
    named = ["Ada in Chat 0", "Ada in Chat 1", "Ada in Chat 2", "and 3 more"]
    expect(rows.get_by_role("listitem")).to_have_text(named)
    expect(rows).to_have_count(1)


def missing_faces(visit: Visit) -> list[str]:
    """Returns the source URL of each missing face that the API lists on its pages."""
    page = visit.clone.get("/api/images/uncached")
    faces = [reference["sourceUrl"] for reference in page["references"]]
    while page["nextCursor"]:
        page = visit.clone.get(f"/api/images/uncached?cursor={page['nextCursor']}")
        faces += [reference["sourceUrl"] for reference in page["references"]]
    return faces


def test_the_story_of_a_picture_links_to_its_chats(visit: Visit) -> None:
    visit.open("#/operator")
    row = visit.page.locator(".images tbody tr", has_text="gone").first
    row.get_by_role("button", name="Explain").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog).to_contain_text("It failed once")
    expect(dialog).to_contain_text("Beeper, or the web, no longer has it")
    dialog.get_by_role("listitem").get_by_role("link").first.click()
    expect(visit.page.locator(".people li").first).to_be_visible()
    expect(dialog).to_be_hidden()


def test_a_change_asks_for_the_admin_token_once_and_again_after_a_wrong_one(visit: Visit) -> None:
    visit.open("#/operator")
    rows = visit.page.locator(".images").first.locator("tbody tr", has_text="gone")
    rows.first.get_by_role("button", name="Forget").click()
    visit.page.get_by_role("button", name="Cancel").click()
    rows.first.get_by_role("button", name="Forget").click()
    visit.page.get_by_role("button", name="Forget it").click()
    visit.page.get_by_label("Admin token").fill(visit.clone.read_token)
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_text("That token was refused.")).to_be_visible()
    visit.page.get_by_label("Admin token").fill(visit.clone.admin_token)
    visit.page.keyboard.press("Enter")
    expect(rows.first.get_by_role("button", name="Forget")).to_have_text("Forgotten")
    rows.nth(1).get_by_role("button", name="Retry").click()
    # The demo account does not have this picture.
    expect(rows.nth(1).get_by_role("status")).to_have_text("Failed: gone")
    expect(rows.nth(1).get_by_role("button", name="Retry")).to_be_enabled()
    forgotten = visit.clone.get("/api/images?status=forgotten")["images"]
    assert {row["url"] for row in forgotten} == {None}
    visit.expect_failed_requests()


def test_a_backfill_shows_its_progress_until_it_is_done(visit: Visit) -> None:
    visit.open("#/operator")
    visit.bring_admin_token()
    visit.page.get_by_role("button", name="Fetch missing pictures").click()
    expect(visit.page.locator(".job")).to_contain_text("Fetch missing pictures: done", timeout=60_000)
    expect(visit.page.locator(".job")).to_contain_text("111 chats")
    expect(visit.page.get_by_role("button", name="Sync now")).to_be_enabled()
