"""Nothing wrong is concluded from what other programs answer in place of Beeper."""

import gzip
import itertools
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from imagecache.errors import (
    ChatUnavailableError,
    ListingError,
    OriginBusyError,
    OriginDownError,
    OriginUnauthorizedError,
)
from imagecache.model.chat import Chat
from imagecache.sources.beeper.chats import ChatApi, parse_chat
from imagecache.sources.transport import punctual_session
from tests.hostile.origin import Flood, Origin, Say, answer, cut_short, drip
from tests.recorded_answers import FOLDER, recorded

PAGE = b"<!DOCTYPE html><html><title>error code: 1033</title></html>"
LOGIN = answer("302 Found", b"", "Location: https://login.example/")
SECRETS = {"beeper-token": "secret"}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with punctual_session() as session:
        yield session


def said(name: str, status: str = "200 OK") -> Say:
    """Returns a server's behaviour: it sends a recorded answer."""
    return answer(status, (FOLDER / f"{name}.json").read_bytes(), "Content-Type: application/json")


def api_at(origin: Origin, session: requests.Session) -> ChatApi:
    return ChatApi(base_url=origin.url, secrets=SECRETS, session=session)


def large_group() -> Chat:
    return parse_chat(recorded("group_of_552_excerpt"))


OTHER_PROGRAMS = [
    (answer("401 Unauthorized", b"{}"), OriginUnauthorizedError),
    (LOGIN, OriginUnauthorizedError),
    (answer("429 Too Many Requests", b"{}"), OriginBusyError),
    (answer("502 Bad Gateway", b"{}"), OriginDownError),
    (answer("530 ", b"error code: 1033"), OriginDownError),
    (answer("200 OK", PAGE), OriginDownError),
    (answer("403 Forbidden", PAGE), OriginDownError),
    (answer("404 Not Found", PAGE), OriginDownError),
    (answer("200 OK"), OriginDownError),
    (answer("200 OK", b"[" * 200_000), OriginDownError),
    (answer("200 OK", b'{"items": [' + b"9" * 5000 + b"]}"), OriginDownError),
    (cut_short("200 OK", b"{}", 99), OriginDownError),
    (lambda connection: connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n"), OriginDownError),
]


@pytest.mark.parametrize(("say", "expected"), OTHER_PROGRAMS)
def test_an_answer_by_another_program_says_nothing_about_any_chat(
    session: requests.Session, say: Say, expected: type[OriginDownError]
) -> None:
    with Origin(say) as origin:
        api = api_at(origin, session)
        for ask in (
            lambda: api.page(None),
            lambda: api.with_full_roster(large_group()),
            lambda: api.look_up("!a"),
        ):
            with pytest.raises(OriginDownError) as caught:
                ask()
            assert type(caught.value) is expected


def test_an_answer_that_never_ends_is_given_up_in_time(session: requests.Session) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
    started = time.monotonic()
    with Origin(drip(head)) as origin, pytest.raises(OriginDownError):
        ChatApi(base_url=origin.url, secrets=SECRETS, session=session, timeout=(0.3, 0.3)).page(None)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (answer("403 Forbidden", b'{"message": "scope"}'), OriginUnauthorizedError),
        (said("error_inside_beeper", "500 Internal Server Error"), OriginDownError),
        (said("error_of_v0", "404 Not Found"), ListingError),
        (said("error_of_v0"), ListingError),
        (answer("200 OK", b"[]"), ListingError),
    ],
)
def test_a_list_that_beeper_refuses_is_not_an_empty_list(
    session: requests.Session, say: Say, expected: type[Exception]
) -> None:
    with Origin(say) as origin, pytest.raises(expected) as caught:
        api_at(origin, session).page(None)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    "say",
    [
        said("error_of_v1", "404 Not Found"),
        said("error_inside_beeper", "500 Internal Server Error"),
        answer("403 Forbidden", b'{"message": "not yours"}'),
        answer("400 Bad Request", b"{}"),
        answer("200 OK", b"{}"),
    ],
)
def test_an_error_of_beeper_for_one_chat_concerns_that_chat_alone(
    session: requests.Session, say: Say
) -> None:
    """A single chat must not end every run at the same place."""
    with Origin(say) as origin, pytest.raises(ChatUnavailableError):
        api_at(origin, session).with_full_roster(large_group())


class OneFaultyChat(Origin):
    """Answers the request for the list as Beeper does, and every other request with `say`."""

    def answer_to(self, head: str) -> Say:
        is_list = head.startswith("GET /v1/chats?")
        return said("list_of_a_new_server") if is_list else super().answer_to(head)


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(answer("502 Bad Gateway", b'{"code": "BRIDGE_ERROR"}'), id="502"),
        pytest.param(answer("503 Service Unavailable", b"{}"), id="503"),
        pytest.param(answer("504 Gateway Timeout", b"{}"), id="504"),
        pytest.param(answer("500 Internal Server Error", b"Internal Server Error"), id="500 with plain text"),
        pytest.param(answer("404 Not Found"), id="404 without a body"),
        pytest.param(answer("204 No Content"), id="204"),
        pytest.param(answer("401 Unauthorized", b"{}"), id="401"),
        pytest.param(answer("200 OK", b'{"id": "!a", "part'), id="truncated JSON"),
        pytest.param(lambda _: time.sleep(0.7), id="no answer in time"),
    ],
)
def test_an_answer_that_a_tunnel_may_send_concerns_one_chat_alone_if_the_list_is_served(
    session: requests.Session, say: Say
) -> None:
    with OneFaultyChat(say) as origin:
        api = ChatApi(base_url=origin.url, secrets=SECRETS, session=session, timeout_for_one_chat=(0.3, 0.3))
        with pytest.raises(ChatUnavailableError):
            api.with_full_roster(large_group())
        with pytest.raises(ListingError):
            api.look_up("!a")


def test_slow_answers_for_single_chats_use_up_a_minute_of_each_page_at_most(
    session: requests.Session,
) -> None:
    with OneFaultyChat(answer("200 OK", b"{}")) as origin:
        seconds = itertools.count(step=3)
        api = ChatApi(base_url=origin.url, secrets=SECRETS, session=session, clock=lambda: next(seconds))

        def ask() -> str:
            with pytest.raises(ChatUnavailableError) as caught:
                api.with_full_roster(large_group())
            return type(caught.value).__name__

        for _ in range(2):
            assert [ask() for _ in range(22)] == ["ChatUnavailableError"] * 21 + ["ChatNotRequestedError"]
            with pytest.raises(ListingError):
                api.look_up("!a")
            assert sum("/v1/chats/" in request for request in origin.requests) == 21
            api.begin_page()
            origin.requests.clear()


def test_quick_answers_for_single_chats_may_take_any_time_together(session: requests.Session) -> None:
    with OneFaultyChat(answer("200 OK", b"{}")) as origin:
        seconds = itertools.count(step=2)
        api = ChatApi(base_url=origin.url, secrets=SECRETS, session=session, clock=lambda: next(seconds))
        for _ in range(40):
            with pytest.raises(ChatUnavailableError):
                api.with_full_roster(large_group())
        assert len(origin.requests) == 40


def test_threads_send_one_request_at_a_time_and_waiting_for_another_is_not_beepers_slowness(
    session: requests.Session,
) -> None:
    list_is_asked_for, may_answer = Event(), Event()

    def say(connection: socket.socket) -> None:
        list_is_asked_for.set()
        assert may_answer.wait(10)
        answer("200 OK", b'{"items": [], "hasMore": false}')(connection)

    with Origin(say) as origin, ThreadPoolExecutor(2) as threads:
        seconds = itertools.count(step=3)
        clock_is_read = Event()

        def clock() -> float:
            clock_is_read.set()
            return next(seconds)

        api = ChatApi(base_url=origin.url, secrets=SECRETS, session=session, clock=clock)
        page = threads.submit(api.page, None)
        assert list_is_asked_for.wait(10)
        chat = threads.submit(api.with_full_roster, large_group())
        assert not clock_is_read.wait(0.1), "the time of the second request begins when it is sent"
        assert len(origin.requests) == 1
        may_answer.set()
        assert page.result().chats == []
        with pytest.raises(ChatUnavailableError):
            chat.result()
        assert len(origin.requests) == 2


def test_a_single_chat_has_less_time_than_the_list(session: requests.Session) -> None:
    started = time.monotonic()
    with OneFaultyChat(lambda _: time.sleep(0.7)) as origin:
        api = ChatApi(base_url=origin.url, secrets=SECRETS, session=session, timeout_for_one_chat=(0.2, 0.2))
        with pytest.raises(ChatUnavailableError):
            api.with_full_roster(large_group())
    assert time.monotonic() - started < 3


def test_too_many_requests_are_no_fault_of_one_chat(session: requests.Session) -> None:
    with OneFaultyChat(answer("429 Too Many Requests", b"{}")) as origin:
        with pytest.raises(OriginBusyError):
            api_at(origin, session).look_up("!a")
        assert len(origin.requests) == 1


def test_a_chat_whose_members_are_withheld_is_partial_and_not_empty(session: requests.Session) -> None:
    body = json.dumps({"id": large_group().chat_id, "participants": None}).encode()
    with Origin(answer("200 OK", body)) as origin:
        full = api_at(origin, session).with_full_roster(large_group())
    assert (full.participants, full.participant_count, full.roster_is_partial) == ((), 552, True)


@pytest.mark.parametrize(("listed", "is_partial"), [(551, False), (550, True)])
def test_a_full_roster_is_whole_if_it_lacks_only_oneself(
    session: requests.Session, listed: int, is_partial: bool
) -> None:
    items = [{"id": f"@{number}"} for number in range(listed)]
    roster = {"items": items, "hasMore": False, "total": listed}
    body = json.dumps({"id": large_group().chat_id, "participants": roster}).encode()
    with Origin(answer("200 OK", body)) as origin:
        full = api_at(origin, session).with_full_roster(large_group())
    assert (len(full.participants), full.participant_count) == (listed, 552)
    assert full.roster_is_partial == is_partial


def test_only_a_404_of_the_chat_itself_means_that_it_is_gone(session: requests.Session) -> None:
    with Origin(said("error_of_v1", "404 Not Found")) as origin:
        assert api_at(origin, session).look_up("!a/b?c#d") is None
    [request] = origin.requests
    assert request.startswith("GET /v1/chats/%21a%2Fb%3Fc%23d?maxParticipantCount=0 HTTP/1.1\r\n")
    with Origin(said("group_of_552_excerpt")) as origin:
        assert api_at(origin, session).look_up(large_group().chat_id) is not None
    with Origin(answer("200 OK", b"{}")) as origin, pytest.raises(ListingError):
        api_at(origin, session).look_up("!a")
    for status in ("500 Internal Server Error", "403 Forbidden", "400 Bad Request"):
        with Origin(said("error_inside_beeper", status)) as origin, pytest.raises(ListingError):
            api_at(origin, session).look_up("!a")


@pytest.mark.parametrize(
    ("body", "is_gone"),
    [
        ({"message": "Chat not found", "code": "NOT_FOUND", "details": None}, True),
        ({"message": "Not found", "code": "NOT_FOUND"}, True),
        ({"message": "No such chat", "code": "CHAT_NOT_FOUND"}, True),
        ({"error": "Chat not found"}, True),
        ({"message": "Route GET:/v1/chats/!a not found", "error": "Not Found", "statusCode": 404}, False),
        ({"message": "Route GET:/v1/chats/my-chat-1 not found", "statusCode": 404}, False),
        ({"message": "Route not found", "code": "NOT_FOUND"}, False),
        ({"message": "Not found", "code": "ROUTE_NOT_FOUND"}, False),
        ({"error": "Unknown endpoint: /v1/chats/!a"}, False),
        ({"detail": "Not Found"}, False),
        ({"message": "Not Found"}, False),
        ({"message": "Account is not ready", "code": "NOT_READY"}, False),
        ({}, False),
        ([], False),
    ],
)
def test_a_404_means_that_a_chat_is_gone_only_if_beeper_says_so(
    session: requests.Session, body: object, is_gone: bool
) -> None:
    with Origin(answer("404 Not Found", json.dumps(body).encode())) as origin:
        api = api_at(origin, session)
        if is_gone:
            assert api.look_up("!a") is None
        else:
            with pytest.raises(ListingError):
                api.look_up("!a")


def test_the_answer_for_another_chat_is_no_answer(session: requests.Session) -> None:
    with Origin(said("group_of_552_excerpt")) as origin:
        api = api_at(origin, session)
        with pytest.raises(ListingError):
            api.look_up("!a")
        with pytest.raises(ChatUnavailableError):
            api.with_full_roster(parse_chat({"id": "!a"}))


def test_the_tunnels_own_headers_are_sent_when_both_are_known(session: requests.Session) -> None:
    guarded = {**SECRETS, "cf-access-client-id": "id", "cf-access-client-secret": "hush"}
    for secrets, sent in ((guarded, True), ({**SECRETS, "cf-access-client-id": "id"}, False)):
        with Origin(said("list_of_a_new_server")) as origin:
            ChatApi(base_url=origin.url, secrets=secrets, session=session).page(None)
        lines = set(origin.requests[0].split("\r\n"))
        assert "Authorization: Bearer secret" in lines
        assert {line for line in lines if line.startswith("CF-Access")} == (
            {"CF-Access-Client-Id: id", "CF-Access-Client-Secret: hush"} if sent else set()
        )


def test_a_list_that_is_too_large_is_refused_in_one_line_that_says_what_to_do(
    session: requests.Session,
) -> None:
    with Origin(Flood()) as origin, pytest.raises(ListingError) as caught:
        api_at(origin, session).page(None)
    assert str(caught.value) == "more than 32 MB: check what answers at this address"


def test_a_chat_that_is_too_large_does_not_end_the_sync_of_the_others(session: requests.Session) -> None:
    with Origin(Flood()) as origin, pytest.raises(ChatUnavailableError, match="more than 32 MB"):
        api_at(origin, session).with_full_roster(large_group())


def test_no_compressed_answer_is_asked_for_or_unpacked(session: requests.Session) -> None:
    packed = gzip.compress(b'{"items": []}')
    with Origin(answer("200 OK", packed, "Content-Encoding: gzip")) as origin:
        with pytest.raises(OriginDownError, match="a compressed body"):
            api_at(origin, session).page(None)
        assert "Accept-Encoding: identity" in origin.requests[0]
