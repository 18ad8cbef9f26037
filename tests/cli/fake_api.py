"""A server on 127.0.0.1 that keeps the contract of the API: tokens, roles, and answers as told."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

READ_TOKEN = "read-4f1c"
ADMIN_TOKEN = "admin-9b2e"
_ROLES = {f"Bearer {READ_TOKEN}": "read", f"Bearer {ADMIN_TOKEN}": "admin"}
_ADMIN_PATHS = (
    "/api/sync",
    "/api/cleanup",
    "/api/redrive",
    "/api/jobs/",
    "/api/images/backfill",
    "/api/images/refresh",
    "/api/images/retry",
    "/api/images/forget",
    "/api/contacts",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    route: str
    query: dict[str, str]
    body: Any
    token: str


@dataclass(frozen=True, slots=True)
class Told:
    """An answer; `body` as JSON, or as it is when it is bytes."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()


class FakeApi:
    """`api.answer("GET /api/stats", Told(...), ...)`: one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.lines: list[str] = []
        self.on_request: Callable[[Asked], object] = lambda _: None
        self._told: dict[str, list[Told]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, route: str, *told: Told | dict[str, Any]) -> None:
        self._told[route] = [one if isinstance(one, Told) else Told(200, one) for one in told]

    def routes(self) -> list[str]:
        return [one.route for one in self.asked]

    def bodies(self, route: str) -> list[Any]:
        return [one.body for one in self.asked if one.route == route]

    def respond(self, asked: Asked) -> Told:
        self.asked.append(asked)
        self.on_request(asked)
        path = asked.route.split(" ")[1]
        role = "any" if path == "/api/health" else _ROLES.get(asked.token)
        if role is None:
            return Told(401, {"message": "send a token", "code": "unauthorized"})
        if role == "read" and path.startswith(_ADMIN_PATHS):
            return Told(403, {"message": "this takes the admin token", "code": "forbidden"})
        told = self._told.get(asked.route)
        if not told:
            return Told(404, {"message": "there is no such thing", "code": "not_found"})
        return told.pop(0) if len(told) > 1 else told[0]


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond(None)

        def do_POST(self) -> None:
            self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        do_PUT = do_POST  # noqa: N815 - http.server's name
        do_DELETE = do_GET  # noqa: N815 - http.server's name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
            """Not on the test's stderr, which belongs to the command."""

        def _respond(self, body: Any) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            api.lines.append(self.path)
            route = f"{self.command} {parts.path}"
            told = api.respond(Asked(route, query, body, self.headers.get("Authorization", "")))
            content = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in told.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    return Handler
