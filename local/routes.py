"""Creates the routes and integrations of the template's API in the engine.

AWS reads them from the `Body` of an HTTP API. The engine ignores `Body`, and would answer every request with
404.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.clients import client
from local.engine import REGION, Engine

_ACCOUNT = "000000000000"


def wire_routes(
    engine: Engine, stack_name: str, resources: Mapping[str, str], parameters: Mapping[str, str]
) -> None:
    """Makes every HTTP API of the stack answer exactly the routes in its `Body`."""
    cloudformation = client(engine, "cloudformation")
    processed = cloudformation.get_template(StackName=stack_name, TemplateStage="Processed")["TemplateBody"]
    template = json.loads(processed) if isinstance(processed, str) else processed
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            wiring = _Wiring(engine, resources[logical_id], resources, parameters)
            wiring.apply(resource["Properties"]["Body"])


@dataclass(frozen=True, slots=True)
class _Integration:
    """The function that answers a route, and the format of the events that it gets."""

    function_arn: str
    payload_format: str


class _Wiring:
    """Sets up one API. The engine keeps routes between its runs, so they are replaced only if they differ."""

    def __init__(
        self, engine: Engine, api_id: str, resources: Mapping[str, str], parameters: Mapping[str, str]
    ) -> None:
        self._gateway = client(engine, "apigatewayv2")
        self._api_id = api_id
        self._resources = resources
        self._parameters = parameters

    def apply(self, body: Mapping[str, Any]) -> None:
        """Makes the routes of the API those in `body`, an OpenAPI document."""
        self._allow_origins(body.get("x-amazon-apigateway-cors"))
        wanted = {
            route_key: self._integration(operation["x-amazon-apigateway-integration"])
            for route_key, operation in _operations(body["paths"])
        }
        if self._existing() != wanted:
            self._clear()
            self._create(wanted)

    def _existing(self) -> dict[str, _Integration | None]:
        """Returns the integration of each route, or None for one that is not as this module creates them."""
        integrations = {
            f"integrations/{each['IntegrationId']}": _Integration(
                each["IntegrationUri"], each["PayloadFormatVersion"]
            )
            for each in self._gateway.get_integrations(ApiId=self._api_id)["Items"]
        }
        return {
            route["RouteKey"]: None
            if route.get("AuthorizationType", "NONE") != "NONE"
            else integrations.get(route["Target"])
            for route in self._gateway.get_routes(ApiId=self._api_id)["Items"]
        }

    def _clear(self) -> None:
        for kind in ("Route", "Integration"):
            for item in getattr(self._gateway, f"get_{kind.lower()}s")(ApiId=self._api_id)["Items"]:
                identity = {f"{kind}Id": item[f"{kind}Id"]}
                getattr(self._gateway, f"delete_{kind.lower()}")(ApiId=self._api_id, **identity)

    def _create(self, wanted: Mapping[str, _Integration]) -> None:
        """Creates the routes. All routes to a function use the same integration."""
        targets = {}
        for integration in set(wanted.values()):
            created = self._gateway.create_integration(
                ApiId=self._api_id,
                IntegrationType="AWS_PROXY",
                IntegrationUri=integration.function_arn,
                PayloadFormatVersion=integration.payload_format,
            )
            targets[integration] = f"integrations/{created['IntegrationId']}"
        for route_key, integration in wanted.items():
            self._gateway.create_route(ApiId=self._api_id, RouteKey=route_key, Target=targets[integration])

    def _allow_origins(self, cors: Mapping[str, Any] | None) -> None:
        """Sets the API's CORS rules, or deletes them if no origin is allowed.

        The origins come from the parameter AllowedOrigins, to which the template's rules refer.
        """
        origins = [origin for origin in self._parameters.get("AllowedOrigins", "").split(",") if origin]
        if cors is None or not origins:
            self._gateway.delete_cors_configuration(ApiId=self._api_id)
            return
        cors = cors["Fn::If"][1] if "Fn::If" in cors else cors
        configuration = {
            "AllowOrigins": origins,
            "AllowMethods": cors.get("allowMethods", []),
            "AllowHeaders": cors.get("allowHeaders", []),
            "ExposeHeaders": cors.get("exposeHeaders", []),
            "MaxAge": int(cors.get("maxAge", 0)),
        }
        self._gateway.update_api(ApiId=self._api_id, CorsConfiguration=configuration)

    def _integration(self, described: Mapping[str, Any]) -> _Integration:
        return _Integration(self._function_arn(described["uri"]), described["payloadFormatVersion"])

    def _function_arn(self, uri: Any) -> str:
        """Returns the ARN of the function in the URI of an integration.

        SAM writes the function into an `Fn::Sub`, as `${Name.Arn}` or as a variable set by an `Fn::GetAtt`.
        """
        text = json.dumps(uri)
        match = re.search(r"\$\{(\w+)\.Arn\}", text) or re.search(r'"Fn::GetAtt": \["(\w+)", "Arn"\]', text)
        if not match:
            raise ValueError(f"this URI names no function: {text}")
        return f"arn:aws:lambda:{REGION}:{_ACCOUNT}:function:{self._resources[match[1]]}"


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields each route key, such as `GET /api/chats`, with its OpenAPI operation."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            if "x-amazon-apigateway-integration" not in operation:
                continue
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            yield "$default" if path == "/$default" else f"{verb} {path}", operation
