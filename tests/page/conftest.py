"""Starts one stack and one browser for all tests of the page, and gives each test its own tabs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local.engine import free_port
from tests.end_to_end.conftest import LIMIT_SECONDS, Clone, wait_until
from tests.page.browser import opened_browser
from tests.page.visit import Visit

_SECONDS = 15
CROWD = 130  # two pages of a roster


@pytest.fixture(scope="session")
def other_port() -> int:
    """Returns the port of another page, whose origin the stack allows."""
    return free_port()


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory, other_port: int) -> Iterator[Clone]:
    """Runs the stack until all pictures are cached that can be. Its largest group has `CROWD` members."""
    clone = Clone(tmp_path_factory.mktemp("page").resolve() / "clone")
    clone.invent(single_chats=95, groups=14, crowd=CROWD)  # two pages of chats
    clone.list_few_contacts()
    clone.take_all_pictures_from_beeper()
    process = clone.run_until_ready(ALLOWED_ORIGINS=f"http://127.0.0.1:{other_port}")
    wait_until(lambda: everything_is_cached(clone), what="all chats are read and no picture is pending")
    yield clone
    process.terminate()
    process.communicate(timeout=LIMIT_SECONDS)
    clone.end()


def everything_is_cached(clone: Clone) -> bool:
    return clone.first_sync_is_over() and clone.get("/api/stats")["pending"] == 0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=_SECONDS * 1000)  # The context's default timeout does not apply to it.
    with opened_browser() as browser:
        yield browser


@pytest.fixture
def new_tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens tabs that share no storage and no cache. Settings are those of a browser context."""
    pages: list[Page] = []

    def open_tab(**settings: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | settings))
        context.set_default_timeout(_SECONDS * 1000)
        pages.append(context.new_page())
        return pages[-1]

    yield open_tab
    for page in pages:
        page.unroute_all(behavior="ignoreErrors")  # A request may be on its way when a test ends.
        page.context.close()


@pytest.fixture
def new_visit(clone: Clone, new_tab: Callable[..., Page]) -> Iterator[Callable[..., Visit]]:
    """Opens visits, and fails the test if anything went wrong in one of them."""
    visits: list[Visit] = []

    def visit(*, shows_offer: bool = False, **settings: Any) -> Visit:
        visits.append(Visit(new_tab(**settings), clone, shows_offer))
        return visits[-1]

    yield visit
    assert [trouble for visit in visits for trouble in visit.troubles] == []


@pytest.fixture
def visit(new_visit: Callable[..., Visit]) -> Visit:
    return new_visit()
