"""Answers of the two origins of Beeper's media: which are failures of the image, and which of the origin."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest
import requests

from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
)
from imagecache.model.image import FailureReason, Fetched
from imagecache.rules.source_urls import MediaLocation, parse_source_url
from imagecache.sources import transport
from imagecache.sources.beeper.auth import access_headers
from imagecache.sources.beeper.images import AssetsServe, MediaServer
from imagecache.sources.transport import MAX_IMAGE_BYTES, TimeLimits, punctual_session
from tests.hostile.origin import Flood, Origin, Say, answer, cut_short, drip, until_close

A_MINUTE = 60  # seconds: how long `drip` would keep a client without a deadline
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(100)
PAGE = b"<!DOCTYPE html><html><title>error code: 1033</title></html>"
GONE_FOR_GOOD = b'{"message": "no longer available", "code": "SERVE_ASSET_ERROR"}'
Fetch = Callable[[str], bytes]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with punctual_session() as session:
        yield session


def location() -> MediaLocation:
    parsed = parse_source_url("mxc://local.beeper.com/alex_a%23b%25")
    assert isinstance(parsed, MediaLocation)
    return parsed


@pytest.fixture(params=[AssetsServe, MediaServer])
def fetch(request: pytest.FixtureRequest, session: requests.Session) -> Fetch:
    """Through either of the two adapters."""

    def fetch(url: str) -> bytes:
        fetched: Fetched = request.param(base_url=url, token="secret", session=session).fetch(location())
        return fetched.content

    return fetch


@pytest.mark.parametrize("say", [answer("200 OK", IMAGE), until_close("200 OK", IMAGE)])
def test_an_image_is_what_was_sent(fetch: Fetch, say: Say) -> None:
    with Origin(say) as origin:
        assert fetch(origin.url) == IMAGE


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (answer("401 Unauthorized"), OriginUnauthorizedError),
        (answer("302 Found", b"", "Location: https://login.example/"), OriginUnauthorizedError),
        (answer("302 Found", b"", "Location: http://127.0.0.1:1/"), OriginUnauthorizedError),
        (answer("429 Too Many Requests"), OriginBusyError),
        (answer("200 OK", PAGE), OriginDownError),
        (answer("404 Not Found", PAGE), OriginDownError),
        (answer("403 Forbidden", PAGE), OriginDownError),
        (answer("530 ", b"error code: 1033"), OriginDownError),
        (answer("521 "), OriginDownError),
        (answer("500 Internal Server Error", b"Error serving file"), OriginFaultyError),
        (answer("502 Bad Gateway", b'{"code": "OTHER"}'), OriginFaultyError),
        (answer("200 OK"), OriginFaultyError),
        (answer("200 OK", b"short"), OriginFaultyError),
        (cut_short("200 OK", IMAGE, len(IMAGE) + 1), OriginFaultyError),
        (answer("200 OK", gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip"), OriginFaultyError),
        (answer("200 OK", b"5\r\nhello\r\nzz\r\n", "Transfer-Encoding: chunked"), OriginFaultyError),
        (lambda connection: connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n"), OriginDownError),
        (lambda connection: connection.shutdown(socket.SHUT_RDWR), OriginDownError),
    ],
)
def test_an_origin_that_does_not_serve_is_at_fault_itself(
    fetch: Fetch, say: Say, expected: type[OriginDownError]
) -> None:
    with Origin(say) as origin, pytest.raises(OriginDownError) as caught:
        fetch(origin.url)
    assert type(caught.value) is expected
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), (None, None), ("soon", None), ("-5", None), ("99999999999", 86_400)]
)
def test_the_retry_after_header_of_a_busy_origin_is_in_the_error(
    fetch: Fetch, header: str | None, seconds: int | None
) -> None:
    headers = [f"Retry-After: {header}"] if header else []
    say = answer("429 Too Many Requests", b"", *headers)
    with Origin(say) as origin, pytest.raises(OriginBusyError) as caught:
        fetch(origin.url)
    assert caught.value.retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = transport.retry_after({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert seconds is not None
    assert 97 <= seconds <= 100


def test_the_one_502_that_is_final_is_distinguished_from_the_others(session: requests.Session) -> None:
    with Origin(answer("502 Bad Gateway", GONE_FOR_GOOD)) as origin:
        with pytest.raises(ImageFailedError) as caught:
            AssetsServe(base_url=origin.url, token="t", session=session).fetch(location())
        assert caught.value.reason is FailureReason.GONE
        with pytest.raises(OriginFaultyError):
            MediaServer(base_url=origin.url, token="t", session=session).fetch(location())


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("404 Not Found", FailureReason.GONE),
        ("410 Gone", FailureReason.GONE),
        ("403 Forbidden", FailureReason.REFUSED),
    ],
)
def test_a_final_status_of_the_origin_is_a_failure_of_the_image(
    fetch: Fetch, status: str, reason: FailureReason
) -> None:
    with Origin(answer(status, b"File not found")) as origin, pytest.raises(ImageFailedError) as caught:
        fetch(origin.url)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 ",
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
    ],
    ids=["body", "header", "status line", "nothing", "chunk size"],
)
def test_a_byte_at_a_time_outlives_no_deadline(session: requests.Session, first: bytes) -> None:
    limits = TimeLimits(total_seconds=0.5)
    with Origin(drip(first)) as origin:
        began = time.monotonic()
        with pytest.raises(OriginFaultyError):
            AssetsServe(base_url=origin.url, token="t", session=session, limits=limits).fetch(location())
        assert time.monotonic() - began < A_MINUTE / 2


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_an_endless_body_is_read_to_the_cap_and_no_further(fetch: Fetch, head: bytes) -> None:
    flood = Flood(head)
    with Origin(flood) as origin, pytest.raises(ImageFailedError) as caught:
        fetch(origin.url)
    assert caught.value.reason is FailureReason.TOO_LARGE
    # What the client did not read waits in the two sockets' buffers.
    assert flood.sent < MAX_IMAGE_BYTES + 64 * 1024 + 8 * 1024 * 1024


def test_no_more_than_64_kb_beyond_the_cap_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0

    class Counting(bytearray):
        def __iadd__(self, more: bytes) -> "Counting":  # type: ignore[override,misc] # counts only
            nonlocal taken
            taken += len(more)
            super().__iadd__(more)
            return self

    monkeypatch.setattr(transport, "bytearray", Counting, raising=False)
    with punctual_session() as session, Origin(Flood()) as origin, pytest.raises(ImageFailedError):
        MediaServer(base_url=origin.url, token="t", session=session).fetch(location())
    assert MAX_IMAGE_BYTES < taken <= MAX_IMAGE_BYTES + 64 * 1024


def test_bytes_after_an_answer_are_not_taken_for_the_next_answer(session: requests.Session) -> None:
    other = answer("200 OK", b"another image, hidden behind the first")
    first = b"1" * 30
    following = b"2" * 30
    bodies = iter([first, following])

    hidden_is_sent = threading.Event()

    def say(connection: socket.socket) -> None:
        body = next(bodies)
        answer("200 OK", body)(connection)
        if body == first:
            other(connection)
            hidden_is_sent.set()

    with Origin(say) as origin:
        serve = AssetsServe(base_url=origin.url, token="t", session=session)
        assert serve.fetch(location()).content == first
        assert hidden_is_sent.wait(A_MINUTE)
        assert serve.fetch(location()).content == following


def test_tokens_travel_in_headers_and_paths_are_encoded_once(session: requests.Session) -> None:
    access = access_headers({"cf-access-client-id": "id", "cf-access-client-secret": "hush"})
    with Origin(answer("200 OK", IMAGE)) as origin:
        MediaServer(base_url=origin.url, token="secret", session=session, headers=access).fetch(location())
    [request] = origin.requests
    lines = request.split("\r\n")
    assert lines[0] == "GET /local.beeper.com/alex_a%23b%25 HTTP/1.1"
    assert "Authorization: Bearer secret" in lines
    assert {"CF-Access-Client-Id: id", "CF-Access-Client-Secret: hush"} <= set(lines)


def test_half_a_pair_of_access_headers_is_not_sent() -> None:
    assert access_headers({"cf-access-client-id": "id"}) == {}


def test_the_environment_adds_no_password_and_no_proxy(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Origin(answer("200 OK", IMAGE)) as origin:
        assert MediaServer(base_url=origin.url, token="t", session=session).fetch(location()).content == IMAGE


def test_an_origin_that_does_not_even_connect_is_down_and_not_slow(
    session: requests.Session,
) -> None:
    limits = TimeLimits(connect_seconds=0.3)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # Nothing accepts these connections, so the queue of the listening socket fills up.
        for waiting in [stack.enter_context(socket.socket()) for _ in range(3)]:
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with pytest.raises(OriginDownError) as caught:
            AssetsServe(base_url=url, token="t", session=session, limits=limits).fetch(location())
    assert not isinstance(caught.value, OriginFaultyError)
