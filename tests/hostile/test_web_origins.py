"""Answers of any https server: only public addresses are connected to, and every answer ends in time."""

import socket
import time

import pytest

from imagecache.errors import ImageFailedError, OriginBusyError, OriginDownError
from imagecache.model.image import FailureReason
from imagecache.rules.source_urls import WebLocation
from imagecache.sources.transport import TimeLimits
from imagecache.sources.web_images import GuardedWeb
from tests.hostile.origin import Flood, Say, answer, cut_short, drip
from tests.hostile.web import HOST, IMAGE, PUBLIC, Web, in_turn, moved

A_MINUTE = 60.0  # seconds


def refused(web: Web, say: Say, **options: object) -> str:
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(say, **options)  # type: ignore[arg-type] # of fetch
    assert caught.value.reason is FailureReason.REFUSED
    return caught.value.detail


def test_the_checked_address_is_connected_to_and_the_name_is_what_tls_checks(web: Web) -> None:
    assert web.content(answer("200 OK", IMAGE)) == IMAGE
    assert web.reached == [PUBLIC]
    assert "Host: pictures.example" in web.asked[0]


def test_the_web_is_asked_without_any_token(web: Web) -> None:
    web.content(in_turn(moved("/b.jpg"), answer("200 OK", IMAGE)))
    assert len(web.asked) == 2
    assert "authorization" not in "".join(web.asked).lower()
    assert "cookie" not in "".join(web.asked).lower()


def test_a_certificate_for_another_name_ends_the_connection(web: Web) -> None:
    with pytest.raises(OriginDownError):
        web.fetch(answer("200 OK", IMAGE), url="https://other.example/a.jpg")
    assert web.asked == []


def test_a_redirect_is_followed_to_another_public_place(web: Web) -> None:
    assert web.content(in_turn(moved("/b.jpg"), answer("200 OK", IMAGE))) == IMAGE
    assert [one.split(" ")[1] for one in web.asked] == ["/a.jpg", "/b.jpg"]


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://0x7f000001/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "http://pictures.example/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "mxc://local.beeper.com/a",
        "https://user:password@pictures.example/",
        "https://pictures.example:8443/",
        "https://pictures.example:0/",
        "//[",
    ],
)
def test_a_redirect_to_what_is_never_fetched_is_refused(web: Web, location: str) -> None:
    def resolve(host: str, _port: int) -> list[str]:
        if host == HOST:
            return [PUBLIC]
        return [str(found[4][0]) for found in socket.getaddrinfo(host, 443, family=socket.AF_INET)]

    refused(web, moved(location), resolve=resolve)
    assert len(web.asked) == 1


def test_a_name_is_checked_again_at_every_hop(web: Web) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    detail = refused(web, moved("/b.jpg"), resolve=lambda _host, _port: next(answers))
    assert detail == "not a public address"
    assert web.reached == [PUBLIC]


def test_a_name_that_changes_its_answer_is_asked_only_once(web: Web) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    assert web.content(answer("200 OK", IMAGE), resolve=lambda _host, _port: next(answers)) == IMAGE


def test_redirects_in_a_circle_end_after_three(web: Web) -> None:
    assert refused(web, moved("/a.jpg")) == "too many redirects"
    assert len(web.asked) == 4


@pytest.mark.parametrize("port", [22, 25, 80, 8443, 65535])
def test_no_port_but_that_of_https_is_connected_to(web: Web, port: int) -> None:
    assert refused(web, answer("200 OK", IMAGE), url=f"https://{HOST}:{port}/a") == "not the port of https"
    assert web.asked == []


def test_an_ipv6_address_is_refused(web: Web) -> None:
    assert refused(web, answer("200 OK", IMAGE), url="https://[2606:4700::1]/a") == "an IPv6 address"


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        ("429 Too Many Requests", ["Retry-After: 7"], 7),
        ("429 Too Many Requests", [], None),
        ("503 Service Unavailable", ["Retry-After: 9"], 9),
        ("500 Internal Server Error", [], None),
        ("408 Request Timeout", [], None),
        ("425 Too Early", [], None),
    ],
)
def test_the_retry_after_header_is_in_the_error(
    web: Web, status: str, headers: list[str], retry_after: int | None
) -> None:
    with pytest.raises(OriginDownError) as caught:
        web.fetch(answer(status, b"", *headers))
    assert isinstance(caught.value, OriginBusyError) is status.startswith("429")
    assert caught.value.retry_after == retry_after


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("404 Not Found", FailureReason.GONE),
        ("410 Gone", FailureReason.GONE),
        ("400 Bad Request", FailureReason.GONE),
        ("403 Forbidden", FailureReason.REFUSED),
        ("401 Unauthorized", FailureReason.REFUSED),
    ],
)
def test_a_final_status_is_a_failure_of_the_image(web: Web, status: str, reason: FailureReason) -> None:
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(answer(status, b"no"))
    assert caught.value.reason is reason


@pytest.mark.parametrize("say", [answer("200 OK"), cut_short("200 OK", IMAGE, 200)], ids=["empty", "short"])
def test_a_body_that_is_not_whole_may_be_whole_later(web: Web, say: Say) -> None:
    with pytest.raises(OriginDownError):
        web.fetch(say)


def test_an_endless_body_is_too_large(web: Web) -> None:
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(Flood())
    assert caught.value.reason is FailureReason.TOO_LARGE


def test_one_deadline_covers_all_hops_and_every_byte(web: Web) -> None:
    dripping = drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    began = time.monotonic()
    with pytest.raises(OriginDownError):
        web.fetch(in_turn(moved("/b.jpg"), dripping), limits=TimeLimits(total_seconds=1))
    assert time.monotonic() - began < A_MINUTE / 2


def test_a_server_that_never_ends_its_handshake_is_late_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port: int = silent.getsockname()[1]
        here = ("127.0.0.1", port)
        web = GuardedWeb(
            resolve=lambda _host, _port: [PUBLIC],
            reach=lambda _host, _port: here,
            limits=TimeLimits(total_seconds=A_MINUTE, connect_seconds=0.3),
        )
        began = time.monotonic()
        with pytest.raises(OriginDownError):
            web.fetch(WebLocation(f"https://{HOST}/a.jpg"))
        assert time.monotonic() - began < A_MINUTE / 2
