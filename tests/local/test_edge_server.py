"""The local server forwards requests as CloudFront does, here to an engine that records them."""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.deploy import DeployedStack
from local.edge_server import EdgeServer
from local.edge_site import Site
from local.engine import Engine
from local.engine_protocol import TOKEN_HEADER
from local.template import read_template

TOKEN = "token-of-this-run"
RESOURCES = {"ImageBucket": "pictures", "WebBucket": "web", "HttpApi": "0123abcd"}
TEMPLATE = read_template()
ALLOWED_PAGE = "http://localhost:3000"
Recorded = tuple[str, str, dict[str, str], bytes]  # method, target, headers, body
Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


class FakeEngine(ThreadingHTTPServer):
    """Records each request, and answers with `answer`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FakeEngineHandler)
        self.recorded: list[Recorded] = []
        self.tokens: list[list[str]] = []
        self.answer: Answer = (200, {"Content-Type": "text/plain"}, b"body")


class _FakeEngineHandler(BaseHTTPRequestHandler):
    server: FakeEngine

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.recorded.append((self.command, self.path, headers, body))
        self.server.tokens.append(self.headers.get_all(TOKEN_HEADER, []))
        status, headers, content = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(content)

    do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def edge_stack(engine: FakeEngine) -> DeployedStack:
    no_child: Any = None
    return DeployedStack("imagecache", Engine(no_child, engine.server_port, TOKEN), TEMPLATE, RESOURCES, {})


@pytest.fixture
def edge(engine: FakeEngine) -> Iterator[EdgeServer]:
    server = EdgeServer(0)
    server.site = Site(edge_stack(engine), allowed_origins=[ALLOWED_PAGE])
    with server.serving():
        yield server


def ask(
    edge: EdgeServer,
    target: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] = {},
) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", edge.server_port, timeout=60)) as connection:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )


def test_the_api_is_asked_under_its_own_host_name_with_all_that_the_viewer_sent(
    edge: EdgeServer, engine: FakeEngine
) -> None:
    engine.answer = (418, {"Content-Type": "application/json", "X-Trace": "1", "Server": "engine"}, b"{}")
    headers = {"Authorization": "Bearer t", "Cookie": "c=1", "Accept-Encoding": "gzip"}
    status, received, body = ask(
        edge, "/api/chats?a=b%2Fc&a=d", method="POST", body=b"hello", headers=headers
    )
    method, target, sent, sent_body = engine.recorded[0]
    assert (method, target, sent_body) == ("POST", "/api/chats?a=b%2Fc&a=d", b"hello")
    assert sent["host"] == f"0123abcd.execute-api.localhost:{engine.server_port}"
    assert (sent["authorization"], sent["cookie"], sent["accept-encoding"]) == ("Bearer t", "c=1", "gzip")
    assert (status, body, received["x-trace"], received["server"]) == (418, b"{}", "1", "imagecache")


@pytest.mark.parametrize("target", ["/api/chats", "/images/0a/96.webp"])
def test_the_engine_is_sent_the_token_of_its_run_and_no_header_that_marks_a_browser(
    edge: EdgeServer, engine: FakeEngine, target: str
) -> None:
    browser = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "X-Amz-Security-Token": "a guess"}
    assert ask(edge, target, headers=browser)[0] == 200
    _, _, sent, _ = engine.recorded[0]
    assert engine.tokens == [[TOKEN]]
    assert not [name for name in sent if name.startswith("sec-fetch-")]


def test_the_origin_of_a_page_is_sent_to_the_api_only(edge: EdgeServer, engine: FakeEngine) -> None:
    for target in ("/api/chats", "/images/0a/96.webp"):
        assert ask(edge, target, headers={"Origin": ALLOWED_PAGE})[0] == 200
    assert [sent.get("origin") for _, _, sent, _ in engine.recorded] == [ALLOWED_PAGE, None]


def test_the_bucket_is_asked_for_a_picture_without_query_and_cookies(
    edge: EdgeServer, engine: FakeEngine
) -> None:
    engine.answer = (
        200,
        {"Content-Type": "image/webp", "ETag": '"e"', "Cache-Control": "immutable", "x-amz-version-id": "v"},
        b"RIFF",
    )
    status, received, body = ask(
        edge, "/images/0a/96.webp?versions", headers={"Cookie": "c=1", "Authorization": "Bearer t"}
    )
    assert engine.recorded[0][1] == "/pictures/images/0a/96.webp"
    assert "cookie" not in engine.recorded[0][2]
    assert "t" not in engine.recorded[0][2]["authorization"].split(), "only the API gets a visitor's token"
    assert (status, body) == (200, b"RIFF")
    assert (received["content-type"], received["etag"], received["cache-control"]) == (
        "image/webp",
        '"e"',
        "immutable",
    )
    assert received["x-content-type-options"] == "nosniff"
    assert "x-amz-version-id" not in received


def test_a_picture_that_did_not_change_is_not_sent_again(edge: EdgeServer, engine: FakeEngine) -> None:
    engine.answer = (304, {"ETag": '"e"'}, b"")
    status, received, body = ask(edge, "/images/0a/96.webp", headers={"If-None-Match": '"e"'})
    assert engine.recorded[0][2]["if-none-match"] == '"e"'
    assert (status, received["etag"], body) == (304, '"e"', b"")


def test_head_is_answered_with_headers_and_no_body(edge: EdgeServer) -> None:
    status, received, body = ask(edge, "/images/0a/96.webp", method="HEAD")
    assert (status, received["content-length"], body) == (200, "4", b"")


def test_the_root_is_answered_with_the_first_page(edge: EdgeServer, engine: FakeEngine) -> None:
    assert ask(edge, "/")[0] == 200
    assert engine.recorded[0][1] == "/web/index.html"


@pytest.mark.parametrize(
    "target",
    [
        "/images/../originals/0a",
        "/images/%2e%2e/originals/0a",
        "/images/..%2Foriginals%2F0a",
        "/images//originals/0a",
        "/images/",
        "/images/%00",
        "/../../etc/passwd",
        "/%2e%2e/web",
        "//127.0.0.1/",
    ],
)
def test_a_path_that_leaves_its_folder_reaches_no_bucket(
    edge: EdgeServer, engine: FakeEngine, target: str
) -> None:
    assert ask(edge, target)[0] == 403
    assert engine.recorded == []


def test_a_request_for_an_original_goes_to_the_web_bucket_which_has_none(
    edge: EdgeServer, engine: FakeEngine
) -> None:
    ask(edge, "/originals/0a")
    ask(edge, "/%6friginals/0a")
    assert [target for _, target, _, _ in engine.recorded] == ["/web/originals/0a"] * 2


def test_a_missing_object_is_answered_like_a_forbidden_one(edge: EdgeServer, engine: FakeEngine) -> None:
    engine.answer = (404, {"Content-Type": "application/xml"}, b"<Error><Key>secret</Key></Error>")
    assert ask(edge, "/images/nothing")[0::2] == (403, b"Access denied\n")


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/"), ("DELETE", "/images/0a/96.webp"), ("TRACE", "/api/chats")]
)
def test_a_method_that_the_template_does_not_name_is_refused(
    edge: EdgeServer, engine: FakeEngine, method: str, target: str
) -> None:
    assert ask(edge, target, method=method)[0] == 403
    assert engine.recorded == []


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost:"]
)
def test_another_host_name_is_refused(edge: EdgeServer, engine: FakeEngine, host: str) -> None:
    """A page elsewhere can make its own name mean 127.0.0.1 (DNS rebinding)."""
    assert ask(edge, "/api/chats", headers={"Host": host})[0] == 403
    assert engine.recorded == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080"])
def test_its_own_host_names_are_served(edge: EdgeServer, host: str) -> None:
    assert ask(edge, "/api/chats", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://127.0.0.1:{port}1"},
        {"Origin": "http://localhost:{port}"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Access-Control-Request-Private-Network": "true"},
        {"Origin": "{allowed}", "Access-Control-Request-Private-Network": "true"},
    ],
)
@pytest.mark.parametrize("target", ["/", "/api/chats", "/images/0a/96.webp"])
def test_a_page_of_another_address_is_refused(
    edge: EdgeServer, engine: FakeEngine, target: str, headers: dict[str, str]
) -> None:
    values = {"port": edge.server_port, "allowed": ALLOWED_PAGE}
    sent = {name: value.format(**values) for name, value in headers.items()}
    status, received, _ = ask(edge, target, headers=sent)
    assert status == 403
    assert engine.recorded == []
    assert not [name for name in received if name.startswith("access-control-")]


FOLLOWED_LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_a_link_of_another_page_leads_to_the_page_and_to_nothing_else(
    edge: EdgeServer, engine: FakeEngine
) -> None:
    assert ask(edge, "/", headers=FOLLOWED_LINK)[0] == 200
    engine.recorded.clear()
    for method, target in (("GET", "/api/chats"), ("POST", "/api/sync"), ("GET", "/images/0a/96.webp")):
        assert ask(edge, target, method=method, headers=FOLLOWED_LINK)[0] == 403
    assert engine.recorded == []


SHOWN_IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


def test_other_pages_show_pictures_only_if_a_page_of_another_address_is_allowed(
    edge: EdgeServer, engine: FakeEngine
) -> None:
    assert ask(edge, "/images/0a/96.webp", headers=SHOWN_IMAGE)[0] == 200
    engine.recorded.clear()
    edge.site = Site(edge_stack(engine))
    assert ask(edge, "/images/0a/96.webp", headers=SHOWN_IMAGE)[0] == 403
    assert ask(edge, "/api/chats", headers={"Origin": ALLOWED_PAGE})[0] == 403
    assert engine.recorded == []


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}"])
def test_its_own_page_and_a_typed_address_are_served(edge: EdgeServer, host: str) -> None:
    own_host = host.format(port=edge.server_port)
    own_page = {"Host": own_host, "Origin": f"http://{own_host}", "Sec-Fetch-Site": "same-origin"}
    assert ask(edge, "/api/sync", method="POST", headers=own_page)[0] == 200
    assert ask(edge, "/", headers={"Host": own_host, "Sec-Fetch-Site": "none"})[0] == 200


def test_a_body_without_a_length_is_refused(edge: EdgeServer) -> None:
    assert ask(edge, "/api/chats", method="POST", headers={"Transfer-Encoding": "chunked"})[0] == 411


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/chats?a=\xe9 HTTP/1.1\r\n",
        b"GET /images/\xe9 HTTP/1.1\r\n",
        b"POST /api/chats HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n",
        b"POST /api/chats HTTP/1.1\r\nContent-Length: -1\r\n",
        b"POST /api/chats HTTP/1.1\r\nContent-Length: x\r\n",
    ],
)
def test_an_address_that_is_not_ascii_and_a_length_that_is_no_number_are_refused(
    edge: EdgeServer, engine: FakeEngine, head: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", edge.server_port), timeout=60) as connection:
        connection.sendall(head + b"Host: localhost\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert engine.recorded == []


def test_a_signature_for_aws_is_not_sent_to_the_api(edge: EdgeServer, engine: FakeEngine) -> None:
    signature = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, Signature=0"
    assert ask(edge, "/api/chats", headers={"Authorization": signature})[0] == 200
    assert "authorization" not in engine.recorded[0][2]


def test_an_origin_that_does_not_answer_is_a_bad_gateway(edge: EdgeServer, engine: FakeEngine) -> None:
    engine.shutdown()
    engine.server_close()
    assert ask(edge, "/api/chats")[0] == 502


def test_it_answers_503_until_there_is_a_stack(edge: EdgeServer) -> None:
    edge.site = None
    assert ask(edge, "/")[0::2] == (503, b"The stack is starting: try again in a few seconds\n")


def test_it_answers_503_until_the_page_is_stored(edge: EdgeServer, engine: FakeEngine) -> None:
    engine.answer = (404, {}, b"")
    assert ask(edge, "/")[0] == 503
    navigation = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    status, _, body = ask(edge, "/", headers=navigation)
    assert status == 503
    assert b"location.reload()" in body


def test_a_connection_serves_one_request_after_another(edge: EdgeServer) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", edge.server_port, timeout=60)) as connection:
        for _ in range(3):
            connection.request("GET", "/images/0a/96.webp")
            assert connection.getresponse().read() == b"body"
        assert connection.sock is not None
