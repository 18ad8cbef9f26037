"""Serves the page, its API and the pictures on 127.0.0.1, with the same rules as CloudFront."""

import contextlib
import http.client
import re
import shutil
import socketserver
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.connect_routes import CALLBACK_PATH, PREFIX, ConnectRoutes
from local.edge import Behaviour
from local.edge_answers import Answer, waiting_page
from local.edge_pages import why_refused
from local.edge_site import OriginRequest, RefusedError, Site
from local.engine import REGION
from local.engine_protocol import TOKEN_HEADER

_HOST = "127.0.0.1"
_OWN_HOSTS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?", re.IGNORECASE)
# Headers that concern one connection, not the request (RFC 9110, section 7.6.1).
_CONNECTION_HEADERS = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# The server sets these headers itself, and ignores the values that a viewer sends.
_OWN_REQUEST_HEADERS = {"host", TOKEN_HEADER.lower()}
_NOT_RELAYED_FROM_API = _CONNECTION_HEADERS | {"server", "date"}
_RELAYED_TO_BUCKET = {"if-none-match", "if-modified-since", "range"}
_RELAYED_FROM_BUCKET = {
    "accept-ranges",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
}
# S3 needs a signature in every request, but the engine checks only the signatures of functions.
_UNCHECKED_SIGNATURE = (
    f"AWS4-HMAC-SHA256 Credential=edge/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
)
_STATUSES_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
_MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's limit
_ORIGIN_TIMEOUT_SECONDS = 35.0  # API Gateway answers within 30 s
_IDLE_SECONDS = 75  # an idle connection of a browser is closed after this time


class EdgeServer(ThreadingHTTPServer):
    """The local server. It opens its port when it is created, and answers 503 while `site` is None.

    If `connect_routes` is set, it has them at any time.
    """

    daemon_threads = True
    request_queue_size = 256  # waiting connections, because a page requests hundreds of pictures at once

    def __init__(self, port: int) -> None:
        super().__init__((_HOST, port), _Handler)
        self.site: Site | None = None
        self.connect_routes: ConnectRoutes | None = None

    def server_bind(self) -> None:
        """Binds the port without looking up this machine's name, which takes seconds on some machines."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # it is IPv4

    def close_site(self) -> None:
        """Answers 503 from now on, until there is another site."""
        self.site = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints an error, unless it is an OSError: then the browser has closed the connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Answers requests until the end of the block, and yields the server's address."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        try:
            yield f"http://{_HOST}:{self.server_port}/"
        finally:
            self.shutdown()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: EdgeServer

    def _serve(self) -> None:
        try:
            self._check_host()
            site, connect_routes = self.server.site, self.server.connect_routes
            if connect_routes and self.path.startswith(PREFIX):
                self._connect(connect_routes)
                return
            if not site:
                self._tell_to_wait()
                return
            request = site.origin_request(self.command, self.path)
            self._check_page(site.allowed_origins, may_be_linked=request.behaviour.pattern == "*")
            connection = http.client.HTTPConnection(_HOST, request.port, timeout=_ORIGIN_TIMEOUT_SECONDS)
            with contextlib.closing(connection):
                self._relay(self._forward(connection, request), request)
        except RefusedError as refusal:
            self._refuse(refusal)

    def __getattr__(self, name: str) -> Any:
        """Returns `_serve` for `do_GET`, `do_POST` and so on, which the base class calls for each method."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _check_host(self) -> None:
        """Raises RefusedError if the Host header is not a name of this machine.

        Otherwise a page from the internet could read the chats, after its own name was changed to the address
        127.0.0.1 (DNS rebinding).
        """
        if not _OWN_HOSTS.fullmatch(self.headers.get("Host", "")):
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                "This server answers to 127.0.0.1 and localhost only: use one of these in the address",
            )

    def _check_page(self, allowed_origins: frozenset[str], *, may_be_linked: bool) -> None:
        """Raises RefusedError if the request comes from a web page that may not use this server."""
        reason = why_refused(self.command, self.headers, allowed_origins, may_be_linked=may_be_linked)
        if reason:
            raise RefusedError(HTTPStatus.FORBIDDEN, reason)

    def _connect(self, routes: ConnectRoutes) -> None:
        """Answers a request for the connection to Beeper. Raises RefusedError.

        Pages of ALLOWED_ORIGINS may not use it. Beeper's page leads the browser to the callback.
        """
        path = self.path.partition("?")[0]
        self._check_page(frozenset(), may_be_linked=path == CALLBACK_PATH)
        self._body()
        self._send(routes.answer(self.command, self.path, self.headers))

    def _tell_to_wait(self) -> None:
        """Answers with 503: a person gets a page that looks again by itself, a program one line."""
        text = "The stack is starting: try again in a few seconds"
        if self.command != "GET" or self.headers["Sec-Fetch-Mode"] != "navigate":
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text)
        self._send(waiting_page(HTTPStatus.SERVICE_UNAVAILABLE, "The chats are being prepared…"))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _forward(
        self, connection: http.client.HTTPConnection, request: OriginRequest
    ) -> http.client.HTTPResponse:
        """Sends the request to its origin and returns the answer. Raises RefusedError."""
        body = self._body()
        try:
            connection.putrequest(self.command, request.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", request.host)
            connection.putheader(TOKEN_HEADER, request.token)
            if request.to_bucket:
                connection.putheader("Authorization", _UNCHECKED_SIGNATURE)
            for name, value in self.headers.items():
                if _is_sent_to_origin(name.lower(), value, is_bucket=request.to_bucket):
                    connection.putheader(name, value)
            connection.endheaders(body)
            return connection.getresponse()
        except TimeoutError as error:
            raise RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT, "The engine did not answer in time: try again"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(
                HTTPStatus.BAD_GATEWAY, "The engine does not answer: see the terminal of `make run`"
            ) from error

    def _body(self) -> bytes | None:
        """Returns the body of the viewer's request, or None if it is empty. Raises RefusedError."""
        if "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length")
        length = self.headers.get("Content-Length", "0")
        # Python cannot convert thousands of digits to a number.
        if not re.fullmatch(r"[0-9]{1,18}", length):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length must be a number of at most 18 digits")
        if int(length) > _MAX_BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A body may have 10 MB at most")
        return self.rfile.read(int(length)) if int(length) else None

    def _relay(self, response: http.client.HTTPResponse, request: OriginRequest) -> None:
        """Sends an origin's answer to the viewer. Raises RefusedError if S3 would refuse the request."""
        if request.to_bucket and response.status >= HTTPStatus.BAD_REQUEST:
            if self.path.partition("?")[0] == "/":
                self._tell_to_wait()  # a stack is served before the files of the page are stored
                return
            # CloudFront may not list the bucket, so S3 answers 403 even if the key is missing.
            raise RefusedError(HTTPStatus.FORBIDDEN, "Access denied")
        headers = self._response_headers(response, request)
        # The answer needs a length. If the origin did not send one, its body is read completely first.
        has_length = bool(response.headers.get("Content-Length")) or self.command == "HEAD"
        body = None if has_length else response.read()
        if response.status in _STATUSES_WITHOUT_BODY:
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        elif body is not None:
            headers.append(("Content-Length", str(len(body))))
        self.send_response(response.status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if body is not None:
            self.wfile.write(body)
        else:
            shutil.copyfileobj(response, self.wfile)
        if response.length:
            # The origin has sent less than its Content-Length. The browser notices that only if the
            # connection is closed.
            self.close_connection = True

    def _response_headers(
        self, response: http.client.HTTPResponse, request: OriginRequest
    ) -> list[tuple[str, str]]:
        relayed = [
            (name, value)
            for name, value in response.getheaders()
            if _is_sent_to_viewer(name.lower(), is_bucket=request.to_bucket)
        ]
        return _with_added(relayed, request.behaviour)

    def _refuse(self, refusal: RefusedError) -> None:
        self.close_connection = True  # the rest of the request was not read
        headers = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
        self._send(Answer(refusal.status, headers, f"{refusal.text}\n".encode()))

    def version_string(self) -> str:
        """Returns the value of the header Server. The default would contain the version of Python."""
        return "imagecache"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Logs nothing, because paths contain chat ids."""


def _is_sent_to_origin(name: str, value: str, *, is_bucket: bool) -> bool:
    """Returns True if a header of the viewer's request is sent to the origin. `name` is in lower case."""
    if is_bucket:
        return name in _RELAYED_TO_BUCKET
    # The engine would take a request with a signature for a call of an AWS service instead of the API.
    if name == "authorization" and value.strip().startswith("AWS4-HMAC-SHA256"):
        return False
    # Sec-Fetch-* is removed, because the engine refuses requests of browsers. A page's Origin is sent,
    # because the API uses it to decide which pages may read its answers.
    withheld = _CONNECTION_HEADERS | _OWN_REQUEST_HEADERS
    return name not in withheld and not name.startswith("sec-fetch-")


def _is_sent_to_viewer(name: str, *, is_bucket: bool) -> bool:
    """Returns True if a header of the origin's answer is sent to the viewer. `name` is in lower case."""
    return name in _RELAYED_FROM_BUCKET if is_bucket else name not in _NOT_RELAYED_FROM_API


def _with_added(headers: list[tuple[str, str]], behaviour: Behaviour) -> list[tuple[str, str]]:
    """Returns the origin's headers and the headers of the behaviour's response headers policy."""
    for added in behaviour.headers:
        present = [name for name, _ in headers if name.lower() == added.name.lower()]
        if added.override or not present:
            headers = [(name, value) for name, value in headers if name not in present]
            headers.append((added.name, added.value))
    return headers
