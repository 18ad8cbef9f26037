"""template.yaml → what its CloudFront distribution does with a request: behaviours, origins, headers.

Read from the template, so that the local server and the deployed one cannot drift apart.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.template import Template, parameter_values

_SECURITY_HEADERS = {
    "ContentTypeOptions": ("X-Content-Type-Options", lambda _: "nosniff"),
    "ContentSecurityPolicy": ("Content-Security-Policy", lambda policy: policy["ContentSecurityPolicy"]),
    "FrameOptions": ("X-Frame-Options", lambda policy: policy["FrameOption"]),
    "ReferrerPolicy": ("Referrer-Policy", lambda policy: policy["ReferrerPolicy"]),
    # Means nothing over plain http.
    "StrictTransportSecurity": None,
}


@dataclass(frozen=True, slots=True)
class AddedHeader:
    """A header of a response headers policy. Without `override` the origin's own wins."""

    name: str
    value: str
    override: bool


@dataclass(frozen=True, slots=True)
class BucketOrigin:
    """A bucket, and the keys that its policy lets CloudFront read."""

    resource: str
    readable: tuple[str, ...]

    def may_read(self, key: str) -> bool:
        """Whether the bucket's policy names this key."""
        return any(matches(pattern, key) for pattern in self.readable)


@dataclass(frozen=True, slots=True)
class ApiOrigin:
    """An HTTP API."""

    resource: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Which origin answers a path, to which methods, with what added."""

    pattern: str
    origin: BucketOrigin | ApiOrigin
    methods: frozenset[str]
    headers: tuple[AddedHeader, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """The behaviours in the order in which they are tried; the last one matches everything."""

    behaviours: tuple[Behaviour, ...]
    root_object: str

    def behaviour(self, path: str) -> Behaviour:
        """The first one whose pattern matches."""
        return next(behaviour for behaviour in self.behaviours if matches(behaviour.pattern, path))


def read_distribution(template: Template) -> Distribution:
    """The template's one distribution."""
    resources, parameters = template["Resources"], parameter_values(template, {})
    (found,) = [r for r in resources.values() if r["Type"] == "AWS::CloudFront::Distribution"]
    config = found["Properties"]["DistributionConfig"]
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
    """CloudFront's and IAM's patterns: `*` is any run of characters, `?` is one."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, text, re.DOTALL) is not None


def _origin(described: Mapping[str, Any], resources: Template) -> BucketOrigin | ApiOrigin:
    resource = _named(described["DomainName"])
    if resources[resource]["Type"] == "AWS::S3::Bucket":
        return BucketOrigin(resource, _readable_keys(resource, resources))
    return ApiOrigin(resource)


def _named(value: Any) -> str:
    """The resource that a `Ref`, `Fn::GetAtt` or `Fn::Sub` names first."""
    if "Ref" in value:
        return str(value["Ref"])
    if "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"][0])
    found = re.search(r"\$\{(\w+)", value["Fn::Sub"])
    if not found:
        raise ValueError(f"no resource in {value}")
    return found[1]


def _readable_keys(bucket: str, resources: Template) -> tuple[str, ...]:
    """The key patterns that bucket policies allow CloudFront to get."""
    policies = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::S3::BucketPolicy" and _named(resource["Properties"]["Bucket"]) == bucket
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
    if policy is None:
        return ()
    config = resources[_named(policy)]["Properties"]["ResponseHeadersPolicyConfig"]
    added = [
        AddedHeader(item["Header"], item["Value"], item["Override"])
        for item in config.get("CustomHeadersConfig", {}).get("Items", [])
    ]
    for kind, described in config.get("SecurityHeadersConfig", {}).items():
        if known := _SECURITY_HEADERS[kind]:
            name, value = known
            text = _substituted(value(described), parameters)
            added.append(AddedHeader(name, text, described["Override"]))
    return tuple(added)


def _substituted(text: Any, parameters: Mapping[str, str]) -> str:
    """`Fn::Sub` with the parameters' defaults: what a header names is never set locally."""
    if isinstance(text, str):
        return text
    return re.sub(r"\$\{(\w+)\}", lambda found: parameters[found[1]], text["Fn::Sub"])
