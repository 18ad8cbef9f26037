"""Tests <chat-avatar> on a page of another origin, which has no other file of this project."""

import base64
import functools
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from imagecache.imaging.thumbhash import thumbhash
from local.template import ROOT
from tests.end_to_end.conftest import Clone, wait_until
from tests.page.visit import FACES, Face

pytestmark = pytest.mark.engine

FILES = ("avatar.js", "thumbhash.js", "avatar-example.html", "avatar-example.js", "avatar-example.css")
PAINTED = "element => element.shadowRoot.textContent"


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


@pytest.fixture
def elsewhere(tmp_path: Path, other_port: int) -> Iterator[str]:
    """Serves only the files that the avatar needs, on another origin, and returns its address."""
    for name in FILES:
        shutil.copy(ROOT / "web" / name, tmp_path)
    handler = functools.partial(_Handler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", other_port), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{other_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(new_tab: Callable[..., Page]) -> Iterator[Page]:
    page, errors = new_tab(), list[str]()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


@pytest.fixture
def put_avatar(page: Page, elsewhere: str) -> Callable[[str], None]:
    """Returns a function that replaces the content of the other page by markup."""

    def put(markup: str) -> None:
        page.goto(f"{elsewhere}/avatar-example.html")
        page.evaluate("markup => document.body.innerHTML = markup", markup)

    return put


def test_another_origin_shows_faces_with_two_files_of_this_project(
    page: Page, elsewhere: str, clone: Clone
) -> None:
    base = f"http://127.0.0.1:{clone.port}"
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{elsewhere}/avatar-example.html#base={base}&token={clone.read_token}")
    expect(page.locator("#faces chat-avatar")).to_have_count(24)

    def faces() -> list[Face]:
        return [Face(**face) for face in page.evaluate(FACES)]

    wait_until(lambda: all(all(face.loaded) for face in faces()), what="every face has loaded")
    assert sum(face.loaded == [True] for face in faces() if face.status == "cached") > 15
    files = {url.removeprefix(f"{elsewhere}/") for url in requested if url.startswith(elsewhere)}
    assert {name for name in files if "example" not in name} == {"avatar.js", "thumbhash.js"}
    assert all(
        url.startswith((elsewhere, f"{base}/images/", f"{base}/api/chats", "data:")) for url in requested
    )


@pytest.mark.parametrize(("link", "sends"), [("", ["Bearer kept"]), ("#base={base}", [])])
def test_the_token_that_a_page_keeps_is_sent_to_its_own_api_only(
    page: Page, elsewhere: str, clone: Clone, link: str, sends: list[str]
) -> None:
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append(route.request.headers.get("authorization", ""))
        route.fulfill(json={"chats": [], "nextCursor": None})

    page.route("**/api/chats?*", answer)
    page.add_init_script("sessionStorage.setItem('read-token', 'kept')")
    page.goto(f"{elsewhere}/avatar-example.html{link.format(base=f'http://127.0.0.1:{clone.port}')}")
    page.wait_for_load_state("networkidle")
    assert sent == sends


def test_attributes_work_where_a_framework_sets_no_properties(
    page: Page, put_avatar: Callable[[str], None]
) -> None:
    image = {"status": "none", "initials": "QX"}
    put_avatar(f"<chat-avatar image='{json.dumps(image)}' size='40'></chat-avatar>")
    avatar = page.locator("chat-avatar")
    assert avatar.evaluate(PAINTED) == "QX"
    box = avatar.bounding_box()
    assert box
    assert (box["width"], box["height"]) == (40, 40)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ada King Lovelace", "AL"), ("plato", "P"), ("Łucja Óstra", "ŁÓ"), ("+1 201 555 0100", ""), ("", "")],
)
def test_initials_or_a_silhouette_are_shown_without_a_picture(
    page: Page, put_avatar: Callable[[str], None], name: str, letters: str
) -> None:
    put_avatar(f'<chat-avatar image="no JSON" name="{name}"></chat-avatar>')
    avatar = page.locator("chat-avatar")
    assert avatar.evaluate(PAINTED) == letters
    assert avatar.evaluate("element => element.shadowRoot.querySelectorAll('svg').length") == (not letters)


@pytest.mark.usefixtures("moving")
@pytest.mark.parametrize(("folder", "letters"), [("broken", "AL"), ("whole", "")])
def test_initials_are_shown_until_a_picture_without_a_first_paint_has_loaded(
    page: Page, put_avatar: Callable[[str], None], folder: str, letters: str
) -> None:
    page.route("**/broken/*.webp", lambda route: route.fulfill(body=b"", content_type="image/webp"))
    image = {"status": "cached", "url": f"/{folder}/192.webp"}
    put_avatar(f"<chat-avatar image='{json.dumps(image)}' name='Ada Lovelace'></chat-avatar>")
    page.wait_for_load_state("networkidle")
    avatar = page.locator("chat-avatar")
    wait_until(lambda: avatar.evaluate(PAINTED) == letters, what=f"{letters!r} is painted, and nothing else")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_transparent_picture_is_on_its_backdrop(
    page: Page, put_avatar: Callable[[str], None], scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    image = {"status": "cached", "color": "#0a0a0a", "backdrop": "#ffffff"}
    put_avatar(f"<chat-avatar image='{json.dumps(image)}' name='Ada'></chat-avatar>")
    background = "element => getComputedStyle(element.shadowRoot.querySelector('.face')).backgroundColor"
    assert page.locator("chat-avatar").evaluate(background) == "rgb(255, 255, 255)"


SEEN = """avatar => [...avatar.shadowRoot.querySelectorAll(".face > *")]
    .filter((part) => getComputedStyle(part).visibility === "visible")
    .map((part) => part.className || part.localName)"""


@pytest.fixture
def moving(page: Page) -> list[str]:
    """Serves a still and a moving copy, and returns the names of the files that are requested."""
    requested: list[str] = []

    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        requested.append(name)
        frames = [Image.new("RGB", (96, 96), color) for color in ("red", "blue")]
        out = io.BytesIO()
        frames[0].save(out, "WEBP", save_all=name == "anim.webp", append_images=frames[1:], duration=200)
        is_broken = "/broken/" in route.request.url and name == "anim.webp"
        route.fulfill(body=b"" if is_broken else out.getvalue(), content_type="image/webp")

    page.route("**/*.webp", serve)
    return requested


def avatar_in_a_link(url: str = "/whole/192.webp", *, is_animated: bool = True) -> str:
    image = {"status": "cached", "url": url, "isAnimated": is_animated}
    avatar = f"<chat-avatar image='{json.dumps(image)}' name='Ada'></chat-avatar>"
    return f"<a href='#x' style='display: block; width: 300px'>{avatar} Ada</a><p>elsewhere</p>"


def sees(page: Page, *parts: str) -> None:
    avatar = page.locator("chat-avatar")
    wait_until(lambda: avatar.evaluate(SEEN) == list(parts), what=f"the avatar shows {parts}")


def test_a_picture_moves_while_the_pointer_is_on_its_link(
    page: Page, put_avatar: Callable[[str], None], moving: list[str]
) -> None:
    put_avatar(avatar_in_a_link())
    sees(page, "img")
    assert moving == ["96.webp"], "the moving copy is not loaded before it is wanted"
    page.get_by_role("link").hover(position={"x": 250, "y": 20})
    sees(page, "moving")
    page.locator("p").hover()
    sees(page, "img")


def test_a_picture_moves_while_the_keyboard_has_led_to_its_link(
    page: Page, put_avatar: Callable[[str], None], moving: list[str]
) -> None:
    put_avatar(avatar_in_a_link())
    sees(page, "img")
    page.keyboard.press("Tab")
    sees(page, "moving")
    page.locator("chat-avatar").evaluate("avatar => { avatar.size = 40; }")  # paints it again
    sees(page, "moving")
    page.keyboard.press("Tab")
    sees(page, "img")
    assert "anim.webp" in moving


def test_nothing_moves_for_people_who_prefer_reduced_motion(
    page: Page, put_avatar: Callable[[str], None], moving: list[str]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    put_avatar(avatar_in_a_link())
    sees(page, "img")
    page.keyboard.press("Tab")
    page.get_by_role("link").hover()
    sees(page, "img")
    assert moving == ["96.webp"]
    page.locator("p").hover()
    page.emulate_media(reduced_motion="no-preference")
    page.get_by_role("link").hover()
    sees(page, "moving")
    page.emulate_media(reduced_motion="reduce")
    sees(page, "img")


@pytest.mark.parametrize("is_animated", [True, False])
def test_the_still_stays_if_its_moving_copy_cannot_be_shown(
    page: Page, put_avatar: Callable[[str], None], moving: list[str], is_animated: bool
) -> None:
    put_avatar(avatar_in_a_link("/broken/192.webp", is_animated=is_animated))
    sees(page, "img")
    link = page.get_by_role("link")
    if is_animated:
        with page.expect_response("**/anim.webp"):
            link.hover()
        page.wait_for_load_state("networkidle")
    else:
        link.hover()
    sees(page, "img")
    assert ("anim.webp" in moving) is is_animated


def test_a_thumbhash_is_decoded_to_the_colours_of_its_picture(page: Page, elsewhere: str) -> None:
    """The picture is red on the left and blue on the right, and its lower half is nearly transparent."""
    pixels = [(200, 30, 40) if x < 12 else (40, 60, 210) for _ in range(12) for x in range(24)]
    rgba = b"".join(bytes([*pixel, 255 if at < 144 else 60]) for at, pixel in enumerate(pixels))
    hashed = base64.b64encode(thumbhash(24, 12, rgba)).decode()
    page.goto(f"{elsewhere}/avatar-example.html")
    width, height, painted = page.evaluate(
        "async (hashed) => { const { decodeThumbHash } = await import('./thumbhash.js');"
        " const { width, height, data } = decodeThumbHash(hashed); return [width, height, [...data]]; }",
        hashed,
    )

    def pixel(x: int, y: int) -> list[int]:
        return list(painted[(y * width + x) * 4 :][:4])

    assert (width, height) == (32, 19)  # The hash keeps the aspect ratio as 5 waves to 3.
    red, green, blue, alpha = pixel(3, 2)
    assert red > 150 > max(green, blue) + 50
    assert alpha > 200
    red, green, blue, alpha = pixel(28, 16)
    assert blue > 150 > max(red, green) + 40
    assert alpha < 120
