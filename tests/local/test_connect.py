"""A person connects Beeper by a button; the token may only read, and is nowhere but in its file."""

import json
import logging
import re
import secrets
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from demo.listener import Listener, Reply, Request, json_reply
from demo.service import DemoAccount
from local.connect import ConnectError, Connector
from tests.demo.clients import NAVIGATION, Client, Clock, decide

REDIRECT_URI = "http://127.0.0.1:8080/_local/connected"


@pytest.fixture
def demo() -> Iterator[DemoAccount]:
    with DemoAccount(scale=0.1) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "connection.json"


@pytest.fixture
def connector(demo: DemoAccount, file: Path) -> Connector:
    return Connector(file, demo.beeper_url)


def person(url: str, answer: str = "allow") -> dict[str, str]:
    """Decides on Beeper's page, and returns the parameters with which the browser comes back."""
    page = requests.get(url, headers=NAVIGATION, allow_redirects=False, timeout=60)
    return dict(parse_qsl(urlsplit(decide(page, answer)).query))


def connect(connector: Connector) -> str:
    """Connects, and returns the token."""
    connector.finish(person(connector.start(REDIRECT_URI)))
    assert connector.beeper
    return connector.beeper.token


def may_read(demo: DemoAccount, token: str) -> bool:
    return Client(demo.beeper_url, token).get("/v1/chats", limit=1).status_code == 200


def test_a_connection_is_asked_for_with_pkce_and_for_reading_alone(connector: Connector) -> None:
    first, second = (parse_qs(urlsplit(connector.start(REDIRECT_URI)).query) for _ in range(2))
    assert first["scope"] == ["read"]
    assert first["redirect_uri"] == [REDIRECT_URI]
    assert (first["response_type"], first["code_challenge_method"]) == (["code"], ["S256"])
    for name in ("state", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


def test_a_connection_is_kept_for_its_user_alone_until_it_is_ended(
    demo: DemoAccount, connector: Connector, file: Path
) -> None:
    token = connect(connector)
    assert connector.changes == 1
    assert may_read(demo, token)
    assert file.stat().st_mode & 0o777 == 0o600
    next_start = Connector(file, demo.beeper_url)
    assert next_start.beeper == connector.beeper
    assert next_start.disconnect() is True
    assert (next_start.beeper, next_start.changes, file.exists()) == (None, 1, False)
    assert not may_read(demo, token), "it is revoked"


def test_a_token_that_cannot_be_stored_is_given_back(demo: DemoAccount, tmp_path: Path) -> None:
    connector = Connector(tmp_path / "no-such-folder" / "connection.json", demo.beeper_url)
    with pytest.raises(ConnectError, match="No such file"):
        connect(connector)
    assert (connector.beeper, connector.changes, demo.oauth.issued_tokens()) == (None, 0, [])


def test_a_token_is_not_sent_to_another_beeper(connector: Connector, file: Path) -> None:
    connect(connector)
    assert Connector(file, "http://127.0.0.1:9").beeper is None
    assert file.exists(), "it is used again when its Beeper is"


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", "\x00"),
        '{"url": "URL", "token": "a b", "clientId": "c"}',
        '{"url": "URL", "token": 5, "clientId": "c"}',
        '{"url": "URL", "token": "a", "clientId": null}',
    ],
)
def test_a_damaged_file_is_no_connection(demo: DemoAccount, file: Path, content: str) -> None:
    file.write_text(content.replace("URL", demo.beeper_url))
    assert Connector(file, demo.beeper_url).beeper is None


def test_what_a_person_has_connected_or_ended_is_on_the_disk_before_it_is_answered(
    connector: Connector, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a file is on the disk only when its folder is flushed."""
    flushed: list[tuple[Path, bool]] = []
    for module in ("access", "connect"):
        monkeypatch.setattr(
            f"local.{module}.flush_folder", lambda folder: flushed.append((folder, file.exists()))
        )
    connect(connector)
    connector.disconnect()
    assert flushed == [(file.parent, True), (file.parent, False)]


def test_a_connection_whose_file_cannot_be_deleted_stays(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    connect(connector)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(ConnectError, match="Permission denied"):
            connector.disconnect()
    assert connector.beeper
    assert connector.changes == 1


def test_an_answer_without_the_state_of_the_attempt_changes_nothing(connector: Connector) -> None:
    answer = person(connector.start(REDIRECT_URI))
    for state in ({"state": "x"}, {"state": ""}):
        with pytest.raises(ConnectError, match="no attempt"):
            connector.finish(answer | state)
    connector.finish(answer)
    with pytest.raises(ConnectError, match="no attempt"):
        connector.finish(answer)
    assert connector.changes == 1


def test_only_the_last_attempt_counts(connector: Connector) -> None:
    answer = person(connector.start(REDIRECT_URI))
    connector.start(REDIRECT_URI)
    with pytest.raises(ConnectError, match="no attempt"):
        connector.finish(answer)


def test_a_person_has_ten_minutes(demo: DemoAccount, file: Path) -> None:
    clock = Clock()
    connector = Connector(file, demo.beeper_url, clock=clock)
    answer = person(connector.start(REDIRECT_URI))
    clock.now += 601
    with pytest.raises(ConnectError, match="ten minutes"):
        connector.finish(answer)
    assert (connector.beeper, file.exists()) == (None, False)


def test_a_person_who_denies_keeps_the_chats_as_they_are(connector: Connector) -> None:
    with pytest.raises(ConnectError, match="not to allow"):
        connector.finish(person(connector.start(REDIRECT_URI), "deny"))
    assert (connector.beeper, connector.changes) == (None, 0)


def test_a_code_of_another_program_is_refused(connector: Connector) -> None:
    """It belongs to another verifier than this attempt's."""
    foreign = person(connector.start(REDIRECT_URI))["code"]
    answer = person(connector.start(REDIRECT_URI))
    with pytest.raises(ConnectError, match=r"\(invalid_grant\)"):
        connector.finish(answer | {"code": foreign})
    assert connector.beeper is None


@pytest.mark.parametrize("scope", ["read write", "write", ""])
def test_a_token_that_may_do_more_than_read_is_given_back(
    demo: DemoAccount, connector: Connector, file: Path, scope: str, caplog: pytest.LogCaptureFixture
) -> None:
    demo.oauth.granted_scope = scope
    with pytest.raises(ConnectError, match="read only") as caught:
        connect(connector)
    assert (connector.beeper, file.exists()) == (None, False)
    assert demo.oauth.issued_tokens() == []
    assert "bdapi_" not in caplog.text + "".join(traceback.format_exception(caught.value))


def test_a_beeper_that_is_closed_in_the_middle_is_named(file: Path) -> None:
    with DemoAccount(scale=0.1) as demo:
        connector = Connector(file, demo.beeper_url)
        assert connector.finds_beeper()
        answer = person(connector.start(REDIRECT_URI))
    assert not connector.finds_beeper()
    with pytest.raises(ConnectError, match="cannot be reached"):
        connector.finish(answer)
    with pytest.raises(ConnectError, match="cannot be reached"):
        connector.start(REDIRECT_URI)
    assert connector.beeper is None


def test_a_beeper_that_is_closed_is_forgotten_all_the_same(file: Path) -> None:
    with DemoAccount(scale=0.1) as demo:
        connector = Connector(file, demo.beeper_url)
        connect(connector)
    assert connector.disconnect() is False, "it could not be told"
    assert (connector.beeper, file.exists()) == (None, False)


def test_no_token_and_no_state_is_printed(
    connector: Connector, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    state = parse_qs(urlsplit(connector.start(REDIRECT_URI)).query)["state"][0]
    assert state not in repr(vars(connector))
    with caplog.at_level(logging.DEBUG):
        token = connect(connector)
    assert token not in caplog.text + "".join(capfd.readouterr()) + repr(vars(connector))


OWN = {
    "authorization_endpoint": "{own}/oauth/authorize",
    "registration_endpoint": "{own}/oauth/register",
    "token_endpoint": "{own}/oauth/token",
    "revocation_endpoint": "{own}/oauth/revoke",
}


class StrangeBeeper:
    """A server with these metadata that answers every POST with a token, and records all paths."""

    def __init__(self, metadata: dict[str, object]) -> None:
        self.paths: list[str] = []
        self.answer = json_reply(200, {"client_id": "c", "access_token": "bdapi_strange"})
        self._metadata = metadata
        self.listener = Listener(0, self._reply)

    def _reply(self, request: Request) -> Reply:
        self.paths.append(request.path)
        if request.method == "POST":
            return self.answer
        text = json.dumps(self._metadata).replace("{own}", self.listener.url)
        return Reply(200, text.replace("{port}", str(self.listener.server_port)).encode())


@pytest.fixture
def strange(request: pytest.FixtureRequest) -> Iterator[StrangeBeeper]:
    beeper = StrangeBeeper(OWN | request.param)
    beeper.listener.start()
    yield beeper
    beeper.listener.stop()


@pytest.mark.parametrize(
    "strange",
    [
        {name: address}
        for name in OWN
        for address in ("https://evil.example/token", "http://127.0.0.1:9/x", "http://me@127.0.0.1:{port}/")
    ]
    + [
        {"token_endpoint": address}
        for address in ("file:///etc/passwd", "{own}/a?b=c", "{own}.evil.example/", "/oauth/token", 5, None)
    ]
    + [{"token_endpoint": "http://[x/y"}]
    + [{"code_challenge_methods_supported": methods} for methods in (["plain"], 5, None)],
    indirect=True,
)
def test_endpoints_that_are_not_beepers_own_get_nothing(strange: StrangeBeeper, file: Path) -> None:
    with pytest.raises(ConnectError) as caught:
        Connector(file, strange.listener.url).start(REDIRECT_URI)
    assert "\n" not in str(caught.value)
    assert strange.paths == ["/.well-known/oauth-authorization-server"]


@pytest.mark.parametrize(
    "strange", [{name: "http://localhost:{port}/o/" + name for name in OWN}], indirect=True
)
def test_another_name_of_this_machine_is_beepers_own_address(strange: StrangeBeeper, file: Path) -> None:
    connector = Connector(file, strange.listener.url)
    url = connector.start(REDIRECT_URI)
    assert url.startswith(f"{strange.listener.url}/o/authorization_endpoint?")
    state = parse_qs(urlsplit(url).query)["state"][0]
    connector.finish({"state": state, "code": "c"})
    assert connector.beeper, "without a scope in the answer, it is the one that was asked for"
    assert strange.paths[1:] == ["/o/registration_endpoint", "/o/token_endpoint"]


@pytest.mark.parametrize("strange", [{}], indirect=True)
@pytest.mark.parametrize("answer", [b'{"client_id": "\\ud800"}', b'{"client_id": ' + b"[" * 90_000])
def test_a_strange_registration_is_one_line(strange: StrangeBeeper, file: Path, answer: bytes) -> None:
    strange.answer = Reply(200, answer)
    with pytest.raises(ConnectError, match=r"[^\n]{20,200}"):
        Connector(file, strange.listener.url).start(REDIRECT_URI)


@pytest.mark.parametrize("strange", [{}], indirect=True)
@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"<html>bdapi_secret</html>"),
        Reply(200, b'{"access_token": "bdapi_secret", '),
        Reply(200, b'["bdapi_secret"]'),
        json_reply(200, {"access_token": "bdapi_secret\r\nX: y", "scope": "read"}),
        json_reply(200, {"access_token": None}),
        json_reply(400, {"error": "bdapi_secret"}),
        Reply(500, b"bdapi_secret"),
        Reply(302, headers={"Location": "http://127.0.0.1:9/?bdapi_secret"}),
        Reply(200, b"bdapi_secret", announced=50),
    ],
)
def test_a_strange_answer_is_one_line_that_repeats_nothing_of_it(
    strange: StrangeBeeper, file: Path, answer: Reply
) -> None:
    connector = Connector(file, strange.listener.url)
    state = parse_qs(urlsplit(connector.start(REDIRECT_URI)).query)["state"][0]
    strange.answer = answer
    with pytest.raises(ConnectError) as caught:
        connector.finish({"state": state, "code": (code := secrets.token_hex())})
    assert re.fullmatch(r"[^\n]{20,200}", str(caught.value))
    shown = "".join(traceback.format_exception(caught.value))
    assert "bdapi_secret" not in shown
    assert code not in shown
    assert connector.beeper is None
