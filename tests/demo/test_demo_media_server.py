"""The media server makes the checks of the real one, in the same order."""

import socket
from urllib.parse import quote

import pytest
import requests

from demo.media import Media
from demo.service import DemoAccount
from tests.demo.clients import Client, Clock


@pytest.fixture
def image(demo: DemoAccount) -> str:
    """Returns the key of an image that is on the disk."""
    return next(key for key in demo.account.deliverable() if key not in demo.account.not_on_disk)


def test_an_image_comes_with_the_headers_of_the_real_server(
    demo: DemoAccount, media: Client, image: str
) -> None:
    answer = media.get(f"/{quote(image)}")
    assert answer.status_code == 200
    assert answer.content == demo.account.download(Media(*image.split("/", 1)))
    expected = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(answer.content)),
        "Cache-Control": "private, max-age=3600",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Access-Control-Allow-Origin": "*",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert not {"ETag", "Last-Modified", "Accept-Ranges"} & set(answer.headers)


def test_every_deliverable_image_that_is_on_the_disk_is_served(demo: DemoAccount, media: Client) -> None:
    demo.rate_limit.requests = None
    for key in demo.account.deliverable():
        expected = 404 if key in demo.account.not_on_disk else 200
        assert media.get(f"/{quote(key)}").status_code == expected


def test_the_disk_holds_some_files_only_after_assets_serve(
    demo: DemoAccount, beeper: Client, media: Client
) -> None:
    key = sorted(demo.account.not_on_disk)[0]
    assert media.get(f"/{quote(key)}").status_code == 404
    assert beeper.get("/v1/assets/serve", url=Media(*key.split("/", 1)).mxc_url).status_code == 200
    assert media.get(f"/{quote(key)}").status_code == 200


def test_gone_images_are_not_found(demo: DemoAccount, media: Client) -> None:
    for key in demo.account.gone():
        answer = media.get(f"/{quote(key)}")
        assert (answer.status_code, answer.text) == (404, "File not found")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/", 403, "Forbidden"),
        ("/x/..%2f..%2fetc%2fpasswd", 403, "Forbidden"),
        ("/beeper.com/nothing", 404, "File not found"),
        ("/beeper.com", 403, "Forbidden: Directory listing disabled"),
        ("/beeper.com/", 403, "Forbidden: Directory listing disabled"),
        ("/elsewhere.example", 404, "File not found"),
    ],
)
def test_a_path_without_an_image_is_refused_or_not_found(
    media: Client, path: str, status: int, body: str
) -> None:
    answer = media.get(path)
    assert (answer.status_code, answer.text) == (status, body)


def test_the_token_is_checked_before_the_path(media: Client, image: str) -> None:
    media.use_token("wrong")
    for path in ("/", "/beeper.com/nothing", f"/{quote(image)}"):
        answer = media.get(path)
        assert (answer.status_code, answer.text) == (401, "Unauthorized")


def test_the_token_may_be_in_the_query_but_a_header_takes_precedence(demo: DemoAccount, image: str) -> None:
    url = f"{demo.media_url}/{quote(image)}"
    query = {"token": demo.media_token}
    wrong_header = {"Authorization": "Bearer wrong"}
    assert requests.get(url, params=query, timeout=60).status_code == 200
    assert requests.get(url, params=query, headers=wrong_header, timeout=60).status_code == 401
    assert requests.get(url, timeout=60).status_code == 401


def test_only_get_is_answered(media: Client, image: str) -> None:
    for method in ("HEAD", "POST", "PUT", "DELETE"):
        assert media.send(method, f"/{quote(image)}").status_code == 405
    preflight = media.send("OPTIONS", f"/{quote(image)}")
    assert (preflight.status_code, preflight.content) == (200, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"


def test_the_101st_request_of_a_window_is_refused_until_the_window_ends(
    media: Client, image: str, clock: Clock
) -> None:
    media.use_token("wrong")  # a request counts before its token is checked
    for _ in range(100):
        assert media.get("/").status_code == 401
    clock.now += 59.9
    refused = media.get(f"/{quote(image)}")
    assert (refused.status_code, refused.text) == (429, "Too many requests")
    assert "Retry-After" not in refused.headers
    clock.now += 0.1
    assert media.get("/").status_code == 401


def test_refused_methods_do_not_count_against_the_limit(media: Client) -> None:
    for _ in range(101):
        assert media.send("HEAD", "/").status_code == 405
    assert media.get("/").status_code == 403


def test_the_rate_limit_can_be_changed_and_switched_off(demo: DemoAccount, media: Client) -> None:
    demo.rate_limit.requests = 2
    assert [media.get("/").status_code for _ in range(3)] == [403, 403, 429]
    demo.rate_limit.requests = None
    assert media.get("/").status_code == 403


@pytest.mark.parametrize("path", ["/beeper.com/100%", "/beeper.com/%zz", "/beeper.com/%ff"])
def test_a_malformed_path_is_counted_and_hung_up_on(demo: DemoAccount, media: Client, path: str) -> None:
    # A raw socket, because the library requests would repair the path before sending it.
    host, port = demo.media_url.removeprefix("http://").split(":")
    assert _raw_get(host, int(port), path, demo.media_token) == b""
    assert demo.hits.as_json()["malformedPaths"] == 1
    assert media.get("/").status_code == 403


def _raw_get(host: str, port: int, path: str, token: str) -> bytes:
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(f"GET {path}?token={token} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        return connection.recv(1000)
