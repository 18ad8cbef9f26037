"""Answers of the two origins of Beeper's media: which are failures of the image, and which of the origin."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
import requests

from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
    OriginUnreachableError,
)
from imagecache.model.image import FailureReason, Fetched
from imagecache.rules.source_urls import MediaLocation, parse_source_url
from imagecache.sources import transport
from imagecache.sources.beeper.auth import access_headers
from imagecache.sources.beeper.images import AssetsServe, MediaServer
from imagecache.sources.transport import MAX_IMAGE_BYTES, KeptConnections, TimeLimits, punctual_session
from tests.hostile.origin import Flood, Origin, Say, answer, cut_short, drip, until_close

A_MINUTE = 60  # seconds: how long `drip` would keep a client without a deadline
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(100)
PAGE = b"<!DOCTYPE html><html><title>error code: 1033</title></html>"
INFO = b'{"app": {"name": "Beeper"}}'
NO_PORT = "http://127.0.0.1:1"
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


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        ("502 Bad Gateway", "Media not found or no longer available", FailureReason.GONE),
        ("502 Bad Gateway", "Asset Not Found", FailureReason.GONE),
        ("502 Bad Gateway", "This asset is no longer available.", FailureReason.GONE),
        ("409 Conflict", "no longer available", FailureReason.GONE),
        ("502 Bad Gateway", "Answered <html>404</html>: no longer available", FailureReason.GONE),
        ("502 Bad Gateway", "Failed to load /Users/alex/media/x: timeout", FailureReason.NOT_SERVED),
        ("502 Bad Gateway", "", FailureReason.NOT_SERVED),
        ("502 Bad Gateway", None, FailureReason.NOT_SERVED),
        ("409 Conflict", "busy", FailureReason.NOT_SERVED),
    ],
)
def test_the_message_of_beepers_asset_error_decides_whether_the_image_is_gone(
    session: requests.Session, status: str, message: str | None, reason: FailureReason
) -> None:
    body = json.dumps({"message": message, "code": "SERVE_ASSET_ERROR"}).encode()
    with Origin(answer(status, body)) as origin:
        with pytest.raises(ImageFailedError) as caught:
            AssetsServe(base_url=origin.url, token="t", session=session).fetch(location())
        assert caught.value.reason is reason
        assert "alex" not in str(caught.value)
        with pytest.raises(OriginFaultyError):
            MediaServer(base_url=origin.url, token="t", session=session).fetch(location())


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><title>502 Bad Gateway</title><body>no</body>",
        b" " * 5000 + b"<html><body>no</body></html>",
        "<html><body>no</body></html>".encode("utf-16"),
        b'{"message": "it failed", "code": "SERVE_ASSET_ERROR"}',
        b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>',
        b"Internal error: something went wrong here",
        bytes(500),
    ],
)
def test_a_text_or_zeros_in_place_of_an_image_may_be_the_image_the_next_time(
    fetch: Fetch, body: bytes
) -> None:
    with Origin(answer("200 OK", body)) as origin, pytest.raises(OriginDownError):
        fetch(origin.url)


@pytest.mark.parametrize(
    "image",
    [
        b"\xff\xd8\xff\xfe\x00\x18made by <html2image>...",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR...tEXtSource\0<HTML>",
        b'<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    ],
)
def test_an_image_with_html_in_a_comment_is_served(session: requests.Session, image: bytes) -> None:
    with Origin(answer("200 OK", image)) as origin:
        fetched = AssetsServe(base_url=origin.url, token="t", session=session).fetch(location())
    assert fetched.content == image


@pytest.mark.parametrize("body", [b"", b"busy", b"[" * 60_000, b'{"code": "' + bytes(70_000) + b'"}'])
def test_a_conflict_concerns_one_image_whatever_its_body_is(session: requests.Session, body: bytes) -> None:
    with Origin(answer("409 Conflict", body)) as origin, pytest.raises(ImageFailedError) as caught:
        AssetsServe(base_url=origin.url, token="t", session=session).fetch(location())
    assert caught.value.reason is FailureReason.NOT_SERVED


@pytest.mark.parametrize(
    "say",
    [
        answer("200 OK", INFO),
        answer("404 Not Found", b'{"code": "NOT_FOUND"}'),  # Beeper before /v1/info
        answer("403 Forbidden", b"Forbidden"),  # the media server, for its folder
    ],
)
def test_an_origin_that_answers_itself_passes_the_check(session: requests.Session, say: Say) -> None:
    with Origin(say) as origin:
        for adapter in (AssetsServe, MediaServer):
            adapter(base_url=origin.url, token="t", session=session).check()
            adapter(base_url=origin.url, token="t", session=session).check_token()
    requests = [request.split(" HTTP")[0] for request in origin.requests]
    assert requests == ["GET /v1/info", "GET /v1/accounts", "GET /", "GET /"]
    assert all("Authorization: Bearer t" in request for request in origin.requests)


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (answer("200 OK", PAGE), OriginDownError),
        (answer("530 "), OriginDownError),
        (answer("503 Service Unavailable"), OriginDownError),
        (Flood(), OriginDownError),
        (drip(b""), OriginFaultyError),
        (answer("401 Unauthorized"), OriginUnauthorizedError),
        (answer("302 Found", b"", "Location: https://login.example/"), OriginUnauthorizedError),
        (answer("429 Too Many Requests"), OriginBusyError),
    ],
)
def test_an_origin_that_something_else_answers_for_does_not_pass_the_check(
    session: requests.Session, say: Say, expected: type[OriginDownError]
) -> None:
    limits = TimeLimits(check_seconds=0.5)
    with Origin(say) as origin:
        for adapter in (AssetsServe, MediaServer):
            checked = adapter(base_url=origin.url, token="t", session=session, limits=limits)
            for check in (checked.check, checked.check_token):
                with pytest.raises(OriginDownError) as caught:
                    check()
                assert type(caught.value) is expected


def test_an_origin_without_a_connection_is_unreachable(session: requests.Session) -> None:
    origin = AssetsServe(base_url=NO_PORT, token="t", session=session)
    with pytest.raises(OriginUnreachableError):
        origin.check()
    with pytest.raises(OriginUnreachableError):
        origin.fetch(location())


def test_the_first_attempt_has_less_time_than_the_next(session: requests.Session) -> None:
    limits = TimeLimits(total_seconds=A_MINUTE, first_attempt_seconds=0.2)

    def late(connection: socket.socket) -> None:
        time.sleep(0.6)
        answer("200 OK", IMAGE)(connection)

    with Origin(late) as origin:
        for adapter in (AssetsServe, MediaServer):
            slow = adapter(base_url=origin.url, token="t", session=session, limits=limits)
            with pytest.raises(OriginFaultyError):
                slow.fetch(location(), is_first_attempt=True)
            assert slow.fetch(location()).content == IMAGE


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
    other = answer("200 OK", IMAGE + b", hidden behind the first")
    first = IMAGE + b"1"
    following = IMAGE + b"2"
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
    session: requests.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    passwords = tmp_path / "netrc"
    passwords.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(passwords))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Origin(answer("200 OK", IMAGE)) as origin:
        assert MediaServer(base_url=origin.url, token="t", session=session).fetch(location()).content == IMAGE
    [request] = origin.requests
    assert "\r\nAuthorization: Bearer t\r\n" in request


def test_an_origin_that_does_not_even_connect_is_unreachable_and_not_slow(
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
    assert type(caught.value) is OriginUnreachableError


def test_invocations_share_connections_but_no_cookies_and_no_connection_that_was_idle() -> None:
    moment = 1_000_000
    connections = KeptConnections()
    callers: list[object] = []

    def say(connection: socket.socket) -> None:
        callers.append(connection.getpeername())
        answer("200 OK", IMAGE, "Set-Cookie: login=of-the-old-token")(connection)

    with Origin(say) as origin:
        for token, pause in (("old", 0), ("new", 2_000), ("newest", 2_001)):
            moment += pause
            with connections.session(clock=lambda: moment) as session:  # noqa: B023 - called in this round
                MediaServer(base_url=origin.url, token=token, session=session).fetch(location())
    assert [
        f"Bearer {token}" in head
        for token, head in zip(("old", "new", "newest"), origin.requests, strict=True)
    ]
    assert not any("Cookie" in head for head in origin.requests)
    assert callers[0] == callers[1] != callers[2]
