"""The gate passes on requests with the token of this run, without the token, and refuses all others."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.durable import Message
from local.engine_gate import Gate, Headers
from local.engine_policies import FunctionCredentials, UserKeys

TOKEN = (b"x-amz-security-token", b"token-of-this-run")
OWN_HOST = (b"host", b"127.0.0.1:4000")
API_HOST = (b"host", b"0123abcd.execute-api.localhost:4000")
PAGE = (b"origin", b"http://localhost:3000")


class Engine:
    """Answers every request, as ministack does, with headers that let every page read the answer."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.response_headers: Headers = [(b"Access-Control-Allow-Origin", b"*"), (b"x-amzn-requestid", b"1")]

    async def __call__(self, scope: Message, _: Any, send: Any) -> None:
        self.received.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": self.response_headers})
        await send({"type": "http.response.body", "body": b"secret"})


@pytest.fixture
def engine() -> Engine:
    return Engine()


def ask(
    engine: Engine,
    *headers: tuple[bytes, bytes],
    kind: str = "http",
    path: str = "/",
    functions: FunctionCredentials | None = None,
    users: tuple[str, ...] = (),
) -> list[Message]:
    """Sends a request with these headers through the gate, and returns the messages of the answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the gate reads no body")

    scope = {"type": kind, "method": "GET", "path": path, "headers": list(headers)}
    functions = functions or FunctionCredentials()
    keys = UserKeys(lambda: users)
    gate = Gate(engine, port=4000, token="token-of-this-run", functions=functions, users=keys)
    # In a thread of its own: while a browser of another test is open, this thread has an event loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(gate(scope, receive, send))).result()
    return sent


@pytest.mark.parametrize("host", [OWN_HOST, (b"host", b"localhost:4000"), API_HOST])
def test_a_request_with_the_token_passes_and_the_token_is_taken_out(
    engine: Engine, host: tuple[bytes, bytes]
) -> None:
    start, body = ask(engine, host, TOKEN, (b"x-amz-target", b"t"))
    assert engine.received[0]["headers"] == [host, (b"x-amz-target", b"t")]
    assert (start["status"], start["headers"]) == (200, [(b"x-amzn-requestid", b"1")])
    assert body["body"] == b"secret"


@pytest.mark.parametrize(
    "headers",
    [
        [OWN_HOST],
        [OWN_HOST, (TOKEN[0], b"of-an-older-run")],
        [OWN_HOST, (TOKEN[0], b"")],
        [OWN_HOST, TOKEN, TOKEN],
        [
            OWN_HOST,
            (
                b"authorization",
                b"AWS4-HMAC-SHA256 Credential=token-of-this-run/20260101/eu-west-1/s3/aws4_request",
            ),
        ],
        [API_HOST],
        [API_HOST, PAGE],
    ],
)
def test_a_request_without_exactly_the_token_is_refused(engine: Engine, headers: Headers) -> None:
    assert ask(engine, *headers)[0]["status"] == 403
    assert engine.received == []


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example:4000",
        b"127.0.0.1.evil.example:4000",
        b"127.0.0.1",
        b"127.0.0.1:4001",
        b"0123abcd.execute-api.localhost.evil.example:4000",
        b"evil.example/0123abcd.execute-api.localhost:4000",
        b"pictures.s3.localhost:4000",
        b"",
    ],
)
def test_another_host_name_is_refused(engine: Engine, host: bytes) -> None:
    assert ask(engine, (b"host", host), TOKEN)[0]["status"] == 403
    assert engine.received == []


@pytest.mark.parametrize("hosts", [[], [OWN_HOST, OWN_HOST], [OWN_HOST, (b"host", b"evil.example")]])
def test_a_request_must_name_one_host(engine: Engine, hosts: Headers) -> None:
    assert ask(engine, *hosts, TOKEN)[0]["status"] == 403
    assert engine.received == []


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"same-origin", b"none"])
@pytest.mark.parametrize("host", [OWN_HOST, API_HOST])
def test_a_browser_is_refused_even_with_the_token(
    engine: Engine, host: tuple[bytes, bytes], site: bytes
) -> None:
    assert ask(engine, host, TOKEN, (b"sec-fetch-site", site))[0]["status"] == 403
    assert engine.received == []


@pytest.mark.parametrize("origin", [PAGE, (b"origin", b"null"), (b"origin", b"")])
def test_a_page_is_refused_even_with_the_token(engine: Engine, origin: tuple[bytes, bytes]) -> None:
    assert ask(engine, OWN_HOST, TOKEN, origin)[0]["status"] == 403
    assert engine.received == []


def test_the_api_is_sent_the_origin_of_a_page_and_its_cors_answer_passes(engine: Engine) -> None:
    engine.response_headers = [(b"access-control-allow-origin", PAGE[1])]
    assert ask(engine, API_HOST, TOKEN, PAGE)[0]["headers"] == engine.response_headers
    assert engine.received[0]["headers"] == [API_HOST, PAGE]


def test_a_websocket_is_closed_even_with_the_token(engine: Engine) -> None:
    assert ask(engine, API_HOST, TOKEN, kind="websocket") == [{"type": "websocket.close", "code": 1008}]
    assert engine.received == []


SYNC, CACHER = "ASIA0000000000000001", "ASIA0000000000000002"


@pytest.fixture
def functions() -> FunctionCredentials:
    functions = FunctionCredentials()
    functions.issue(SYNC)
    functions.issue(CACHER)
    return functions


def signed(key_id: str) -> tuple[bytes, bytes]:
    scope = f"{key_id}/20260101/eu-west-1/s3/aws4_request"
    return (
        b"authorization",
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode(),
    )


def token_of(functions: FunctionCredentials, key_id: str) -> tuple[bytes, bytes]:
    return (TOKEN[0], functions.issue(key_id).token.encode())


def test_a_request_of_a_function_passes_with_the_token_that_it_has_signed(
    engine: Engine, functions: FunctionCredentials
) -> None:
    sent = [OWN_HOST, token_of(functions, SYNC), signed(SYNC)]
    assert ask(engine, *sent, functions=functions)[0]["status"] == 200
    assert engine.received[0]["headers"] == sent


def test_a_function_is_nobody_else(engine: Engine, functions: FunctionCredentials) -> None:
    token = token_of(functions, SYNC)
    for authorization in ([], [signed(CACHER)], [signed("test")], [signed("")], [signed(SYNC)] * 2):
        assert ask(engine, OWN_HOST, token, *authorization, functions=functions)[0]["status"] == 403
    assert ask(engine, OWN_HOST, signed(SYNC), functions=functions)[0]["status"] == 403, "no token"
    assert engine.received == []


@pytest.mark.parametrize(
    "path", ["/_ministack/reset", "/_ministack/health", "/_localstack/health", "/health"]
)
def test_a_function_is_refused_the_paths_of_the_engine_itself(
    engine: Engine, functions: FunctionCredentials, path: str
) -> None:
    token = token_of(functions, SYNC)
    assert ask(engine, OWN_HOST, token, signed(SYNC), path=path, functions=functions)[0]["status"] == 403
    assert ask(engine, API_HOST, token, signed(SYNC), functions=functions)[0]["status"] == 403
    assert engine.received == []


def test_credentials_of_functions_are_long_and_new_in_each_run(functions: FunctionCredentials) -> None:
    issued = functions.issue(SYNC)
    assert functions.issue(SYNC) == issued, "all processes of a function have the same"
    assert min(len(issued.secret), len(issued.token)) >= 43, "256 bits"
    others = [functions.issue(CACHER), FunctionCredentials().issue(SYNC)]
    assert len({issued.token, *(other.token for other in others)}) == 3
    assert len({issued.secret, *(other.secret for other in others)}) == 3
    assert issued.token not in repr(issued)


def user_authorization(key_id: str) -> tuple[bytes, bytes]:
    credential = f"AWS4-HMAC-SHA256 Credential={key_id}/20261129/eu-west-1/sqs/aws4_request"
    return b"authorization", credential.encode()


def test_a_user_of_the_engine_passes_and_the_engine_checks_the_signature(engine: Engine) -> None:
    start, _ = ask(engine, OWN_HOST, user_authorization("AKIAUSER"), users=("AKIAUSER",))

    assert start["status"] == 200
    assert engine.received[0]["headers"] == [OWN_HOST, user_authorization("AKIAUSER")]


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([OWN_HOST, user_authorization("AKIAOTHER")], "/"),
        ([OWN_HOST, user_authorization("AKIAUSE")], "/"),
        ([OWN_HOST, user_authorization("AKIAUSER"), user_authorization("AKIAUSER")], "/"),
        ([OWN_HOST, user_authorization("AKIAUSER"), (TOKEN[0], b"x")], "/"),
        ([API_HOST, user_authorization("AKIAUSER")], "/api/chats"),
        ([OWN_HOST, user_authorization("AKIAUSER")], "/_ministack/reset"),
    ],
)
def test_a_user_is_nobody_else_and_uses_services_only(engine: Engine, headers: Headers, path: str) -> None:
    start, _ = ask(engine, *headers, path=path, users=("AKIAUSER",))

    assert start["status"] == 403
    assert engine.received == []
