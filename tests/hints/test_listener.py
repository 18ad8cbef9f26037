"""The listener names each chat that Beeper's events name, whatever the events and the server are like."""

import json
from http import HTTPStatus

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from imagecache_hints.listener import SILENCE_SECONDS, ListenerState
from tests.hints.conftest import BeeperSocket, Listening


def event(chat_id: object, *, seq: int = 1, kind: str = "chat.upserted") -> str:
    return json.dumps({"type": kind, "seq": seq, "ts": 1_739_320_000_000, "chatID": chat_id, "ids": ["m1"]})


def test_it_subscribes_to_all_chats_with_the_token(beeper: BeeperSocket, listening: Listening) -> None:
    beeper.subscribed()
    assert listening.state() is ListenerState.LISTENING
    assert beeper.commands == [{"type": "subscriptions.set", "requestID": "all", "chatIDs": ["*"]}]
    assert beeper.requests[0].path == "/v1/ws"
    assert beeper.requests[0].headers["Authorization"] == "Bearer t0"
    assert listening.hints.empty(), "a program that begins to listen syncs by itself"


def test_each_event_is_a_hint_also_repeated_out_of_order_of_an_unknown_chat_or_an_unknown_type(
    beeper: BeeperSocket, listening: Listening
) -> None:
    connection = beeper.subscribed()
    for seq, chat_id in ((7, "!a"), (7, "!a"), (3, "!b"), (9, "!nobody has this chat")):
        connection.send(event(chat_id, seq=seq))
    for kind in ("message.upserted", "message.deleted", "chat.deleted", "chat.painted"):
        connection.send(event(f"!{kind}", kind=kind))
    assert [listening.hint() for _ in range(8)] == [
        *("!a", "!a", "!b", "!nobody has this chat"),
        *("!message.upserted", "!message.deleted", "!chat.deleted", "!chat.painted"),
    ]


def test_what_is_not_an_event_is_passed_over(beeper: BeeperSocket, listening: Listening) -> None:
    connection = beeper.subscribed()
    for message in ("no json", "[]", "7", "{}", "[" * 100_000, b"\xff\x00", event(None), event(7), event("")):
        connection.send(message)
    connection.send(event("x" * 1_001))
    connection.send(event("!last"))
    assert listening.hint() == "!last"


def test_ten_thousand_events_at_once_are_ten_thousand_hints(
    beeper: BeeperSocket, listening: Listening
) -> None:
    connection = beeper.subscribed()
    for number in range(10_000):
        connection.send(event(f"!{number}"))
    assert [listening.hint() for _ in range(10_000)] == [f"!{number}" for number in range(10_000)]


def test_after_a_lost_connection_anything_may_have_changed(
    beeper: BeeperSocket, listening: Listening
) -> None:
    beeper.subscribed().socket.close()
    assert [listening.state(), listening.state()] == [ListenerState.LISTENING, ListenerState.DISCONNECTED]
    assert listening.pause() == 1.0
    listening.go_on()
    beeper.subscribed()
    assert listening.state() is ListenerState.LISTENING
    assert listening.hint() is None


def test_pauses_grow_to_a_minute_and_are_short_again_after_a_connection_that_lasted(
    beeper: BeeperSocket, listening: Listening
) -> None:
    connection = beeper.subscribed()
    beeper.answer = lambda connection, _request: connection.respond(503, "starting")
    connection.close()
    pauses = []
    for _ in range(8):
        pauses.append(listening.pause())
        listening.go_on()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    listening.pause()
    beeper.answer = lambda _connection, _request: None
    listening.go_on()
    connection = beeper.subscribed()
    listening.clock.now += 31
    connection.close()
    assert listening.pause() == 1.0


def test_a_server_that_refuses_the_subscription_is_asked_ever_more_rarely(beeper: BeeperSocket) -> None:
    beeper.confirms = False
    with Listening(beeper.url) as listening:
        for seconds in (1, 2, 4):
            assert listening.pause() == seconds
            listening.go_on()
        assert listening.state() is ListenerState.DISCONNECTED
        assert listening.hints.empty()


def test_a_connection_without_a_ping_for_75_seconds_is_replaced(
    beeper: BeeperSocket, listening: Listening
) -> None:
    connection = beeper.subscribed()
    assert listening.state() is ListenerState.LISTENING
    listening.clock.now += SILENCE_SECONDS - 1
    assert connection.ping().wait(60), "the client has answered"
    listening.clock.wait_for_reads(3)  # so that the listener has noticed it
    listening.clock.now += SILENCE_SECONDS - 1
    connection.send(event("!still here"))
    assert listening.hint() == "!still here"
    listening.clock.wait_for_reads(3)
    listening.clock.now += SILENCE_SECONDS + 1
    assert listening.state() is ListenerState.DISCONNECTED
    listening.go_on()
    beeper.subscribed()
    assert listening.hint() is None


@pytest.mark.parametrize(
    "status", [HTTPStatus.NOT_FOUND, HTTPStatus.UPGRADE_REQUIRED, HTTPStatus.OK, HTTPStatus.BAD_REQUEST]
)
def test_a_server_without_events_is_left_alone_and_asked_again_after_an_hour(
    beeper: BeeperSocket, status: HTTPStatus
) -> None:
    beeper.answer = lambda connection, _request: connection.respond(status, "old")
    with Listening(beeper.url) as listening:
        assert listening.pause() == 3600
        assert listening.state() is ListenerState.UNSUPPORTED
        beeper.answer = lambda _connection, _request: None
        listening.go_on()
        beeper.subscribed()
        assert listening.state() is ListenerState.LISTENING
        assert listening.hint() is None


def test_a_refused_token_is_one_hint_and_the_next_token_is_used(beeper: BeeperSocket) -> None:
    def check(connection: ServerConnection, request: Request) -> Response | None:
        is_valid = request.headers["Authorization"] == "Bearer t1"
        return None if is_valid else connection.respond(401, "no")

    beeper.answer = check
    with Listening(beeper.url) as listening:
        assert listening.pause() == 300
        assert listening.hint() is None, "a sync finds out that the token is refused"
        listening.go_on()
        assert listening.pause() == 300
        assert listening.hints.empty()
        listening.token = "t1"
        listening.go_on()
        beeper.subscribed()
        assert [listening.state(), listening.state()] == [ListenerState.REFUSED, ListenerState.LISTENING]


def test_a_token_is_not_sent_to_where_a_server_redirects(beeper: BeeperSocket) -> None:
    def redirect(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(302, "elsewhere")
        response.headers["Location"] = beeper.url.replace("http", "ws") + "/elsewhere"
        return response

    beeper.answer = redirect
    with Listening(beeper.url) as listening:
        assert listening.pause() == 300
        assert listening.state() is ListenerState.REFUSED
        assert [request.path for request in beeper.requests] == ["/v1/ws"]


def test_a_beeper_that_is_not_running_is_a_lost_connection() -> None:
    with BeeperSocket() as beeper:
        url = beeper.url
    with Listening(url) as listening:
        assert listening.pause() == 1.0
        assert listening.state() is ListenerState.DISCONNECTED
        assert listening.hints.empty()


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 0.5), (0.5, 0.75)])
def test_pauses_are_shortened_by_chance_so_that_programs_do_not_return_together(
    jitter: float, seconds: float
) -> None:
    with BeeperSocket() as beeper:
        url = beeper.url
    with Listening(url, jitter=jitter) as listening:
        assert listening.pause() == seconds
