"""The page connects and disconnects Beeper through the local server, and no other page can."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from demo.service import DemoAccount
from local.connect import Connector
from local.connect_routes import ConnectRoutes
from local.edge_server import EdgeServer
from tests.demo.clients import NAVIGATION, decide

NO_SITE: Any = object()  # nothing here asks it for a page
TOKENS = ("read-t0ken", "admin-t0ken")
ROUTES = (("GET", "/_local/connection"), ("POST", "/_local/connect"), ("POST", "/_local/disconnect"))


@pytest.fixture
def demo() -> Iterator[DemoAccount]:
    with DemoAccount(scale=0.1) as running:
        yield running


@pytest.fixture
def connector(demo: DemoAccount, tmp_path: Path) -> Connector:
    return Connector(tmp_path / "connection.json", demo.beeper_url)


def routes(server: EdgeServer, connector: Connector, *, has_fixed_token: bool = False) -> ConnectRoutes:
    return ConnectRoutes(
        connector, tokens=TOKENS, has_fixed_token=has_fixed_token, on_change=server.close_site
    )


@pytest.fixture
def server(connector: Connector) -> Iterator[EdgeServer]:
    server = EdgeServer(0)
    server.site = NO_SITE
    server.connect_routes = routes(server, connector)
    with server.serving():
        yield server


Answer = tuple[int, dict[str, str], str]


def ask(
    server: EdgeServer, method: str, target: str, headers: Mapping[str, str] = {}, *, host: str = "127.0.0.1"
) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)) as connection:
        own = {"Host": f"{host}:{server.server_port}"}
        connection.request(method, target, headers={**own, **headers})
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return response.status, received, response.read().decode()


def ask_as_page(server: EdgeServer, method: str, target: str, **options: Any) -> Any:
    """Sends the request of our own page, and returns the status and the JSON of the answer."""
    own = {"Authorization": f"Bearer {TOKENS[0]}", "Sec-Fetch-Site": "same-origin"}
    status, received, body = ask(server, method, target, own, **options)
    assert received["cache-control"] == "no-store"
    return status, json.loads(body)


def decide_in_browser(url: str, answer: str = "allow") -> str:
    """Decides on Beeper's page, and returns the path to which it leads the browser back."""
    page = requests.get(url, headers=NAVIGATION, allow_redirects=False, timeout=60)
    back = urlsplit(decide(page, answer))
    return f"{back.path}?{back.query}"


def test_a_person_connects_and_disconnects(server: EdgeServer, connector: Connector) -> None:
    assert ask_as_page(server, "GET", "/_local/connection") == (
        200,
        {"account": "demo", "isBeeperFound": True},
    )
    status, started = ask_as_page(server, "POST", "/_local/connect")
    assert status == 200
    back = decide_in_browser(started["authorizationUrl"])
    status, received, body = ask(server, "GET", back, NAVIGATION)
    assert (status, received["location"], body) == (303, "/", "")
    assert received["referrer-policy"] == "no-referrer", "the address has a code"
    assert connector.beeper
    assert server.site is None, "the chats of the other account are shown no longer"
    assert ask_as_page(server, "GET", "/_local/connection") == (200, {"account": "connected"})
    server.site = NO_SITE
    assert ask_as_page(server, "POST", "/_local/disconnect") == (200, {"isRevoked": True})
    assert not connector.beeper
    assert not server.site
    assert ask_as_page(server, "POST", "/_local/disconnect")[0] == 409


def test_the_browser_comes_back_to_the_name_that_it_uses(server: EdgeServer) -> None:
    _, started = ask_as_page(server, "POST", "/_local/connect", host="localhost")
    redirect_uri = parse_qs(urlsplit(started["authorizationUrl"]).query)["redirect_uri"][0]
    assert redirect_uri == f"http://localhost:{server.server_port}/_local/connected"


@pytest.mark.parametrize(("answer", "says"), [("deny", "not to allow it"), ("allow", "no attempt")])
def test_an_answer_that_connects_nothing_is_a_page_with_a_way_back(
    server: EdgeServer, answer: str, says: str
) -> None:
    _, started = ask_as_page(server, "POST", "/_local/connect")
    back = decide_in_browser(started["authorizationUrl"], answer)
    wrong = back if answer == "deny" else back.partition("state=")[0]
    status, received, body = ask(server, "GET", wrong, NAVIGATION)
    assert status == 400
    assert received["content-type"] == "text/html; charset=utf-8"
    assert says in body
    assert '<a href="/">' in body
    assert server.site is NO_SITE


@pytest.mark.parametrize(("method", "target"), ROUTES)
@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", f"Basic {TOKENS[0]}", TOKENS[0]])
def test_every_route_but_the_callback_needs_a_token_of_the_api(
    server: EdgeServer, connector: Connector, method: str, target: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    assert ask(server, method, target, headers)[0] == 401
    assert connector.changes == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Host": "evil.example"},
    ],
)
def test_another_page_can_use_no_route_even_with_a_token(server: EdgeServer, headers: dict[str, str]) -> None:
    for method, target in (*ROUTES, ("GET", "/_local/connected?state=x&code=y")):
        status, received, _ = ask(server, method, target, {"Authorization": f"Bearer {TOKENS[1]}", **headers})
        assert status == 403
        assert not [name for name in received if name.startswith("access-control-")]


def test_a_link_leads_to_the_callback_and_to_no_other_route(server: EdgeServer) -> None:
    for method, target in ROUTES:
        assert ask(server, method, target, {"Authorization": f"Bearer {TOKENS[0]}", **NAVIGATION})[0] == 403
    assert ask(server, "GET", "/_local/connected", NAVIGATION)[0] == 400


def test_nothing_can_be_connected_beside_a_token_of_the_settings(
    server: EdgeServer, connector: Connector
) -> None:
    server.connect_routes = routes(server, connector, has_fixed_token=True)
    assert ask_as_page(server, "GET", "/_local/connection") == (200, {"account": "token"})
    for action in ("connect", "disconnect"):
        status, answer = ask_as_page(server, "POST", f"/_local/{action}")
        assert (status, answer.keys()) == (409, {"message"})


def test_a_beeper_that_is_closed_is_named_in_one_line(server: EdgeServer, demo: DemoAccount) -> None:
    demo.__exit__(None, None, None)
    assert ask_as_page(server, "GET", "/_local/connection")[1]["isBeeperFound"] is False
    status, answer = ask_as_page(server, "POST", "/_local/connect")
    assert status == 502
    assert "cannot be reached" in answer["message"]


def test_other_addresses_are_not_found(server: EdgeServer) -> None:
    assert ask_as_page(server, "GET", "/_local/")[0] == 404
    assert ask_as_page(server, "GET", "/_local/connect")[0] == 404


def test_a_person_sees_that_the_stack_is_starting_and_the_page_looks_again(server: EdgeServer) -> None:
    server.site = None
    status, received, body = ask(server, "GET", "/", {**NAVIGATION, "Sec-Fetch-Site": "none"})
    assert status == 503
    assert "location.reload()" in body
    assert "'sha256-" in received["content-security-policy"]
    assert ask(server, "GET", "/")[2].startswith("The stack is starting"), "a program gets a line"
