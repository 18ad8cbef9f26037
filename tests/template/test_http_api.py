"""The HTTP API in front of the functions: authorization, throttling, CORS and the access log."""

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import prices
from tests.template.conftest import Resources
from tests.template.translated import Template
from tools.openapi import routes_by_function

ROOT = Path(__file__).parent.parent.parent
# The variables of API Gateway that contain no path, header or token of a request.
HARMLESS = {
    "$context.requestId",
    "$context.requestTimeEpoch",
    "$context.routeKey",
    "$context.status",
    "$context.responseLatency",
    "$context.responseLength",
    "$context.integrationErrorMessage",
}


CODE_ROUTES = [key for routes in routes_by_function().values() for key in routes]
HEAD_ROUTES = [key.replace("GET ", "HEAD ") for key in CODE_ROUTES if key.startswith("GET ")]
ROUTES = CODE_ROUTES + HEAD_ROUTES


@pytest.fixture
def stage(translated: Resources) -> dict[str, Any]:
    (found,) = [one for one in translated.values() if one["Type"] == "AWS::ApiGatewayV2::Stage"]
    properties: dict[str, Any] = found["Properties"]
    return properties


@pytest.fixture
def described(translated: Resources) -> dict[str, Any]:
    """Returns the OpenAPI text that SAM gives to API Gateway."""
    body: dict[str, Any] = translated["HttpApi"]["Properties"]["Body"]
    return body


def test_every_route_is_throttled(stage: dict[str, Any]) -> None:
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 40, "ThrottlingRateLimit": 5}
    # The one route that needs no token gets less, and so does HEAD, which no page uses.
    assert stage["RouteSettings"] == {
        "GET /api/health": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 2},
        **{key: {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 1} for key in HEAD_ROUTES},
    }
    assert set(stage["RouteSettings"]) <= set(ROUTES)


def test_the_readme_computes_the_costs_of_strangers_from_the_throttles(stage: dict[str, Any]) -> None:
    """What it says: requests a second of all routes together, and what they cost in a month of 30 days."""
    text = " ".join((ROOT / "README.md").read_text().split())
    unverified = (ROOT / "docs" / "aws-unverified.md").read_text()
    guarded = len(ROUTES) - len(stage["RouteSettings"])
    a_second = guarded * stage["DefaultRouteSettings"]["ThrottlingRateLimit"] + sum(
        settings["ThrottlingRateLimit"] for settings in stage["RouteSettings"].values()
    )
    millions = a_second * 30 * 86_400 / 1_000_000
    # Price list of us-east-1, per million: the first 300 million requests of an HTTP API at $1.00, the others
    # at $0.90; one invocation at $0.20, and its 0.01 s of 0.5 GB at $0.0000133 per GB-second.
    cost = min(millions, 300) + max(millions - 300, 0) * 0.9 + millions * (0.2 + 0.01 * 0.5 * 13.3)

    expected = (
        f"expected are {a_second} requests a second (in docs/aws-unverified.md, too),"
        f" {millions:.0f} million requests a month, and about ${round(cost, -1):.0f}"
    )
    assert f"together accept {a_second} requests a second" in text, expected
    assert f"send {a_second} requests a second to all routes" in unverified, expected
    assert f"for a whole month, these {millions:.0f} million requests" in text, expected
    assert f"requests would cost about ${round(cost, -1):.0f}." in text, expected
    assert f"ten million more cost about ${prices.CDN_REQUEST.dollars * 10_000_000:.0f}." in text
    assert "beyond ten million a month" in text
    assert prices.CDN_REQUEST.free == 10_000_000


def test_the_access_log_holds_no_path_query_header_address_or_token(
    translated: Resources, stage: dict[str, Any]
) -> None:
    log = stage["AccessLogSettings"]
    assert set(re.findall(r"\$[\w.]+", log["Format"])) == HARMLESS
    assert log["DestinationArn"] == {"Fn::GetAtt": ["ApiAccessLogGroup", "Arn"]}
    retention = translated["ApiAccessLogGroup"]["Properties"]["RetentionInDays"]
    assert retention == {"Ref": "LogRetentionDays"}


def test_an_access_log_line_is_json(stage: dict[str, Any]) -> None:
    quoted = re.sub(r'"\$context\.[\w.]+"', '"value"', stage["AccessLogSettings"]["Format"])
    assert "$" not in quoted
    assert re.fullmatch(r'\{("\w+":"value"(, ?)?)+\}', quoted)


def test_the_gateway_asks_nobody_about_tokens(described: dict[str, Any]) -> None:
    """The functions check them: a second function would start cold before the first one."""
    assert "securitySchemes" not in described.get("components", {})


def test_pages_of_other_origins_may_send_requests_only_if_they_are_named(
    template: Template, defaults: dict[str, str], described: dict[str, Any]
) -> None:
    assert defaults["AllowedOrigins"] == ""
    assert template["Conditions"]["HasAllowedOrigins"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AllowedOrigins"}, ""]}]
    }
    condition, allowed, otherwise = described["x-amazon-apigateway-cors"]["Fn::If"]
    assert (condition, otherwise) == ("HasAllowedOrigins", {"Ref": "AWS::NoValue"})
    assert allowed == {
        # SAM puts the parameter's value in place of its Ref: only what splits it makes a list.
        "allowOrigins": {"Fn::Split": [",", defaults["AllowedOrigins"]]},
        "allowMethods": ["GET", "POST", "PUT", "DELETE"],
        "allowHeaders": ["authorization", "content-type", "if-none-match"],
        "exposeHeaders": ["etag"],
        "maxAge": 600,
    }


def test_the_api_may_invoke_each_function_by_its_own_routes_and_no_more(
    resources: Resources, translated: Resources
) -> None:
    """Without its permission a route answers 500, and no function logs anything."""
    wanted = {
        (name, f"{event['Properties']['Method']}{re.sub(r'{[^}]+}', '*', event['Properties']['Path'])}")
        for name, resource in resources.items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    permissions = [
        one["Properties"]
        for one in translated.values()
        if one["Type"] == "AWS::Lambda::Permission"
        and one["Properties"]["Principal"] == "apigateway.amazonaws.com"
    ]
    granted = {
        (one["FunctionName"]["Ref"], one["SourceArn"]["Fn::Sub"][0].rpartition("${__Stage__}/")[2])
        for one in permissions
    }
    assert len(wanted) == len(ROUTES)
    assert granted == wanted


def test_jobs_that_are_over_expire_by_themselves(resources: Resources) -> None:
    expiring = {
        name: resource["Properties"]["TimeToLiveSpecification"]
        for name, resource in resources.items()
        if "TimeToLiveSpecification" in resource.get("Properties", {})
    }
    assert expiring == {"SyncStateTable": {"AttributeName": "expiresAt", "Enabled": True}}
