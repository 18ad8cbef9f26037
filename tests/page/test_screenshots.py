"""Saves what each view looks like in .local/test/screenshots; three of the pictures are in docs/images."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from local.template import ROOT
from tests.page.visit import Visit

pytestmark = pytest.mark.engine

FOLDER = ROOT / ".local" / "test" / "screenshots"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

VIEWS: dict[str, tuple[str, dict[str, Any]]] = {
    "list": ("", {"viewport": DESKTOP}),
    "dark": ("", {"viewport": DESKTOP, "color_scheme": "dark"}),
    "mobile": ("", {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True}),
    "chat": ("#/?filter=groups", {"viewport": DESKTOP}),
    "operator": ("#/operator", {"viewport": DESKTOP}),
}


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_is_saved_as_a_picture(new_visit: Callable[..., Visit], name: str) -> None:
    view, settings = VIEWS[name]
    visit = new_visit(timezone_id="UTC", **settings)
    visit.only_one_page()
    visit.open(view)
    if name == "chat":
        visit.page.get_by_role("link", name="Flat 4B 3").click()
        expect(visit.page.locator(".people li").first).to_be_visible()
    if name == "operator":
        expect(visit.page.locator(".images tbody tr").first).to_be_visible()
    visit.page.wait_for_load_state("networkidle")
    FOLDER.mkdir(parents=True, exist_ok=True)
    visit.page.screenshot(path=FOLDER / f"{name}.png")
    assert (FOLDER / f"{name}.png").stat().st_size > 20_000
