"""An HTTP/1.1 server on 127.0.0.1 that calls one function for each request and prints nothing.

It refuses requests of browsers: no page of ours uses these servers, but any page could send requests to them.
A person may open the `pages` of a server, and send the forms on them.
"""

import json
import re
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` is not decoded. The names of `headers` are capitalized, such as "Content-Type"."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def parameter(self, name: str) -> str | None:
        """Returns the first value of a query parameter, or None if it is absent."""
        return self.query.get(name, [None])[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply. If `seconds_per_byte` is not 0, the body is sent byte by byte with pauses of that length.

    `announced` is the Content-Length if it is not the length of the body. An endless reply repeats its body
    until the client hangs up. After a reply of either kind the connection closes. `takes_over` gets the
    connection instead of a reply, and uses it until it returns.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds_per_byte: float = 0.0
    announced: int | None = None
    is_endless: bool = False
    takes_over: Callable[[socket.socket], None] | None = None


class HangUpError(Exception):
    """The app raises this instead of returning a reply, to close the connection without an answer."""


App = Callable[[Request], Reply]


def json_reply(status: int, document: object) -> Reply:
    body = json.dumps(document, ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": "application/json"})


class Listener(ThreadingHTTPServer):
    """Serves one app in a new thread. Port 0 means any free port. Raises OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 128  # the default of 5 refuses connections under load

    def __init__(self, port: int, app: App, *, pages: Collection[str] = ()) -> None:
        self.app = app
        self.pages = pages
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Exchange)
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread and closes every connection, because open connections would still be served."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in self._connections.copy():
            _hang_up(connection)

    def server_bind(self) -> None:
        # HTTPServer would look up the name of 127.0.0.1 in DNS, which takes seconds on some machines.
        TCPServer.server_bind(self)
        self.server_name = "127.0.0.1"
        self.server_port = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may close its connection at any time.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that head and body leave in one packet
    server: Listener

    def answer(self) -> None:
        if reason := self._why_refused():
            self._refuse(403, reason)
            return
        length = self.headers.get("Content-Length") or "0"
        if not re.fullmatch(r"[0-9]{1,9}", length):
            self._refuse(400, "Content-Length must be a number of at most 9 digits")
            return
        target = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=target.path,
            query=parse_qs(target.query, keep_blank_values=True),
            headers={name.title(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        try:
            self._send(self.server.app(request))
        except HangUpError:
            self.close_connection = True

    def _refuse(self, status: int, reason: str) -> None:
        """Answers without reading the body of the request, so the connection cannot be used again."""
        headers = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
        self._send(Reply(status, f"{reason}\n".encode(), headers))

    def _why_refused(self) -> str | None:
        """Returns why a request is refused, or None if the app may answer it."""
        port = self.server.server_port
        if self.headers.get_all("Host") not in ([f"127.0.0.1:{port}"], [f"localhost:{port}"]):
            # A page may have pointed its own name at this machine (DNS rebinding).
            return "This server answers to 127.0.0.1 and localhost only: use one of these in the address"
        # Browsers add these headers themselves, and a page cannot leave them out.
        is_browser = any(re.fullmatch("origin|sec-fetch-.*", name, re.IGNORECASE) for name in self.headers)
        return "This server does not answer browsers" if is_browser and not self._opens_page() else None

    def _opens_page(self) -> bool:
        """Returns True if a person opens one of the pages, or sends a form that is on it."""
        is_own = set(self.headers.get_all("Origin", [])) <= {f"http://{self.headers['Host']}"}
        purpose = (self.headers["Sec-Fetch-Mode"], self.headers["Sec-Fetch-Dest"])
        is_page = urlsplit(self.path).path in self.server.pages
        return is_own and is_page and purpose == ("navigate", "document")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815 - http.server's names

    def _send(self, reply: Reply) -> None:
        if reply.takes_over:
            self.close_connection = True
            reply.takes_over(self.connection)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.announced is not None or reply.is_endless:
            self.send_header("Connection", "close")  # sets close_connection, too
        if not reply.is_endless:
            length = len(reply.body) if reply.announced is None else reply.announced
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        while reply.is_endless:
            self.wfile.write(reply.body)
        if not reply.seconds_per_byte:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(reply.seconds_per_byte)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Prints nothing, because the demo account shares its terminal with `make run`."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client has closed it already
