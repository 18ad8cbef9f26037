"""Reads the rules of the template's CloudFront distribution: origins, methods and headers.

The local server uses the same rules as the deployed distribution, so the two cannot differ.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.template import Template, parameter_values

# For each part of a SecurityHeadersConfig: the header that CloudFront sends, and the function for its value.
_SECURITY_HEADERS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
    "ContentTypeOptions": ("X-Content-Type-Options", lambda _: "nosniff"),
    "ContentSecurityPolicy": ("Content-Security-Policy", lambda part: part["ContentSecurityPolicy"]),
    "FrameOptions": ("X-Frame-Options", lambda part: part["FrameOption"]),
    "ReferrerPolicy": ("Referrer-Policy", lambda part: part["ReferrerPolicy"]),
}
# Browsers ignore Strict-Transport-Security over plain http.
_NOT_SENT_LOCALLY = {"StrictTransportSecurity"}


@dataclass(frozen=True, slots=True)
class AddedHeader:
    """A header of a response headers policy. It replaces the origin's header only if `override` is True."""

    name: str
    value: str
    override: bool


@dataclass(frozen=True, slots=True)
class BucketOrigin:
    """A bucket, by its logical id. `readable` has patterns of the keys that CloudFront may read."""

    resource: str
    readable: tuple[str, ...]

    def may_read(self, key: str) -> bool:
        """Returns True if the bucket's policy lets CloudFront read this key."""
        return any(matches(pattern, key) for pattern in self.readable)


@dataclass(frozen=True, slots=True)
class ApiOrigin:
    """An HTTP API, by its logical id."""

    resource: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One rule of the distribution: `origin` answers every path that matches `pattern`."""

    pattern: str
    origin: BucketOrigin | ApiOrigin
    methods: frozenset[str]
    headers: tuple[AddedHeader, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """The behaviours in their order: the first match is used, and the last behaviour matches every path."""

    behaviours: tuple[Behaviour, ...]
    root_object: str

    def behaviour(self, path: str) -> Behaviour:
        """Returns the first behaviour whose pattern matches the path."""
        return next(behaviour for behaviour in self.behaviours if matches(behaviour.pattern, path))


def read_distribution(template: Template) -> Distribution:
    """Returns the template's distribution. Raises ValueError if there is not exactly one."""
    resources = template["Resources"]
    parameters = parameter_values(template, {})
    (distribution,) = [
        resource for resource in resources.values() if resource["Type"] == "AWS::CloudFront::Distribution"
    ]
    config = distribution["Properties"]["DistributionConfig"]
    origins = {origin["Id"]: _origin(origin, resources) for origin in config["Origins"]}
    described = [*config.get("CacheBehaviors", []), {**config["DefaultCacheBehavior"], "PathPattern": "*"}]
    return Distribution(
        behaviours=tuple(
            Behaviour(
                pattern=entry["PathPattern"],
                origin=origins[entry["TargetOriginId"]],
                methods=frozenset(entry.get("AllowedMethods", ["GET", "HEAD"])),
                headers=_added_headers(entry.get("ResponseHeadersPolicyId"), resources, parameters),
            )
            for entry in described
        ),
        root_object=config.get("DefaultRootObject", ""),
    )


def matches(pattern: str, text: str) -> bool:
    """Returns True if the text matches a pattern of CloudFront or IAM.

    `*` matches any number of characters, and `?` exactly one.
    """
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, text, re.DOTALL) is not None


def _origin(described: Mapping[str, Any], resources: Template) -> BucketOrigin | ApiOrigin:
    resource = _logical_id(described["DomainName"])
    if resources[resource]["Type"] == "AWS::S3::Bucket":
        return BucketOrigin(resource, _readable_keys(resource, resources))
    return ApiOrigin(resource)


def _logical_id(value: Any) -> str:
    """Returns the first logical id in a `Ref`, `Fn::GetAtt` or `Fn::Sub`. Raises ValueError without one."""
    if "Ref" in value:
        return str(value["Ref"])
    if "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"][0])
    match = re.search(r"\$\{(\w+)", value["Fn::Sub"])
    if not match:
        raise ValueError(f"this value names no resource: {value}")
    return match[1]


def _readable_keys(bucket: str, resources: Template) -> tuple[str, ...]:
    """Returns the patterns of the keys that the bucket's policies let CloudFront read."""
    policies = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::S3::BucketPolicy"
        and _logical_id(resource["Properties"]["Bucket"]) == bucket
    ]
    return tuple(
        statement["Resource"]["Fn::Sub"].partition("/")[2]
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        and statement["Action"] == "s3:GetObject"
    )


def _added_headers(
    policy: Any, resources: Template, parameters: Mapping[str, str]
) -> tuple[AddedHeader, ...]:
    """Returns the headers of a response headers policy, or an empty tuple if `policy` is None."""
    if policy is None:
        return ()
    config = resources[_logical_id(policy)]["Properties"]["ResponseHeadersPolicyConfig"]
    added = [
        AddedHeader(item["Header"], item["Value"], item["Override"])
        for item in config.get("CustomHeadersConfig", {}).get("Items", [])
    ]
    for kind, part in config.get("SecurityHeadersConfig", {}).items():
        if kind not in _NOT_SENT_LOCALLY:
            name, value_of = _SECURITY_HEADERS[kind]
            value = _substituted(value_of(part), parameters)
            added.append(AddedHeader(name, value, part["Override"]))
    return tuple(added)


def _substituted(text: Any, parameters: Mapping[str, str]) -> str:
    """Returns the text, or the text of an `Fn::Sub` with the parameters' default values.

    The defaults are right, because the local stack does not set any parameter that a header contains.
    """
    if isinstance(text, str):
        return text
    return re.sub(r"\$\{(\w+)\}", lambda match: parameters[match[1]], text["Fn::Sub"])
