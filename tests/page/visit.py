"""Opens the page in a tab, and records everything in it that must never happen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, Response, Route, expect

from tests.end_to_end.conftest import Clone

# Sums what a reader sees move, from the first paint on. Moves within 500 ms of their own input do not count.
_WATCH_LAYOUT = """
window.moved = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_PATIENCE_MS = 15_000
_OF_THE_BODY = {"etag", "content-encoding", "content-length"}
_SCROLL_TO_FACES = """async (patience) => {
  const missing = () => [...document.querySelectorAll("chat-avatar")]
    .flatMap(({ shadowRoot }) => [...shadowRoot.querySelectorAll("img")])
    .filter((img) => !img.complete || !img.naturalWidth);
  for (const end = Date.now() + patience; missing().length; ) {
    if (Date.now() > end) throw new Error(`${missing().length} pictures do not load`);
    missing()[0].scrollIntoView({ block: "center" });
    await new Promise((done) => setTimeout(done, 20));
  }
}"""
FACES = """() => {
  const faces = [...document.querySelectorAll("chat-avatar")];
  return faces.map(({ image, faces, shadowRoot }) => ({
    status: image?.status, wanted: faces.map((face) => face.status), text: shadowRoot.textContent,
    blurs: shadowRoot.querySelectorAll("canvas").length, drawings: shadowRoot.querySelectorAll("svg").length,
    loaded: [...shadowRoot.querySelectorAll("img")].map((img) => img.complete && img.naturalWidth > 0),
  }));
}"""


@dataclass(frozen=True, slots=True)
class Face:
    """An avatar as it is painted. `blurs` counts placeholders that no picture has replaced yet."""

    status: str
    wanted: list[str]
    text: str
    blurs: int
    drawings: int
    loaded: list[bool]

    @property
    def is_painted(self) -> bool:
        return bool(self.text or self.blurs or self.drawings or any(self.loaded))


@dataclass(slots=True)
class Visit:
    """A tab with the page. `troubles` are console errors, exceptions and requests to other hosts.

    Unless it `shows_offer`, the reader has declined to connect their own Beeper.
    """

    page: Page
    clone: Clone
    shows_offer: bool = False
    troubles: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(_WATCH_LAYOUT)
        if not self.shows_offer:
            self.page.add_init_script("sessionStorage.setItem('no-connection', '1')")
        self.page.on("console", lambda message: self._on_console(message))  # noqa: PLW0108 - Playwright cannot mark a bound method
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self._on_request(request))  # noqa: PLW0108 - the same reason

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.clone.port}/"

    def open(self, view: str = "") -> None:
        """Opens a view in a tab that has the token already."""
        keep = f"sessionStorage.setItem('read-token', '{self.clone.read_token}')"
        self.page.add_init_script(keep)
        self.page.goto(f"{self.address}{view}")
        expect(self.page.locator(".skeleton")).to_have_count(0)

    def open_link(self) -> None:
        """Opens the link that `make run` prints."""
        self.page.goto(f"{self.address}#token={self.clone.read_token}")

    def bring_admin_token(self) -> None:
        self.page.evaluate("token => sessionStorage.setItem('admin-token', token)", self.clone.admin_token)

    @property
    def cards(self) -> Locator:
        return self.page.locator("a.card")

    def answers(self) -> Iterator[Response]:
        """Returns the answers to all requests so far."""
        return (answer for request in self.requests if (answer := request.response()))

    def faces(self) -> list[Face]:
        return [Face(**face) for face in self.page.evaluate(FACES)]

    def scroll_to_the_end(self) -> None:
        """Scrolls until there are no more chats to load."""
        more = self.page.locator("button.more")
        expect(more).to_have_attribute("aria-busy", "false")
        while more.is_visible():
            before = self.cards.count()
            self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            self.page.wait_for_function(
                "before => document.querySelectorAll('a.card').length > before "
                "&& document.querySelector('button.more').ariaBusy === 'false'",
                arg=before,
            )

    def load_every_face(self) -> list[Face]:
        """Brings each picture that has not loaded into view, until all have loaded."""
        self.page.evaluate(_SCROLL_TO_FACES, _PATIENCE_MS)
        return self.faces()

    def moved(self) -> float:
        """Returns the cumulative layout shift so far."""
        # The browser reports a shift some time after the frame in which it happened.
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 400)))")
        return float(self.page.evaluate("window.moved"))

    def answer(self, pattern: str, handler: Callable[[Route], object]) -> None:
        """Answers the requests that match the pattern in place of the server."""
        self.page.route(pattern, lambda route: handler(route))  # noqa: PLW0108 - Playwright cannot mark a built-in either

    def only_one_page(self) -> None:
        """Makes the list end after its first page."""

        def shorten(page: Any) -> Any:
            return page | {"nextCursor": None}

        self.change_answers("**/api/chats?*", shorten)

    def change_answers(self, pattern: str, change: Callable[[Any], Any]) -> None:
        """Changes the JSON of the answers to these requests. The page cannot ask whether it has changed."""

        def changed(route: Route) -> None:
            asked = {name: value for name, value in route.request.headers.items() if name != "if-none-match"}
            answer = route.fetch(headers=asked)
            headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY}
            route.fulfill(status=answer.status, headers=headers, json=change(answer.json()))

        self.answer(pattern, changed)

    def expect_failed_requests(self) -> None:
        """Drops the console errors for answers from 400 on, in tests that cause such answers."""
        self.troubles = [trouble for trouble in self.troubles if "Failed to load resource" not in trouble]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        address = urlsplit(request.url)
        if address.scheme != "data" and address.netloc != f"127.0.0.1:{self.clone.port}":
            self.troubles.append(f"requested {request.url}")
