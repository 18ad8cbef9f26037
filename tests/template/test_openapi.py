"""docs/openapi.json says what the routes do, and the template sends each request to its function."""

import json
from typing import Any

import pytest
import schemathesis
from pydantic import TypeAdapter, ValidationError

from tests.template.conftest import Resources
from tools.openapi import DOCUMENT, routes_by_function, text
from tools.openapi_refusals import Refusal

COMMITTED: dict[str, Any] = json.loads(DOCUMENT.read_text())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in COMMITTED["paths"].items()
    for method, operation in operations.items()
}
# API Gateway may refuse any request; whatever takes a token may lack it, or be sent one that is not valid.
# Any route may be sent a parameter that it does not have, or have too much to answer.
ALWAYS = {"400", "413", "429", "500", "503"}
WITH_TOKEN = ALWAYS | {"401", "403"}


def routes_of(resources: Resources, function: str) -> set[str]:
    """Returns the function's route keys."""
    events = resources[function]["Properties"].get("Events", {}).values()
    routes = [event["Properties"] for event in events if event["Type"] == "HttpApi"]
    return {f"{one['Method']} {one['Path']}" for one in routes}


def without_head(routes: set[str]) -> set[str]:
    """Returns the routes that the code has. It answers HEAD by its GET routes."""
    return {key for key in routes if not key.startswith("HEAD ")}


@pytest.mark.parametrize("function", ["ReadFunction", "AdminFunction"])
def test_head_has_a_route_beside_every_get(resources: Resources, function: str) -> None:
    routes = routes_of(resources, function)
    heads = {key.removeprefix("HEAD ") for key in routes if key.startswith("HEAD ")}
    assert heads == {key.removeprefix("GET ") for key in routes if key.startswith("GET ")}


def test_the_committed_document_is_up_to_date() -> None:
    assert text() == DOCUMENT.read_text(), "make openapi"


def test_the_document_is_valid_openapi_3_1() -> None:
    assert COMMITTED["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(COMMITTED).validate()


@pytest.mark.parametrize("function", ["ReadFunction", "AdminFunction"])
def test_the_template_sends_each_function_exactly_its_routes(resources: Resources, function: str) -> None:
    assert without_head(routes_of(resources, function)) == set(routes_by_function()[function])


def test_no_other_function_serves_the_api(resources: Resources) -> None:
    led = {name for name in resources if resources[name]["Type"] == "AWS::Serverless::Function"}
    answering = {name for name in led if routes_of(resources, name)}
    assert answering == {"ReadFunction", "AdminFunction"}
    assert {key for name in answering for key in without_head(routes_of(resources, name))} == set(OPERATIONS)


def test_only_health_is_public() -> None:
    assert {key for key, operation in OPERATIONS.items() if operation["security"] == []} == {
        "GET /api/health"
    }


@pytest.mark.parametrize(
    ("route", "statuses"),
    [
        ("GET /api/health", {"200", "304"} | ALWAYS),
        ("GET /api/stats", {"200", "304"} | WITH_TOKEN),
        ("GET /api/chats", {"200", "304"} | WITH_TOKEN),
        ("GET /api/chat", {"200", "304", "404"} | WITH_TOKEN),
        ("GET /api/jobs/{jobId}", {"200", "304", "404"} | WITH_TOKEN),
        ("POST /api/images/explain", {"200"} | WITH_TOKEN),
        ("POST /api/images/lookup", {"200"} | WITH_TOKEN),
        ("POST /api/images/retry", {"200", "404", "409"} | WITH_TOKEN),
        ("POST /api/sync", {"202"} | WITH_TOKEN),
    ],
)
def test_a_route_documents_every_status_that_it_may_answer(route: str, statuses: set[str]) -> None:
    assert set(OPERATIONS[route]["responses"]) == statuses


def test_the_document_says_that_changes_jobs_and_contacts_take_the_admin_token() -> None:
    admin = {key for key, operation in OPERATIONS.items() if operation["security"] == [{"token": ["admin"]}]}
    assert admin == {
        "GET /api/jobs/{jobId}",
        "POST /api/images/refresh",
        "POST /api/images/retry",
        "POST /api/images/forget",
        "POST /api/images/retry-failed",
        "POST /api/cleanup",
        "POST /api/images/backfill",
        "POST /api/redrive",
        "POST /api/sync",
        "GET /api/contacts",
        "GET /api/contacts/{contactId}",
        "PUT /api/contacts/{contactId}",
        "DELETE /api/contacts/{contactId}",
        "POST /api/people/pictures/choose",
    }


def test_an_error_of_the_api_has_a_code_and_a_request_id_and_one_of_the_gateway_may_have_neither() -> None:
    schemas = COMMITTED["components"]["schemas"]
    assert schemas["Error"]["required"] == ["message", "code", "requestId"]
    assert schemas["Refusal"]["required"] == ["message"]
    responses = COMMITTED["components"]["responses"]
    by_gateway = {name for name, response in responses.items() if "schemas/Refusal" in json.dumps(response)}
    assert by_gateway == {
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "TooLarge",
        "TooManyRequests",
        "InternalError",
        "Unavailable",
    }


def test_a_parameter_is_described_with_its_bounds_and_default() -> None:
    parameters = {one["name"]: one for one in OPERATIONS["GET /api/chats"]["parameters"]}
    assert parameters["limit"] == {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": "Chats on a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
        "allowEmptyValue": True,
    }
    body = OPERATIONS["POST /api/images/lookup"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"]["properties"]["enqueue"] == {
        "type": "boolean",
        "default": False,
        "description": "Queue those that are missing; needs the admin token.",
    }


def test_a_moment_is_a_date_and_time() -> None:
    assert COMMITTED["components"]["schemas"]["Moment"]["format"] == "date-time"


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        ({"message": "there is no such job", "code": "not_found", "requestId": "JKJaXmPLvHcESHA="}, True),
        ({"message": "Not Found"}, True),
        ({"code": "not_found"}, False),
    ],
)
def test_a_refusal_is_an_error_of_the_api_or_of_api_gateway(answer: dict[str, str], fits: bool) -> None:
    try:
        TypeAdapter(Refusal).validate_python(answer, strict=True)
    except ValidationError:
        assert not fits
    else:
        assert fits
