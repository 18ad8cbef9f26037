"""The demo account's WebSocket tells of changes, as far as a client has subscribed to them."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from demo.service import DemoAccount
from tests.demo.clients import Client

ALL = ["*"]


@contextmanager
def subscribed(demo: DemoAccount, *chat_ids: str, token: str | None = None) -> Iterator[ClientConnection]:
    """Opens a WebSocket and subscribes to these chats."""
    headers = {"Authorization": f"Bearer {token or demo.beeper_token}"}
    url = f"{demo.beeper_url.replace('http', 'ws')}/v1/ws"
    with connect(url, additional_headers=headers, proxy=None, ping_interval=None) as connection:
        assert receive(connection) == {"type": "ready", "version": 1, "chatIDs": []}
        send(connection, type="subscriptions.set", requestID="r1", chatIDs=list(chat_ids))
        confirmed = {"type": "subscriptions.updated", "requestID": "r1", "chatIDs": list(chat_ids)}
        assert receive(connection) == confirmed
        yield connection


def receive(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(timeout=60))


def send(connection: ClientConnection, **command: object) -> None:
    connection.send(json.dumps(command))


def brief(event: Any) -> tuple[str, str, int]:
    return event["type"], event["chatID"], event["seq"]


def test_a_new_picture_a_message_a_new_chat_and_a_deletion_are_events(
    demo: DemoAccount, beeper: Client
) -> None:
    chat = demo.account.chats[3]
    other = next(person for person in chat.people if not person.is_self)
    affected = {each.id for each in demo.account.chats if other.id in {person.id for person in each.people}}
    with subscribed(demo, *ALL) as connection:
        beeper.control("avatar", ownerId=other.id, mediaId="alex_new")
        changed = [receive(connection) for _ in affected]
        assert {event["chatID"] for event in changed} >= {chat.id}
        assert {event["type"] for event in changed} == {"chat.upserted"}
        seq = changed[-1]["seq"]
        beeper.control("message", chatId=chat.id, text="hello")
        beeper.control("remove-chat", chatId=chat.id)
        assert brief(receive(connection)) == ("message.upserted", chat.id, seq + 1)
        assert brief(receive(connection)) == ("chat.deleted", chat.id, seq + 2)


def test_only_chats_that_were_subscribed_to_are_told_of(demo: DemoAccount) -> None:
    first, second = demo.account.chats[:2]
    with subscribed(demo, second.id) as connection:
        demo.account.receive_message(first.id, "one")
        demo.account.receive_message(second.id, "two")
        assert brief(receive(connection)) == ("message.upserted", second.id, 1)


def test_events_can_be_lost_repeated_out_of_order_and_of_chats_that_do_not_exist(
    demo: DemoAccount, beeper: Client
) -> None:
    with subscribed(demo, *ALL) as connection:
        beeper.control("settings", losesEvents=True)
        demo.account.receive_message(demo.account.chats[0].id, "lost")
        beeper.control("events", chatIds=["!nobody", "!nothing"], sequences=[9, 3])
        assert [brief(receive(connection))[1:] for _ in range(2)] == [("!nobody", 9), ("!nothing", 3)]
        beeper.control("events", chatIds=["!nobody"], times=10_000)
        assert {receive(connection)["chatID"] for _ in range(10_000)} == {"!nobody"}
        assert beeper.report("events").json() == {"clients": 1}


def test_a_wrong_command_is_an_error_and_the_connection_goes_on(demo: DemoAccount) -> None:
    with subscribed(demo, *ALL) as connection:
        send(connection, type="subscriptions.set", requestID="r2", chatIDs=["*", "!a"])
        assert (receive(connection)["type"], receive_error_of(connection, "no json")) == ("error", "error")
        send(connection, type="subscriptions.set", requestID="r3", chatIDs=[])
        assert receive(connection)["requestID"] == "r3"


def receive_error_of(connection: ClientConnection, message: str) -> str:
    connection.send(message)
    return str(receive(connection)["type"])


def test_it_needs_a_valid_token_and_a_new_server(demo: DemoAccount) -> None:
    with pytest.raises(InvalidStatus, match="401"), subscribed(demo, token="wrong"):
        pass
    answer = requests.get(
        f"{demo.beeper_url}/v1/ws", headers={"Authorization": f"Bearer {demo.beeper_token}"}, timeout=60
    )
    assert answer.status_code == 426
    demo.chat_api.is_old = True
    with pytest.raises(InvalidStatus, match="404"), subscribed(demo):
        pass


def test_there_are_pings_and_a_client_with_a_revoked_token_is_disconnected() -> None:
    pinged = []

    class Watching(ClientConnection):
        def process_event(self, event: Any) -> None:
            pinged.append(getattr(event, "opcode", None))
            super().process_event(event)

    with DemoAccount(scale=0.1, ping_seconds=0.05) as demo, closing(requests.Session()):
        is_valid = [True]
        demo.events._accepts = lambda _: is_valid[0]
        url = f"{demo.beeper_url.replace('http', 'ws')}/v1/ws"
        headers = {"Authorization": f"Bearer {demo.beeper_token}"}
        with connect(
            url, additional_headers=headers, proxy=None, ping_interval=None, create_connection=Watching
        ) as connection:
            receive(connection)
            is_valid[0] = False
            with pytest.raises(ConnectionClosed):
                connection.recv(timeout=60)
