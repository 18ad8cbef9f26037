"""The demo account's servers answer programs on this machine, and refuse what a browser has sent."""

import http.client
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
