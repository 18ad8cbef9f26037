"""The owner's accounts: sync records their status, and the statistics say which of them needs a person."""

from collections.abc import Iterator

import pytest
import requests

from demo.chats import Json
from demo.listener import Reply, json_reply
from imagecache.clock import HOUR
from imagecache.errors import FencedOffError
from imagecache.model.account import Account, AccountSince, AccountStatus
from tests.integration.api import Api
from tests.integration.beeper_accounts import ACCOUNT, Synced, served
from tests.integration.conftest import NOW, Stack
from tests.integration.contacts_world import SIGNAL, WHATSAPP, alone
from tests.integration.demo_chats import person
from tests.integration.made import cache, fail

OWN_STATE = ["UpdateItem"] * 2  # the lock is taken and released
LOGGED_OUT: Json = {**ACCOUNT, "status": "reconnect_required", "statusText": "Logged out of the phone"}
PAGE = Reply(200, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})


@pytest.fixture
def synced(stack: Stack, session: requests.Session) -> Iterator[Synced]:
    """A Beeper with one chat on WhatsApp and one on Signal, of two people with a picture each."""
    with served(stack, session, alone(SIGNAL, person(1), 1), alone(WHATSAPP, person(2), 2)) as synced:
        yield synced


def accounts_of(stack: Stack) -> list[tuple[str, str, int]]:
    """Returns id, status and since of each recorded account."""
    accounts = stack.wiring.accounts_store.read()
    return [(each.account.account_id, each.account.status.value, each.since) for each in accounts]


def test_an_account_has_its_status_since_the_first_run_that_saw_it(synced: Synced) -> None:
    synced.sync()
    assert accounts_of(synced.stack) == [("whatsapp", "connected", NOW)]
    network = ACCOUNT["network"]
    assert Api(synced.stack).get("/api/status", fields="all")["accounts"] == [
        {"accountId": "whatsapp", "network": network}
    ]
    synced.stack.now += HOUR
    synced.sync(complete=False)
    assert accounts_of(synced.stack) == [("whatsapp", "connected", NOW)]
    synced.beeper.accounts = [LOGGED_OUT]
    synced.stack.now += HOUR
    synced.sync(complete=False)
    assert accounts_of(synced.stack) == [("whatsapp", "reconnect_required", NOW + 2 * HOUR)]


def test_accounts_that_do_not_change_cost_one_request_no_read_and_no_write(synced: Synced) -> None:
    other: Json = {**ACCOUNT, "accountID": "signal"}
    synced.beeper.accounts = [ACCOUNT, other]
    synced.sync()
    synced.beeper.accounts = [other, ACCOUNT]  # the order is Beeper's choice
    synced.stack.calls.clear()
    synced.sync(complete=False)
    assert synced.stack.writes() == OWN_STATE
    assert synced.stack.calls.count("GetItem") == 2, "recent chats, contacts"


@pytest.mark.parametrize(
    "answer",
    [
        json_reply(404, {"message": "Not found", "code": "NOT_FOUND"}),
        json_reply(401, {"message": "Unauthorized: Invalid or missing token", "code": "unauthorized"}),
        json_reply(500, {"message": "broken"}),
        json_reply(503, {"message": "broken"}),
        PAGE,
        {"items": [ACCOUNT]},
        "text",
        None,
        [None, 5, {"network": "WhatsApp"}, {"accountID": ""}, {"accountID": "x" * 1025}],
        [{"accountID": f"account {number}"} for number in range(201)],
    ],
    ids=["404", "401", "500", "503", "page", "object", "text", "null", "nothing readable", "too many"],
)
def test_an_answer_that_cannot_be_read_changes_nothing_and_fails_no_sync(
    synced: Synced, answer: object
) -> None:
    synced.sync()
    before = accounts_of(synced.stack)
    synced.beeper.accounts = answer
    synced.stack.now += HOUR
    assert synced.sync(complete=False).outcome == "ok"
    assert accounts_of(synced.stack) == before


def test_an_old_server_sends_no_status_and_any_unknown_one_is_not_known(synced: Synced) -> None:
    synced.beeper.accounts = [
        {"accountID": "old", "network": "Signal"},
        {"accountID": "new", "status": "sleeping"},
        {"accountID": "odd", "status": ["connected"], "network": 5, "statusText": {"text": "?"}},
    ]
    synced.sync()
    assert [status for _, status, _ in accounts_of(synced.stack)] == ["unknown"] * 3


def test_no_accounts_are_an_answer_too(synced: Synced) -> None:
    synced.sync()
    synced.beeper.accounts = []
    synced.sync(complete=False)
    assert accounts_of(synced.stack) == []


def test_a_run_that_is_nearly_out_of_time_reads_no_accounts(synced: Synced) -> None:
    assert synced.sync(remaining_ms=59_000).outcome == "ok"
    assert accounts_of(synced.stack) == []


def test_a_superseded_run_records_no_accounts(stack: Stack) -> None:
    store = stack.wiring.accounts_store
    [newer, older] = [
        AccountSince(Account("whatsapp", "WhatsApp", status, None), NOW)
        for status in (AccountStatus.CONNECTED, AccountStatus.DISCONNECTED)
    ]
    store.record([newer], fence=2)
    with pytest.raises(FencedOffError):
        store.record([older], fence=1)
    assert store.read() == [newer]


def test_the_statistics_tell_which_account_needs_a_person_since_when_and_how_many_faces_wait(
    synced: Synced,
) -> None:
    synced.beeper.accounts = [LOGGED_OUT, {**ACCOUNT, "accountID": SIGNAL.account_id, "network": "Signal"}]
    synced.sync()
    api = Api(synced.stack)
    signal, whatsapp = api.get("/api/stats")["accounts"]
    assert (whatsapp["network"], whatsapp["text"]) == ("WhatsApp", "log in again")
    assert (whatsapp["status"], whatsapp["statusText"]) == ("reconnect_required", "Logged out of the phone")
    assert (whatsapp["since"], whatsapp["needsPerson"]) == ("2027-01-15T08:00:00Z", True)
    assert "log in again" in whatsapp["advice"]
    assert whatsapp["waiting"] == 1, (
        "the picture of the one person in its chat, not that of the other network"
    )
    assert (signal["needsPerson"], signal["waiting"], signal["advice"]) == (False, None, None)
    key = "local.beeper.com/alex_2"
    fail(synced.stack, key)
    assert api.get("/api/stats")["accounts"][1]["waiting"] == 1, "a failed picture waits, too"
    synced.stack.now += HOUR
    cache(synced.stack, key, "b10b")
    assert api.get("/api/stats")["accounts"][1]["waiting"] == 0


def test_statistics_look_at_no_chat_while_every_account_works(synced: Synced) -> None:
    synced.sync()
    api = Api(synced.stack)
    synced.stack.calls.clear()
    api.get("/api/stats")
    assert "BatchGetItem" not in synced.stack.calls
    synced.beeper.accounts = [LOGGED_OUT]
    synced.sync(complete=False)
    synced.stack.calls.clear()
    api.get("/api/stats")
    assert synced.stack.calls.count("BatchGetItem") == 1


def test_nothing_about_accounts_is_known_before_the_first_sync(stack: Stack) -> None:
    assert Api(stack).get("/api/stats")["accounts"] == []


def test_every_status_is_recorded_and_explained(synced: Synced) -> None:
    synced.beeper.accounts = [
        {**ACCOUNT, "accountID": status.value, "status": status.value} for status in AccountStatus
    ]
    synced.sync(complete=False)
    accounts = Api(synced.stack).get("/api/stats")["accounts"]
    assert {account["accountId"]: account["status"] for account in accounts} == {
        status.value: status.value for status in AccountStatus
    }
    for account in accounts:
        assert account["text"]
        assert bool(account["advice"]) or not account["needsPerson"]
    assert {account["status"] for account in accounts if account["needsPerson"]} == {
        "connection_required",
        "reconnect_required",
        "attention_required",
        "disconnected",
    }
