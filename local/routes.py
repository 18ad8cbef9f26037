"""The processed template's API description → routes, integrations and authorizers in the engine.

AWS reads an HTTP API's `Body`; the engine ignores it, and the API would answer 404 to everything.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import boto3

from local.engine import REGION, Engine

_ACCOUNT = "000000000000"


def wire_routes(
    engine: Engine, stack_name: str, resources: Mapping[str, str], parameters: Mapping[str, str]
) -> None:
    """Make every HTTP API of the stack answer exactly what its description says."""
    cloudformation = boto3.client("cloudformation", **engine.access)
    processed = cloudformation.get_template(StackName=stack_name, TemplateStage="Processed")["TemplateBody"]
    template = json.loads(processed) if isinstance(processed, str) else processed
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            _Wiring(engine, resources[logical_id], resources, parameters).apply(
                resource["Properties"]["Body"]
            )


class _Wiring:
    """One API. Everything is made anew: an update may have changed any of it."""

    def __init__(
        self, engine: Engine, api_id: str, resources: Mapping[str, str], parameters: Mapping[str, str]
    ) -> None:
        self._gateway: Any = boto3.client("apigatewayv2", **engine.access)
        self._api_id, self._resources, self._parameters = api_id, resources, parameters
        self._integrations: dict[str, str] = {}

    def apply(self, body: Mapping[str, Any]) -> None:
        self._clear()
        self._allow_origins(body.get("x-amazon-apigateway-cors"))
        schemes = body.get("components", {}).get("securitySchemes", {})
        authorizers = {name: self._authorizer(name, scheme) for name, scheme in schemes.items()}
        for route_key, operation in _operations(body["paths"]):
            target = f"integrations/{self._integration(operation['x-amazon-apigateway-integration'])}"
            names = [
                name
                for requirement in operation.get("security", [])
                for name in requirement
                if name != "NONE"
            ]
            secured = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizers[names[0]]} if names else {}
            self._gateway.create_route(ApiId=self._api_id, RouteKey=route_key, Target=target, **secured)

    def _clear(self) -> None:
        for kind in ("Route", "Integration", "Authorizer"):
            for item in getattr(self._gateway, f"get_{kind.lower()}s")(ApiId=self._api_id)["Items"]:
                identity = {f"{kind}Id": item[f"{kind}Id"]}
                getattr(self._gateway, f"delete_{kind.lower()}")(ApiId=self._api_id, **identity)

    def _allow_origins(self, cors: Mapping[str, Any] | None) -> None:
        """Only origins that are a parameter's are known here: that is how our template has them."""
        origins = [one for one in self._parameters.get("AllowedOrigins", "").split(",") if one]
        if cors is None or not origins:
            self._gateway.delete_cors_configuration(ApiId=self._api_id)
            return
        cors = cors.get("Fn::If", ["", cors])[1]  # its condition is that there are any
        configuration = {
            "AllowOrigins": origins,
            "AllowMethods": cors.get("allowMethods", []),
            "AllowHeaders": cors.get("allowHeaders", []),
            "ExposeHeaders": cors.get("exposeHeaders", []),
            "MaxAge": int(cors.get("maxAge", 0)),
        }
        self._gateway.update_api(ApiId=self._api_id, CorsConfiguration=configuration)

    def _integration(self, described: Mapping[str, Any]) -> str:
        """One for each function, however many routes lead to it."""
        arn = self._function_arn(described["uri"])
        if arn not in self._integrations:
            made = self._gateway.create_integration(
                ApiId=self._api_id,
                IntegrationType="AWS_PROXY",
                IntegrationUri=arn,
                PayloadFormatVersion=described["payloadFormatVersion"],
            )
            self._integrations[arn] = made["IntegrationId"]
        return self._integrations[arn]

    def _authorizer(self, name: str, scheme: Mapping[str, Any]) -> str:
        described = scheme["x-amazon-apigateway-authorizer"]
        made = self._gateway.create_authorizer(
            ApiId=self._api_id,
            Name=name,
            AuthorizerType="REQUEST",
            AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
            f"{self._function_arn(described['authorizerUri'])}/invocations",
            AuthorizerPayloadFormatVersion=str(described["authorizerPayloadFormatVersion"]),
            EnableSimpleResponses=bool(described.get("enableSimpleResponses", False)),
            IdentitySource=described.get("identitySource", []),
            AuthorizerResultTtlInSeconds=int(described.get("authorizerResultTtlInSeconds", 0)),
        )
        return str(made["AuthorizerId"])

    def _function_arn(self, uri: Any) -> str:
        """SAM names the function inside an `Fn::Sub`: `${Name.Arn}`, or a variable set by an `Fn::GetAtt`."""
        text = json.dumps(uri)
        found = re.search(r"\$\{(\w+)\.Arn\}", text) or re.search(r'"Fn::GetAtt": \["(\w+)", "Arn"\]', text)
        if not found:
            raise ValueError(f"no function in {text}")
        return f"arn:aws:lambda:{REGION}:{_ACCOUNT}:function:{self._resources[found[1]]}"


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            if "x-amazon-apigateway-integration" not in operation:
                continue
            if path == "/$default":
                yield "$default", operation
            else:
                yield (
                    f"{'ANY' if method == 'x-amazon-apigateway-any-method' else method.upper()} {path}",
                    operation,
                )
