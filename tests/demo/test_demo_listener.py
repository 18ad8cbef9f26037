"""The demo account's servers answer programs on this machine, and refuse what a browser has sent."""

import http.client
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from demo.service import DemoAccount
from tests.demo.clients import Client

Headers = list[tuple[str, str]]
OWN_HOST = ("Host", "127.0.0.1:{port}")
SET_FAULT = ("POST", "/_demo/faults", b'{"mode": "offline"}')
READ_CHATS = ("GET", "/v1/chats", b"")


def ask(demo: DemoAccount, url: str, request: tuple[str, str, bytes], headers: Headers) -> int:
    """Sends a request with these headers and every token that it might need, and returns the status."""
    method, path, body = request
    port = urlsplit(url).port
    token = demo.control_token if path.startswith("/_demo/") else demo.beeper_token
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.putrequest(method, path, skip_host=True)
        for name, value in [
            *headers,
            ("Authorization", f"Bearer {token}"),
            ("Content-Length", str(len(body))),
        ]:
            connection.putheader(name, value.format(port=port))
        connection.endheaders(body)
        return connection.getresponse().status


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Host", "evil.example:{port}")],
        [("Host", "127.0.0.1.evil.example:{port}")],
        [("Host", "127.0.0.1")],
        [OWN_HOST, ("Host", "evil.example:{port}")],
        [OWN_HOST, ("Origin", "https://evil.example")],
        [OWN_HOST, ("Origin", "null")],
        [OWN_HOST, ("Origin", "http://127.0.0.1:{port}")],
        [OWN_HOST, ("Sec-Fetch-Site", "cross-site")],
        [OWN_HOST, ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")],
    ],
)
def test_a_page_is_refused_even_with_the_token_and_changes_nothing(
    demo: DemoAccount, beeper: Client, headers: Headers
) -> None:
    for url, request in (
        (demo.beeper_url, SET_FAULT),
        (demo.beeper_url, READ_CHATS),
        (demo.media_url, READ_CHATS),
    ):
        assert ask(demo, url, request, headers) == 403
    assert beeper.report("faults").json() == {}
    assert demo.hits.as_json()["chats"] == 0


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}"])
def test_a_program_on_this_machine_is_answered(demo: DemoAccount, host: str) -> None:
    assert ask(demo, demo.beeper_url, READ_CHATS, [("Host", host)]) == 200
    assert ask(demo, demo.beeper_url, SET_FAULT, [("Host", host)]) == 200


@pytest.mark.parametrize("length", ["-1", "x", "9" * 5000])
@pytest.mark.parametrize(("host", "status"), [("127.0.0.1:{port}", 400), ("evil.example", 403)])
def test_a_length_that_is_no_number_is_refused_after_the_host(
    demo: DemoAccount, host: str, status: int, length: str
) -> None:
    port = urlsplit(demo.beeper_url).port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = (
            f"POST /v1/chats HTTP/1.1\r\nHost: {host.format(port=port)}\r\nContent-Length: {length}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(f"HTTP/1.1 {status} ".encode())
