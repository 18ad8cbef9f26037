"""`doctor --contract`: which fields of a Beeper are new or have changed, without any value of its answers."""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from demo.listener import Listener, Reply, Request, json_reply
from demo.service import DemoAccount
from imagecache_cli import beeper
from imagecache_cli.access import find_beeper
from imagecache_cli.contract import Comparison, Difference
from imagecache_cli.errors import SettingsError
from tests.cli.conftest import Command, Ran
from tests.hostile.origin import Origin, drip

TOKEN = "beeper-token-71"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoAccount]:
    with DemoAccount(scale=0.2, beeper_token=TOKEN) as running:
        yield running


def ask(imagecache: Command, url: str, *arguments: str, code: int = 0) -> Ran:
    environment = {"BEEPER_URL": url, "BEEPER_TOKEN": TOKEN}
    ran = imagecache("doctor", "--contract", *arguments, environment=environment)
    assert ran.code == code, ran.err
    assert TOKEN not in ran.out + ran.err
    return ran


def differences(ran: Ran) -> dict[str, tuple[str, str]]:
    """Returns what is known and what was found, by field."""
    return {
        difference["field"]: (difference["known"], difference["found"])
        for difference in ran.document["differences"]
    }


def test_the_demo_account_differs_from_the_contract_in_its_quirks_only(
    imagecache: Command, demo: DemoAccount
) -> None:
    ran = ask(imagecache, demo.beeper_url, "--json", code=1)
    assert {field: found for field, (_, found) in differences(ran).items()} == {
        "Chat.glow": "object",
        "Chat.lastActivity": "number",
        "Chat.unreadCount": "text",
    }
    assert ran.document["hidden_names"] == 0
    assert {(asked["request"], asked["status"]) for asked in ran.document["asked"]} == {
        ("GET /v1/info", 200),
        ("GET /v1/accounts", 200),
        ("GET /v1/accounts/{accountID}/contacts/list", 200),
        ("GET /v1/chats", 200),
        ("GET /v1/chats/{chatID}", 200),
        ("GET /v1/chats/{chatID}", 404),
    }


def test_a_person_reads_the_same_differences_as_a_program(imagecache: Command, demo: DemoAccount) -> None:
    words = ask(imagecache, demo.beeper_url, code=1).words
    assert "changed Chat.unreadCount: text instead of number" in words
    assert "new Chat.glow: object" in words


def test_all_requests_together_have_a_limited_time_and_what_was_not_asked_is_said(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beeper, "_TOTAL_SECONDS", 0.3)
    began = time.monotonic()
    with Origin(drip(b"HTTP/1.1 200 OK\r\n\r\n{")) as slow:
        ran = ask(imagecache, slow.url, "--json", code=1)
    assert time.monotonic() - began < 10
    assert ran.document["asked"] == []
    reasons = {entry["request"]: entry["reason"] for entry in ran.document["not_asked"]}
    assert reasons.pop("GET /v1/accounts/{accountID}/contacts/list") == "no account is known"
    paths = ("info", "accounts", "chats", "chats/{chatID}")
    assert reasons == dict.fromkeys((f"GET /v1/{path}" for path in paths), beeper.NO_TIME)


def test_a_person_reads_what_could_not_be_asked(imagecache: Command) -> None:
    with beeper_with({"/v1/accounts": [], "/v1/chats": page(chat())}) as url:
        words = ask(imagecache, url).words
    assert "not asked GET /v1/accounts/{accountID}/contacts/list: no account is known" in words


def test_an_old_server_lacks_fields(imagecache: Command) -> None:
    with DemoAccount(scale=0.05, beeper_token=TOKEN, is_old=True) as old:
        found = differences(ask(imagecache, old.beeper_url, "--json", code=1))
    assert {field for field, (_, kind) in found.items() if kind == "missing"} == {
        "Account.bridge",
        "Account.status",
        "Chat.network",
    }


@contextmanager
def beeper_with(answers: Mapping[str, object]) -> Iterator[str]:
    """Serves answers by path, and 404 for every other path."""

    def answer(request: Request) -> Reply:
        if request.path in answers:
            body = answers[request.path]
            return Reply(200, body) if isinstance(body, bytes) else json_reply(200, body)
        return json_reply(404, {"message": "Not found", "code": "NOT_FOUND"})

    listener = Listener(0, answer)
    listener.start()
    try:
        yield listener.url
    finally:
        listener.stop()


def chat(**fields: object) -> Json:
    roster = {"items": [], "hasMore": False, "total": 0}
    required = {
        **{"id": "!secret-id:x", "accountID": "secret-account", "network": "N", "title": "Secret Title"},
        **{"type": "single", "unreadCount": 0, "participants": roster},
    }
    return required | fields


def page(*chats: Json) -> Json:
    return {"items": list(chats), "hasMore": False, "oldestCursor": None, "newestCursor": None}


def test_a_new_field_is_named_with_its_kind_and_not_its_content(imagecache: Command) -> None:
    new = {"spaceID": "secret-space", "is_archivedByAdmin": True, "spaceMembers": {"innerName": "secret"}}
    with beeper_with({"/v1/chats": page(chat(**new))}) as url:
        ran = ask(imagecache, url, "--json")
    assert differences(ran) == {
        "Chat.spaceID": ("", "text"),
        "Chat.is_archivedByAdmin": ("", "bool"),
        "Chat.spaceMembers": ("", "object"),
    }
    assert "secret" not in ran.out.lower()
    assert "innerName" not in ran.out


PERSONAL = [
    *("+447700900123", "447700900123", "ada@example.com", "@whatsapp_447700900123:beeper.local", "!abc:x"),
    *("Ada", "Łucja", "a1b2c3d4", "deadbeefcafe0123456789", "x" * 50, "https://x.invalid/a", "", "__proto__"),
    *("ada\u202egnp", "\x1b[31mred", "0", "-1", "true story", "QxZkPwVn", "file:///home/ada"),
]


@pytest.mark.parametrize("name", PERSONAL)
def test_a_key_that_looks_like_an_id_or_a_name_is_hidden(imagecache: Command, name: str) -> None:
    with beeper_with({"/v1/chats": page(chat(**{name: 1}))}) as url:
        ran = ask(imagecache, url, "--json")
    assert differences(ran) == {}
    assert ran.document["hidden_names"] == 1


def test_a_key_that_is_a_value_elsewhere_is_hidden(imagecache: Command) -> None:
    with beeper_with({"/v1/chats": page(chat(title="Ada Lovelace", ada=1, lovelace=2))}) as url:
        ran = ask(imagecache, url, "--json")
    assert (differences(ran), ran.document["hidden_names"]) == ({}, 2)


def test_the_keys_of_maps_are_never_shown(imagecache: Command) -> None:
    """`seen` is a map by user id, and an object with many unknown names is taken for one."""
    seen = {"alice": "2026-01-01T00:00:00.000Z", "bob": ["x"]}
    message = {"id": "1", "chatID": "1", "accountID": "1", "senderID": "1", "sortKey": "1"}
    preview = {**message, "timestamp": "2026-01-01T00:00:00.000Z", "seen": seen}
    names = {f"name{'abcdefghijklmnopqrstuvwxyz'[number]}": 1 for number in range(25)}
    with beeper_with({"/v1/chats": page(chat(preview=preview, **names))}) as url:
        ran = ask(imagecache, url, "--json", code=1)
    assert {field: kind for field, (_, kind) in differences(ran).items()} == {"Message.seen{}": "list"}
    assert ran.document["hidden_names"] == 25
    assert "alice" not in ran.out


def test_an_object_in_the_place_of_a_list_shows_none_of_its_keys(imagecache: Command) -> None:
    with beeper_with({"/v1/accounts": {"alice": {"bob": 1}}, "/v1/chats": page()}) as url:
        ran = ask(imagecache, url, "--json", code=1)
    assert differences(ran) == {"GET /v1/accounts": ("list of Account", "object")}


@pytest.mark.parametrize(
    ("value", "kind"), [("7", "text"), (None, "null"), ([], "list"), ({}, "object"), (True, "bool")]
)
def test_a_field_of_another_kind_has_changed(imagecache: Command, value: object, kind: str) -> None:
    with beeper_with({"/v1/chats": page(chat(unreadCount=value))}) as url:
        ran = ask(imagecache, url, "--json", code=1)
    assert differences(ran) == {"Chat.unreadCount": ("number", kind)}


def nested(depth: int) -> bytes:
    return b'{"items": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [nested(200_000), b"<html>", b"\xff", b"9" * 5000],
    ids=["nested deeply", "a page", "bytes", "a long number"],
)
def test_an_answer_that_cannot_be_read_ends_with_one_line(imagecache: Command, body: bytes) -> None:
    with beeper_with({"/v1/chats": body}) as url:
        ran = ask(imagecache, url, code=1)
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert "check that --beeper-url is the address of a Beeper" in ran.err


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    imagecache: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beeper, "_LARGEST_ANSWER_BYTES", 100_000)
    with beeper_with({"/v1/chats": b'{"items": [' + b" " * 1_000_000}) as url:
        ran = ask(imagecache, url, code=1)
    assert "too large" in ran.err


def test_deep_nesting_that_can_be_parsed_is_compared(imagecache: Command) -> None:
    deep: object = "secret"
    for _ in range(400):
        deep = {"inner": [deep]}
    with beeper_with({"/v1/chats": page(chat(newField=deep))}) as url:
        ran = ask(imagecache, url, "--json")
    assert differences(ran) == {"Chat.newField": ("", "object")}


def test_a_refused_token_and_a_missing_one_say_what_to_do(imagecache: Command, demo: DemoAccount) -> None:
    wrong = {"BEEPER_URL": demo.beeper_url, "BEEPER_TOKEN": "other"}
    ran = imagecache("doctor", "--contract", environment=wrong)
    assert (ran.code, "does not accept the token" in ran.err) == (2, True)
    ran = imagecache("doctor", "--contract", environment={"BEEPER_URL": demo.beeper_url})
    assert (ran.code, "set BEEPER_TOKEN" in ran.err) == (2, True)


class Terminal(io.StringIO):
    """A stdin at which a person types."""

    def isatty(self) -> bool:
        return True


def test_a_person_types_the_token_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _prompt, _stream: f" {TOKEN}\n")
    access = find_beeper(None, environment={})
    assert (access.url, access.token) == ("http://127.0.0.1:23373", TOKEN)
    assert TOKEN not in repr(access)


def test_a_person_who_types_no_token_is_told_where_to_create_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_prompt: str, _stream: object) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", end)
    with pytest.raises(SettingsError, match="Integrations, Approved connections"):
        find_beeper(None, environment={})


def test_the_address_is_an_option_or_the_environment_and_must_be_encrypted_beyond_this_machine(
    imagecache: Command, demo: DemoAccount
) -> None:
    token = {"BEEPER_TOKEN": TOKEN}
    ran = imagecache("doctor", "--contract", "--beeper-url", demo.beeper_url, environment=token)
    assert ran.code == 1
    ran = imagecache("doctor", "--contract", "--beeper-url", "http://beeper.invalid", environment=token)
    assert (ran.code, "https://" in ran.err) == (2, True)


def test_a_beeper_that_does_not_run_is_named_as_the_problem(imagecache: Command) -> None:
    with beeper_with({}) as url:
        pass
    assert "Beeper cannot be reached" in ask(imagecache, url, code=1).err


def test_a_new_field_with_several_kinds_is_one_difference() -> None:
    comparison = Comparison()
    comparison.add([{"id": "1", "newField": 1}, {"id": "2", "newField": None}], "list of User", "x")
    assert comparison.finish() == [Difference("User.newField", "", "null or number")]
