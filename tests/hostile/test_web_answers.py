"""Answers of web servers that are odd, but have the picture, and answers that have something else."""

import gzip
import socket
import time
from collections.abc import Sequence

import pytest

from imagecache.errors import ImageFailedError, OriginDownError, OriginFaultyError
from imagecache.model.image import FailureReason, Fetched, Validators
from imagecache.rules.source_urls import WebLocation
from imagecache.sources.transport import MAX_IMAGE_BYTES, TimeLimits
from imagecache.sources.web_images import GuardedWeb
from tests.hostile.origin import Origin, Say, answer, drip
from tests.hostile.web import HOST, IMAGE, PUBLIC, Web, in_turn

DAY_SECONDS = 86_400


def raw(*parts: bytes) -> Say:
    """Sends these bytes, one packet for each part."""

    def say(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return say


def fullwidth(text: str) -> str:
    """Returns the wide forms of ASCII characters, which mean the same in a host name."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def with_head(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> Say:
    """Answers with the image below these header lines, of which none may be well-formed."""
    length = b"Content-Length: %d" % len(IMAGE)
    return raw(b"\r\n".join([status, *lines, length, b"", IMAGE]))


# --- Interim answers


@pytest.mark.parametrize(
    "interim",
    [
        [b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"],
        [b"HTTP/1.1 102 Processing\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
        [b"HTTP/1.1 104 Upload Resumption Supported\r\n\r\n"],
        [b"HTTP/1.1 199 Miscellaneous warning\r\nContent-Length: 5\r\n\r\n"],
        [b"HTTP/1.1 103\r\n\r\n"],
        [b"HTTP/1.0 103 Early Hints\n\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"] * 5,
        [b'HTTP/1.1 103 Early Hints\r\nno header\r\nETag: "hint"\r\n\r\n'] * 3,
    ],
    ids=["103", "102", "100", "104", "199", "no reason", "bare line feeds", "ten", "malformed"],
)
def test_interim_answers_are_read_over(web: Web, interim: Sequence[bytes]) -> None:
    whole = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: %d\r\n\r\n' % len(IMAGE)
    assert web.fetch(raw(*interim, whole + IMAGE)) == Fetched(IMAGE, Validators('"v1"'))


def test_interim_answers_before_a_redirect_are_read_over(web: Web) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    found = hint + b"HTTP/1.1 302 Found\r\nLocation: /b.jpg\r\nContent-Length: 0\r\n\r\n"
    assert web.content(in_turn(raw(found), answer("200 OK", IMAGE))) == IMAGE


def test_a_server_that_switches_protocols_sends_no_picture(web: Web) -> None:
    with pytest.raises(OriginDownError, match="status 101"):
        web.fetch(answer("101 Switching Protocols"))


@pytest.mark.parametrize("status", [b"100 Continue", b"103 Early Hints"])
def test_interim_answers_without_end_outlive_no_deadline(web: Web, status: bytes) -> None:
    def endless(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
            time.sleep(0.001)

    began = time.monotonic()
    with pytest.raises(OriginDownError):
        web.fetch(endless, limits=TimeLimits(total_seconds=0.5))
    assert time.monotonic() - began < 30


# --- Malformed header lines


@pytest.mark.parametrize(
    "line",
    [
        b"no colon at all",
        b": no name",
        b"two words: x",
        b"caf\xc3\xa9: x",
        b"HTTP/1.1 200 OK",
        b"From nobody Mon Jan  1 00:00:00 2026",
        b" a continuation of nothing",
        b"\tanother: one",
        b"(comment): x",
        b"X-Nul\x00: x",
        b"X-Lines: a\rno header",
        b"X-Separators: a\x0bb\x0cc\x1cd\x1ee\x85f\xe2\x80\xa8g",
        b"no colon\r\n that is continued: x",
        b"\xff\xfe\xfd",
        b"<html>",
        b"=?utf-8?q?x?= y: z",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "between"])
def test_a_malformed_header_line_costs_no_other(web: Web, line: bytes, is_first: bool) -> None:
    lines = [line] if is_first else [b"Server: odd", line]
    assert web.fetch(with_head(*lines, b'ETag: "v1"')) == Fetched(IMAGE, Validators('"v1"'))


def test_a_redirect_is_followed_although_a_line_before_it_is_malformed(web: Web) -> None:
    found = b"HTTP/1.1 302 Found\r\nbroken line\r\nLocation: /b.jpg\r\nContent-Length: 0\r\n\r\n"
    assert web.content(in_turn(raw(found), answer("200 OK", IMAGE))) == IMAGE
    assert web.asked[1].startswith("GET /b.jpg ")


@pytest.mark.parametrize(
    "line", [b'ETag : "v1"', b'ETag\t:"v1"', b'ETag:\r\n "v1"', b'etag:"v1"', b'ETag: "v1"\r\n ']
)
def test_a_header_with_blanks_or_on_two_lines_counts(web: Web, line: bytes) -> None:
    assert web.fetch(with_head(line)) == Fetched(IMAGE, Validators('"v1"'))


def test_a_chunked_body_after_a_malformed_line_is_read_whole(web: Web) -> None:
    head = b"HTTP/1.1 200 OK\r\nbroken\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert web.content(raw(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(IMAGE), IMAGE))) == IMAGE


@pytest.mark.parametrize("lines", [[b"X-A: 1"] * 101, [b"X-Long: " + b"a" * 70_000]], ids=["many", "long"])
def test_a_head_beyond_all_limits_is_refused(web: Web, lines: list[bytes]) -> None:
    with pytest.raises(OriginDownError):
        web.fetch(with_head(*lines))


# --- Content-Encoding


@pytest.mark.parametrize(
    "encoding",
    [
        "aws-chunked",
        "undefined",
        "none",
        "null",
        "utf-8",
        "UTF-8",
        "binary",
        "8bit",
        "base64",
        "image/png",
        "identity",
        "Identity , IDENTITY",
        "identity, aws-chunked",
        "",
        ",",
        "plain",
        "gzipped?",
    ],
)
def test_a_content_encoding_without_a_meaning_changes_nothing(web: Web, encoding: str) -> None:
    assert web.content(answer("200 OK", IMAGE, f"Content-Encoding: {encoding}")) == IMAGE
    assert "accept-encoding: identity" in web.asked[0].lower()


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP;q=1", "aws-chunked, gzip"])
def test_a_picture_that_was_stored_as_gzip_is_unpacked(web: Web, encoding: str) -> None:
    packed = gzip.compress(IMAGE, mtime=0)
    assert web.content(answer("200 OK", packed, f"Content-Encoding: {encoding}")) == IMAGE
    assert web.content(answer("200 OK", IMAGE, f"Content-Encoding: {encoding}")) == IMAGE, "not packed at all"


def test_a_small_body_that_unpacks_to_more_than_5_mb_is_too_large(web: Web) -> None:
    bomb = gzip.compress(bytes(2 * MAX_IMAGE_BYTES), mtime=0)
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(answer("200 OK", bomb, "Content-Encoding: gzip"))
    assert caught.value.reason is FailureReason.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(IMAGE, mtime=0)[:-9], "gzip"),
        (gzip.compress(IMAGE, mtime=0)[:10] + b"\xff" * 20, "gzip"),
        (IMAGE, "br"),
        (IMAGE, "zstd"),
        (IMAGE, "deflate"),
        (gzip.compress(gzip.compress(IMAGE, mtime=0), mtime=0), "gzip, gzip"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_an_error_of_the_server(
    web: Web, body: bytes, encoding: str
) -> None:
    with pytest.raises(OriginFaultyError, match=r"compressed|unpack"):
        web.fetch(answer("200 OK", body, f"Content-Encoding: {encoding}"))


# --- Redirects


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/bilder/müller.png".encode(), "/bilder/m%C3%BCller.png"),
        ("/bilder/müller.png".encode("latin-1"), "/bilder/m%FCller.png"),
        (b"/bilder/m%C3%BCller.png", "/bilder/m%C3%BCller.png"),
        (b"/bilder/m%c3%bcller%2f|.png", "/bilder/m%c3%bcller%2f|.png"),
        ("/bilder/ü%20%C3%BC ü.png".encode(), "/bilder/%C3%BC%20%C3%BC%20%C3%BC.png"),
        ("/日本/😀.png?q=ä".encode(), "/%E6%97%A5%E6%9C%AC/%F0%9F%98%80.png?q=%C3%A4"),
        (b"/caf\xe9?q=\xe9%E9", "/caf%E9?q=%E9%E9"),
        (f"https://{HOST}./ä.png".encode(), "/%C3%A4.png"),
        (b"b.png", "/b.png"),
        (b"../c.png", "/c.png"),
        (b"?v=2", "/a.jpg?v=2"),
    ],
    ids=ascii,
)
def test_the_target_of_a_redirect_is_percent_encoded_once(web: Web, location: bytes, path: str) -> None:
    found = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    assert web.content(in_turn(raw(found), answer("200 OK", IMAGE))) == IMAGE
    assert web.asked[1].split(" ")[1] == path


@pytest.mark.parametrize(
    "location",
    [
        f"https://{fullwidth('127')}.0.0.{fullwidth('1')}/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://127.0.0.1./",
        "https://localhost./",
        f"https://{fullwidth('localhost')}/",
        "https://%31%32%37.0.0.1/",
        "https://0x7f.1/",
        "https://0x7F000001./",
        "https://017700000001/",
        "https://%5B::1%5D/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25eth0]/",
        "https://[::]/",
        f"https://{fullwidth('169')}.254.169.254/latest/meta-data/",
    ],
)
def test_no_spelling_of_a_private_address_is_connected_to_after_a_redirect(web: Web, location: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if host == HOST:
            return [PUBLIC]
        return [str(info[4][0]) for info in socket.getaddrinfo(host, port, family=socket.AF_INET)]

    found = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n"
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(in_turn(raw(found), answer("200 OK", IMAGE)), resolve=resolve)
    assert caught.value.reason is FailureReason.REFUSED
    assert web.reached == [PUBLIC]


# --- URLs as they are written


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a%2fb%2Fc|d", "/a%2fb%2Fc|d"),
        ("/a%7eb~c", "/a%7eb~c"),
        ("/s?X-Sig=a%2fb|c%7C&d=[1]{2}^`'", "/s?X-Sig=a%2fb|c%7C&d=[1]{2}^`'"),
        ("/a/../b/./c//d", "/a/../b/./c//d"),
        ("//double", "//double"),
        ("/100%", "/100%"),
        ("/%zz", "/%zz"),
        ("/a;b=c,d:e@f!$&'()*+=", "/a;b=c,d:e@f!$&'()*+="),
        ("/a b", "/a%20b"),
        ("/a+b%20c", "/a+b%20c"),
        ("/ü?ü", "/%C3%BC?%C3%BC"),
        ('/"<>^`{}', "/%22%3C%3E%5E%60%7B%7D"),
        ("?a=1", "/?a=1"),
        ("/a?b?c=/d", "/a?b?c=/d"),
        ("/a?b#c", "/a?b"),
    ],
)
def test_a_url_is_sent_as_it_is_written(web: Web, written: str, sent: str) -> None:
    web.fetch(answer("200 OK", IMAGE), url=f"https://{HOST}{written}")
    assert web.asked[0].split("\r\n")[0] == f"GET {sent} HTTP/1.1"


@pytest.mark.parametrize(
    "host", [f"{HOST}.", HOST.upper(), f"{fullwidth('p')}ictures。example", "pictures%2Eexample."]
)
def test_one_host_in_any_spelling_is_asked_under_its_name(web: Web, host: str) -> None:
    asked: list[str] = []

    def resolve(name: str, _port: int) -> list[str]:
        asked.append(name)
        return [PUBLIC]

    web.fetch(answer("200 OK", IMAGE), url=f"https://{host}/a.png", resolve=resolve)
    assert asked == [HOST]
    assert f"\r\nHost: {HOST}\r\n" in web.asked[0]


# --- Several addresses


class Addresses:
    """A host with several addresses. Those in `down` refuse the connection; the others are `origin`."""

    def __init__(self, web: Web, origin: Origin, addresses: Sequence[str], down: Sequence[str]) -> None:
        self.tried: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as unused:
            closed_port: int = unused.getsockname()[1]

        def reach(address: str, _port: int) -> tuple[str, int]:
            self.tried.append(address)
            return "127.0.0.1", closed_port if address in down else origin.port

        self.web = GuardedWeb(
            resolve=lambda _host, _port: list(addresses), reach=reach, ca_certs=web.authority
        )


@pytest.mark.parametrize(
    ("addresses", "down", "tried"),
    [
        (["8.8.8.8", "8.8.4.4"], ["8.8.8.8"], ["8.8.8.8", "8.8.4.4"]),
        (["8.8.8.8", "8.8.4.4", "1.1.1.1"], ["8.8.8.8", "8.8.4.4"], ["8.8.8.8", "8.8.4.4", "1.1.1.1"]),
        (["8.8.8.8", "8.8.8.8", "1.1.1.1"], ["8.8.8.8"], ["8.8.8.8", "1.1.1.1"]),
        (["8.8.8.8", "1.1.1.1"], [], ["8.8.8.8"]),
    ],
)
def test_the_next_address_is_tried_if_one_is_down(
    web: Web, addresses: list[str], down: list[str], tried: list[str]
) -> None:
    with Origin(answer("200 OK", IMAGE), tls=web.context) as origin:
        host = Addresses(web, origin, addresses, down)
        assert host.web.fetch(WebLocation(f"https://{HOST}/a.png")) == Fetched(IMAGE)
    assert host.tried == tried


def test_a_host_whose_addresses_are_all_down_is_down(web: Web) -> None:
    with Origin(answer("200 OK", IMAGE), tls=web.context) as origin:
        addresses = [f"8.8.8.{number}" for number in range(1, 13)]
        host = Addresses(web, origin, addresses, addresses)
        with pytest.raises(OriginDownError):
            host.web.fetch(WebLocation(f"https://{HOST}/a.png"))
    assert host.tried == addresses[:8]


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"])
def test_no_address_is_tried_if_any_of_them_is_private(web: Web, private: str) -> None:
    with Origin(answer("200 OK", IMAGE), tls=web.context) as origin:
        host = Addresses(web, origin, ["8.8.8.8", "1.1.1.1", private], ["8.8.8.8"])
        with pytest.raises(ImageFailedError, match="not a public address"):
            host.web.fetch(WebLocation(f"https://{HOST}/a.png"))
    assert host.tried == []


@pytest.mark.parametrize(
    "first", [raw(), drip(b""), raw(b"no http\r\n\r\n")], ids=["silent", "dripping", "not http"]
)
def test_the_next_address_is_tried_if_one_has_no_tls(web: Web, first: Say) -> None:
    with Origin(answer("200 OK", IMAGE), tls=web.context) as origin, Origin(first) as broken:

        def reach(address: str, _port: int) -> tuple[str, int]:
            return "127.0.0.1", broken.port if address == "8.8.8.8" else origin.port

        several = GuardedWeb(
            resolve=lambda _host, _port: ["8.8.8.8", "1.1.1.1"],
            reach=reach,
            ca_certs=web.authority,
            limits=TimeLimits(connect_seconds=0.3),
        )
        assert several.fetch(WebLocation(f"https://{HOST}/a.png")) == Fetched(IMAGE)


def test_the_next_address_is_tried_if_one_hangs_up_without_an_answer(web: Web) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    fetched = web.fetch(
        in_turn(hang_up, answer("200 OK", IMAGE)), resolve=lambda _host, _port: ["8.8.8.8", "1.1.1.1"]
    )
    assert fetched == Fetched(IMAGE)
    assert web.reached == ["8.8.8.8", "1.1.1.1"]


def test_an_answer_of_one_address_is_not_asked_of_the_next(web: Web) -> None:
    with pytest.raises(OriginDownError):
        web.fetch(answer("500 Oh no"), resolve=lambda _host, _port: ["8.8.8.8", "1.1.1.1"])
    assert web.reached == ["8.8.8.8"]


def test_all_addresses_share_one_deadline(web: Web) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port: int = silent.getsockname()[1]
        several = GuardedWeb(
            resolve=lambda _host, _port: [f"8.8.8.{number}" for number in range(1, 9)],
            reach=lambda _address, _port: ("127.0.0.1", port),
            ca_certs=web.authority,
            limits=TimeLimits(total_seconds=1),
        )
        with pytest.raises(OriginDownError):
            several.fetch(WebLocation(f"https://{HOST}/a.png"))
    assert time.monotonic() - began < 30


# --- What has the picture, and what has not


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("203 Non-Authoritative Information", []),
        ("206 Partial Content", [f"Content-Range: bytes 0-{len(IMAGE) - 1}/{len(IMAGE)}"]),
        ("206 Partial Content", [f"Content-Range: Bytes 0-{len(IMAGE) - 1}/{len(IMAGE)} "]),
    ],
)
def test_a_whole_picture_is_taken_with_another_status_than_200(
    web: Web, status: str, headers: list[str]
) -> None:
    assert web.content(answer(status, IMAGE, *headers)) == IMAGE


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("206 Partial Content", []),
        ("206 Partial Content", [f"Content-Range: bytes 0-{len(IMAGE) - 1}/5000"]),
        ("206 Partial Content", [f"Content-Range: bytes 0-{len(IMAGE) - 1}/*"]),
        ("206 Partial Content", [f"Content-Range: bytes 1-{len(IMAGE)}/{len(IMAGE)}"]),
        ("206 Partial Content", [f"Content-Range: bytes 0-{len(IMAGE)}/{len(IMAGE) + 1}"]),
        ("206 Partial Content", ["Content-Range: bytes */108"]),
        ("206 Partial Content", ["Content-Type: multipart/byteranges; boundary=x"]),
        ("201 Created", []),
        ("202 Accepted", []),
        ("204 No Content", []),
    ],
)
def test_a_part_or_something_else_is_no_picture(web: Web, status: str, headers: list[str]) -> None:
    with pytest.raises(OriginDownError, match="status 20"):
        web.fetch(answer(status, IMAGE, *headers))


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><title>Just a moment...</title>",
        b"\n\n  <html><body>Sign in",
        b"\xef\xbb\xbf<!doctype HTML><svg></svg>",
        b"<!-- a comment --><html><svg/></html>",
        b'{"error": "rate limited"}',
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        b"Not found",
        "Zu viele Anfragen für heute".encode(),
        "<html>".encode("utf-16"),
        b"window.location='/login'",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("media_type", ["text/html", "image/png"])
def test_a_page_in_place_of_the_picture_may_be_gone_later(web: Web, page: bytes, media_type: str) -> None:
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(answer("200 OK", page, f"Content-Type: {media_type}", "Retry-After: 60"))
    assert (caught.value.reason, caught.value.retry_after) == (FailureReason.REFUSED, 60)


@pytest.mark.parametrize(
    "body", [IMAGE, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a\x01\x00\x01\x00"]
)
def test_a_picture_is_one_whatever_its_media_type_says(web: Web, body: bytes) -> None:
    assert web.content(answer("200 OK", body, "Content-Type: text/html; charset=utf-8")) == body


HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@pytest.mark.parametrize(
    ("value", "seconds_from_now", "expected"),
    [
        ("120", 0, range(120, 120 + 1)),
        (" 120 ", 0, range(120, 120 + 1)),
        ("0", 0, range(0, 0 + 1)),
        ("999999999999999999", 0, range(DAY_SECONDS, DAY_SECONDS + 1)),
        (HTTP_DATE, 7200, range(7100, 7200 + 1)),
        (HTTP_DATE, -7200, range(0, 0 + 1)),
        (HTTP_DATE, 90 * DAY_SECONDS, range(DAY_SECONDS, DAY_SECONDS + 1)),
        ("%a %b %e %H:%M:%S %Y", 7200, range(7100, 7200 + 1)),
        ("%A, %d-%b-%y %H:%M:%S GMT", 7200, range(7100, 7200 + 1)),
    ],
)
@pytest.mark.parametrize(
    "status", ["403 Forbidden", "401 Unauthorized", "404 Not Found", "429 Slow", "503 Busy"]
)
def test_retry_after_counts_in_both_forms_up_to_a_day(
    web: Web, status: str, value: str, seconds_from_now: int, expected: range
) -> None:
    """`value` is a date written as strftime writes it, or a number."""
    retry_after = time.strftime(value, time.gmtime(time.time() + seconds_from_now))
    with pytest.raises((ImageFailedError, OriginDownError)) as caught:
        web.fetch(answer(status, b"later", f"Retry-After: {retry_after}"))
    assert isinstance(caught.value, ImageFailedError | OriginDownError)
    assert caught.value.retry_after in expected


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "Mon, 99 Foo 2026 99:99:99 GMT", "१२", "12, 13"])
def test_a_malformed_retry_after_does_not_count(web: Web, value: str) -> None:
    say = raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nRetry-After: " + value.encode() + b"\r\n\r\n")
    with pytest.raises(ImageFailedError) as caught:
        web.fetch(say)
    assert caught.value.retry_after is None


def test_the_server_sees_who_asks(web: Web) -> None:
    web.fetch(answer("200 OK", IMAGE), user_agent="ChatImageCache/1.2.3 (+mailto:ada@example.com)")
    assert "\r\nUser-Agent: ChatImageCache/1.2.3 (+mailto:ada@example.com)\r\n" in web.asked[0]
    assert "urllib3" not in web.asked[0]
