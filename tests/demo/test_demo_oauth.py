"""The demo account issues tokens as Beeper does: to a registered client that a person has allowed, once."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from demo.service import DemoAccount
from tests.demo.clients import NAVIGATION, Client, decide

REDIRECT_URI = "http://127.0.0.1:8080/back"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class OAuthClient:
    """A program that is registered at the demo account."""

    def __init__(self, demo: DemoAccount) -> None:
        self.metadata: dict[str, Any] = requests.get(
            f"{demo.beeper_url}/.well-known/oauth-authorization-server", timeout=60
        ).json()
        client = {"client_name": "Test <b>", "redirect_uris": [REDIRECT_URI]}
        answer = requests.post(self.metadata["registration_endpoint"], json=client, timeout=60)
        assert answer.status_code == 201
        self.id: str = answer.json()["client_id"]

    def open(self, **changes: str) -> requests.Response:
        """Opens the page that asks the person."""
        parameters = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": REDIRECT_URI,
            "scope": "read",
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return requests.get(
            self.metadata["authorization_endpoint"],
            params=parameters | changes,
            headers=NAVIGATION,
            allow_redirects=False,
            timeout=60,
        )

    def decide(self, answer: str) -> dict[str, str]:
        """Opens the page, presses a button, and returns what the client is told."""
        return told(decide(self.open(), answer))

    def exchange(self, code: str, **changes: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.id,
            "redirect_uri": REDIRECT_URI,
            "code": code,
            "code_verifier": VERIFIER,
        }
        return requests.post(self.metadata["token_endpoint"], data=form | changes, timeout=60)


def told(location: str) -> dict[str, str]:
    address = urlsplit(location)
    assert address._replace(query="").geturl() == REDIRECT_URI
    return dict(parse_qsl(address.query))


@pytest.fixture
def client(demo: DemoAccount) -> OAuthClient:
    return OAuthClient(demo)


def test_a_client_that_a_person_has_allowed_reads_chats_until_its_token_is_revoked(
    demo: DemoAccount, client: OAuthClient, beeper: Client
) -> None:
    assert "Test &lt;b&gt;" in client.open().text
    answer = client.decide("allow")
    assert answer["state"] == "s"
    granted = client.exchange(answer["code"]).json()
    assert (granted["token_type"], granted["scope"]) == ("Bearer", "read")
    introspection = client.metadata["introspection_endpoint"]
    form = {"token": granted["access_token"]}
    assert requests.post(introspection, data=form, timeout=60).json()["active"] is True
    beeper.use_token(granted["access_token"])
    assert beeper.get("/v1/chats").status_code == 200
    requests.post(client.metadata["revocation_endpoint"], data=form, timeout=60)
    assert requests.post(introspection, data=form, timeout=60).json() == {"active": False}
    assert beeper.get("/v1/chats").status_code == 401
    beeper.use_token(demo.beeper_token)
    assert beeper.get("/v1/chats").status_code == 200, "the fixed token stays valid"


def test_the_control_endpoint_revokes_every_issued_token(client: OAuthClient, beeper: Client) -> None:
    code = client.decide("allow")["code"]
    beeper.use_token(client.exchange(code).json()["access_token"])
    beeper.control("revoke-tokens")
    assert beeper.get("/v1/chats").status_code == 401


def test_a_person_may_deny(client: OAuthClient) -> None:
    assert client.decide("deny") == {"error": "access_denied", "state": "s"}


def test_a_code_is_valid_once_and_for_the_client_that_has_its_verifier(client: OAuthClient) -> None:
    for change in ({"code_verifier": "w" * 43}, {"client_id": "x"}, {"redirect_uri": "http://127.0.0.1/"}):
        code = client.decide("allow")["code"]
        assert client.exchange(code, **change).json() == {"error": "invalid_grant"}
        assert client.exchange(code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scope": "admin"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"response_type": "token"}, "invalid_request"),
    ],
)
def test_a_client_is_told_of_its_errors(client: OAuthClient, change: dict[str, str], error: str) -> None:
    assert told(client.open(**change).headers["Location"]) == {"error": error, "state": "s"}


@pytest.mark.parametrize("change", [{"client_id": "x"}, {"redirect_uri": "https://evil.example/"}])
def test_nobody_is_led_to_an_address_that_is_not_registered(
    client: OAuthClient, change: dict[str, str]
) -> None:
    answer = client.open(**change)
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", **NAVIGATION},
        {"Origin": "null", **NAVIGATION},
        {**NAVIGATION, "Sec-Fetch-Dest": "iframe"},
        {**NAVIGATION, "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_another_page_can_neither_show_the_question_nor_answer_it(
    client: OAuthClient, headers: dict[str, str]
) -> None:
    for method in ("GET", "POST"):
        answer = requests.request(
            method, client.metadata["authorization_endpoint"], headers=headers, timeout=60
        )
        assert answer.status_code == 403
