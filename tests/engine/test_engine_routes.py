"""The HTTP API has the routes of its description, which the engine ignores and `local.routes` applies."""

import http.client
import json
from contextlib import closing
from typing import Any

from local.deploy import DeployedStack
from local.engine_protocol import TOKEN_HEADER


def ask(stack: DeployedStack, path: str, *, method: str = "GET") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", stack.engine.port, timeout=60)
    with closing(connection):
        headers = {
            "Host": f"{stack.outputs['ApiId']}.execute-api.localhost:{stack.engine.port}",
            TOKEN_HEADER: stack.engine.token,
        }
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_the_host_name_of_a_request_names_the_api_that_answers(small: DeployedStack) -> None:
    assert ask(small, "/api/public?a=b%2Fc") == (
        200,
        {"greeting": "hello", "route": "GET /api/public", "query": "a=b%2Fc"},
    )


def test_an_unknown_path_or_method_is_404(small: DeployedStack) -> None:
    assert ask(small, "/api/nothing")[0] == 404
    assert ask(small, "/api/greeting", method="DELETE")[0] == 404


def test_another_method_of_a_path_is_another_route(small: DeployedStack) -> None:
    assert ask(small, "/api/greeting", method="POST")[1]["route"] == "POST /api/greeting"
