"""The API: the routes of both functions, called with events like those of API Gateway."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from imagecache.api.http import Response, serve
from imagecache.api.shapes import Error
from imagecache.model.access import Role
from imagecache.model.job import JobKind
from tests.integration.conftest import Stack

REQUEST_ID = "JKJaXmPLvHcESHA="


@dataclass
class Sent:
    """The invocations that were requested, in order."""

    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def send(self, function: str, event: Mapping[str, Any]) -> None:
        self.events.append((function, event))


@dataclass
class Logged:
    """Keeps what is logged."""

    lines: list[tuple[object, Mapping[str, object]]] = field(default_factory=list)

    def error(self, message: object, /, *, extra: Mapping[str, object]) -> None:
        self.lines.append((message, extra))

    info = error


class Api:
    """Calls routes, and compares every answer with the shape that the OpenAPI document promises."""

    def __init__(self, stack: Stack, base_url: str = "") -> None:
        self.sent, self.log = Sent(), Logged()
        self.ids = iter(f"job{number}" for number in range(100))
        functions = {kind: f"{kind.value}-function" for kind in JobKind}
        read_api = replace(stack.wiring.read_api(), base_url=base_url)
        admin_api = stack.wiring.admin_api(functions=functions, new_id=lambda: next(self.ids), log=self.log)
        starter = replace(
            admin_api.job_starter,
            invocations=self.sent,  # type: ignore[arg-type]  # moto would run the function
        )
        admin_api = replace(admin_api, base_url=base_url, job_starter=starter)
        self.routes = {**read_api.routes(), **admin_api.routes()}

    def raw(
        self,
        route: str,
        *,
        role: Role = Role.ADMIN,
        query: Mapping[str, str] | None = None,
        path: Mapping[str, str] | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Returns the answer of the function to a request of somebody with this role."""
        context = {"requestId": REQUEST_ID}
        event: dict[str, Any] = {"routeKey": route, "headers": headers or {}, "requestContext": context}
        if query:
            event["queryStringParameters"] = dict(query)
        if path:
            event["pathParameters"] = dict(path)
        if body is not None:
            event["body"] = body
        return serve(event, routes=self.routes, find_role=lambda _: role, log=self.log)

    def ask(self, route: str, sent: Any = None, **options: Any) -> tuple[int, Any]:
        """Returns status and answer; `sent` is the body."""
        body = None if sent is None else json.dumps(sent)
        response = self.raw(route, body=body, **options)
        answer = json.loads(unpacked(response))
        expected = self.routes[route].gives if response["statusCode"] < 300 else Error
        TypeAdapter(expected).validate_json(json.dumps(answer), strict=True)
        return response["statusCode"], answer

    def get(self, path: str, /, **query: str) -> Any:
        """Returns the answer of a GET that must succeed."""
        status, answer = self.ask(f"GET {path}", query=query, role=Role.READ)
        assert status == 200, answer
        return answer

    def post(self, path: str, /, **body: Any) -> Any:
        """Returns the answer of a POST with the admin token that must succeed."""
        status, answer = self.ask(f"POST {path}", body)
        assert status in {200, 202}, answer
        return answer


def unpacked(response: Response) -> str:
    if not response.get("isBase64Encoded"):
        return str(response["body"])
    return gzip.decompress(base64.b64decode(response["body"])).decode()
