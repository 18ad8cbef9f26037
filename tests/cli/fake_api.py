"""A server on 127.0.0.1 that keeps the API's contract on tokens and roles, and gives prepared answers.

The routes that take the admin token are those of docs/openapi.json.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

READ_TOKEN = "read-4f1c"
ADMIN_TOKEN = "admin-9b2e"
_ROLES = {f"Bearer {READ_TOKEN}": "read", f"Bearer {ADMIN_TOKEN}": "admin"}
_DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
_PATHS: dict[str, Any] = json.loads(_DOCUMENT.read_text())["paths"]
_ADMIN_ROUTES = [
    # `{jobId}` stands for one part of a path.
    re.compile(f"{method.upper()} " + re.sub(r"\{\w+\}", "[^/]+", path))
    for path, operations in _PATHS.items()
    for method, operation in operations.items()
    if operation["security"] == [{"token": ["admin"]}]
]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived."""

    route: str
    query: dict[str, str]
    body: Any
    token: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. A `body` of bytes is sent as it is, any other as JSON."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()


class FakeApi:
    """Gives the answers that `answer(route, ...)` prepares, in order, and repeats the last one."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.lines: list[str] = []
        self.on_request: Callable[[Request], object] = lambda _: None
        self._answers: dict[str, list[Answer]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, route: str, *answers: Answer | dict[str, Any]) -> None:
        self._answers[route] = [
            answer if isinstance(answer, Answer) else Answer(200, answer) for answer in answers
        ]

    def routes(self) -> list[str]:
        return [request.route for request in self.requests]

    def bodies(self, route: str) -> list[Any]:
        return [request.body for request in self.requests if request.route == route]

    def respond(self, request: Request) -> Answer:
        self.requests.append(request)
        self.on_request(request)
        path = request.route.split(" ")[1]
        role = "any" if path == "/api/health" else _ROLES.get(request.token)
        if role is None:
            return Answer(401, {"message": "The token is not valid", "code": "unauthorized"})
        if role == "read" and any(admin.fullmatch(request.route) for admin in _ADMIN_ROUTES):
            return Answer(403, {"message": "This needs the admin token", "code": "forbidden"})
        answers = self._answers.get(request.route)
        if not answers:
            return Answer(404, {"message": "there is no such thing", "code": "not_found"})
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond(None)

        def do_POST(self) -> None:
            self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        do_PUT = do_POST  # noqa: N815 - http.server's name
        do_DELETE = do_GET  # noqa: N815 - http.server's name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
            """Keeps the test's stderr for the command."""

        def _respond(self, body: Any) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            api.lines.append(self.path)
            route = f"{self.command} {parts.path}"
            answer = api.respond(Request(route, query, body, self.headers.get("Authorization", "")))
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    return Handler
