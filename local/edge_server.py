"""HTTP on 127.0.0.1 → the engine, as CloudFront would have it: which origin, which methods, which headers."""

import contextlib
import http.client
import shutil
import socketserver
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.edge import Behaviour
from local.edge_site import OriginRequest, RefusedError, Site
from local.engine_gate import TOKEN_HEADER

_MINE = {"127.0.0.1", "localhost", "[::1]"}
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
_HOP_BY_HOP |= {"transfer-encoding", "upgrade"}
# The engine refuses requests of browsers, so these headers stay here. The API needs a page's Origin for CORS.
_OURS_TO_SAY = {"host", TOKEN_HEADER.lower()}
_FOR_BUCKETS = {"if-none-match", "if-modified-since", "range"}
_FROM_BUCKETS = {"accept-ranges", "cache-control", "content-encoding", "content-length", "content-range"}
_FROM_BUCKETS |= {"content-type", "etag", "last-modified"}
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
_MAX_BODY = 10 * 1024 * 1024  # API Gateway's own limit
_ORIGIN_SECONDS = 35.0  # API Gateway gives up after 30


class EdgeServer(ThreadingHTTPServer):
    """Holds the port from the start; says 503 until it is given a site."""

    daemon_threads = True
    request_queue_size = 256  # a page asks for hundreds of pictures at once

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.site: Site | None = None

    def server_bind(self) -> None:
        """Bind without looking up our own name: on some machines that takes seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # it is IPv4

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Answer requests until the end of the block, at the address that it is given."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{self.server_port}/"
        finally:
            self.shutdown()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    protocol_version = "HTTP/1.1"
    timeout = 75
    server: EdgeServer

    def _serve(self) -> None:
        try:
            self._check_host()
            if not self.server.site:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "Starting")
            request = self.server.site.origin_request(self.command, self.path)
            connection = http.client.HTTPConnection("127.0.0.1", request.port, timeout=_ORIGIN_SECONDS)
            with contextlib.closing(connection):
                self._relay(self._ask(connection, request), request)
        except RefusedError as refusal:
            self._refuse(refusal)

    def __getattr__(self, name: str) -> Any:
        """Every method is served alike (the base class looks for `do_GET` and so on)."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _check_host(self) -> None:
        """A page elsewhere may point a name of its own at 127.0.0.1 (DNS rebinding) to read these chats."""
        host = self.headers.get("Host", "")
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        if (name if port.isdigit() else host).lower() not in _MINE:
            raise RefusedError(HTTPStatus.FORBIDDEN, "This server answers to 127.0.0.1 and localhost only")

    def _ask(
        self, connection: http.client.HTTPConnection, request: OriginRequest
    ) -> http.client.HTTPResponse:
        body = self._body()
        try:
            connection.putrequest(self.command, request.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", request.host)
            if request.token:
                connection.putheader(TOKEN_HEADER, request.token)
            for name, value in self.headers.items():
                if self._is_passed_on(name.lower(), to_bucket=request.to_bucket):
                    connection.putheader(name, value)
            connection.endheaders(body)
            return connection.getresponse()
        except TimeoutError as error:
            raise RefusedError(HTTPStatus.GATEWAY_TIMEOUT, "The origin did not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(HTTPStatus.BAD_GATEWAY, "The origin does not answer") from error

    def _body(self) -> bytes | None:
        if "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
        if int(length) > _MAX_BODY:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "At most 10 MB")
        return self.rfile.read(int(length)) if int(length) else None

    @staticmethod
    def _is_passed_on(name: str, *, to_bucket: bool) -> bool:
        if to_bucket:
            return name in _FOR_BUCKETS
        return name not in _HOP_BY_HOP | _OURS_TO_SAY and not name.startswith("sec-fetch-")

    def _relay(self, response: http.client.HTTPResponse, request: OriginRequest) -> None:
        if request.to_bucket and response.status >= HTTPStatus.BAD_REQUEST:
            # S3 tells nobody whether a key exists who may not list the bucket.
            raise RefusedError(HTTPStatus.FORBIDDEN, "Access denied")
        headers = self._response_headers(response, request)
        whole = None if response.headers.get("Content-Length") or self.command == "HEAD" else response.read()
        if response.status in _BODILESS:
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        elif whole is not None:
            headers.append(("Content-Length", str(len(whole))))
        self.send_response(response.status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if whole is not None:
            self.wfile.write(whole)
        else:
            shutil.copyfileobj(response, self.wfile)
        if response.length:  # cut short: only closing tells the browser
            self.close_connection = True

    def _response_headers(
        self, response: http.client.HTTPResponse, request: OriginRequest
    ) -> list[tuple[str, str]]:
        kept = [
            (name, value)
            for name, value in response.getheaders()
            if (name.lower() in _FROM_BUCKETS if request.to_bucket else name.lower() not in _NOT_RELAYED)
        ]
        return _with_added(kept, request.behaviour)

    def _refuse(self, refusal: RefusedError) -> None:
        body = f"{refusal.text}\n".encode()
        self.close_connection = True  # what is left of the request was not read
        self.send_response(refusal.status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """Python's version is nobody's business."""
        return "imagecache"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Requests are not logged: their paths hold chat ids."""


_NOT_RELAYED = _HOP_BY_HOP | {"server", "date"}


def _with_added(headers: list[tuple[str, str]], behaviour: Behaviour | None) -> list[tuple[str, str]]:
    """The origin's headers with those of the behaviour's response headers policy."""
    for added in behaviour.headers if behaviour else ():
        present = [name for name, _ in headers if name.lower() == added.name.lower()]
        if added.override or not present:
            headers = [(name, value) for name, value in headers if name not in present]
            headers.append((added.name, added.value))
    return headers
