"""The HTTP API, whose description the engine ignores and `local.routes` applies."""

import http.client
import json
from contextlib import closing
from typing import Any

from local.deploy import Stack
from local.engine_gate import TOKEN_HEADER


def ask(stack: Stack, path: str, *, method: str = "GET", token: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", stack.engine.port, timeout=20)
    with closing(connection):
        headers = {
            "Host": f"{stack.outputs['ApiId']}.execute-api.localhost:{stack.engine.port}",
            TOKEN_HEADER: stack.engine.token,
        }
        connection.request(method, path, headers=headers | ({"Authorization": token} if token else {}))
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_route_is_found_by_the_api_named_in_the_host_header(small: Stack) -> None:
    assert ask(small, "/api/public?a=b%2Fc") == (
        200,
        {"greeting": "hello", "route": "GET /api/public", "role": None, "query": "a=b%2Fc"},
    )


def test_unknown_path_and_method_are_404(small: Stack) -> None:
    assert ask(small, "/api/nothing", token="friend")[0] == 404
    assert ask(small, "/api/greeting", method="DELETE", token="friend")[0] == 404


def test_every_method_of_a_path_has_its_route(small: Stack) -> None:
    assert ask(small, "/api/greeting", method="POST", token="friend")[1]["route"] == "POST /api/greeting"


def test_authorizer_answers_401_403_and_hands_its_context_on(small: Stack) -> None:
    assert ask(small, "/api/greeting")[0] == 401
    assert ask(small, "/api/greeting", token="wrong")[0] == 403
    status, answer = ask(small, "/api/greeting", token="friend")
    assert (status, answer["role"]) == (200, "friend")
