"""Builds the stores of a stack that is deployed on AWS, or that runs in the engine of `make run`."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config as BotoConfig

from imagecache import clock
from imagecache.config import Config
from imagecache.errors import ConfigError
from imagecache.wiring import MakeClient, Wiring
from imagecache_cli.access import Engine
from imagecache_cli.errors import SettingsError

# Any function would do: the template gives all of them the names of the tables and of the bucket.
_FUNCTION = "CacherFunction"
_UNCHECKED = "any"  # the engine checks the session token alone


def deployed_wiring(place: str | Engine) -> Wiring:
    """Returns the wiring of the stack with this name on AWS, or of the stack in this engine.

    On AWS, boto3 takes credentials and region from the person's environment and profile. Raises SettingsError
    if this is not a stack of this application, and botocore's errors if AWS cannot be asked.
    """
    name = place.stack if isinstance(place, Engine) else place
    make_client = client_maker(place)
    settings = _function_settings(name, make_client)
    try:
        config = Config.from_env(settings)
    except ConfigError as error:
        raise SettingsError(
            f"the stack {name} is of another version: deploy this clone's version first ({error})"
        ) from error
    return Wiring(config, make_client=make_client, clock=clock.now)


def client_maker(place: str | Engine) -> MakeClient:
    """Returns a function that makes the AWS client of a service, for AWS itself or for an engine."""
    access = _engine_access(place) if isinstance(place, Engine) else {}

    def make_client(service: str, **options: Any) -> Any:
        return boto3.client(service, **{**access, **options})  # type: ignore[call-overload]  # a name that varies

    return make_client


def physical_name(stack: str, logical_id: str, make_client: MakeClient) -> str:
    """Returns the name that a resource of the template has in this stack. Raises SettingsError without it."""
    pages = make_client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            if resource["LogicalResourceId"] == logical_id:
                return str(resource["PhysicalResourceId"])
    raise SettingsError(
        f"the stack {stack} has no {logical_id}, so it is a stack of another application: check its name"
    )


def _function_settings(stack: str, make_client: MakeClient) -> Mapping[str, str]:
    """Returns the environment variables of a function of the stack."""
    function = physical_name(stack, _FUNCTION, make_client)
    configuration = make_client("lambda").get_function_configuration(FunctionName=function)
    settings: Mapping[str, str] = configuration.get("Environment", {}).get("Variables", {})
    return settings


def _engine_access(engine: Engine) -> dict[str, Any]:
    return {
        "endpoint_url": engine.endpoint,
        "region_name": engine.region,
        "aws_access_key_id": _UNCHECKED,
        "aws_secret_access_key": _UNCHECKED,
        "aws_session_token": engine.token,
        # The engine is on this machine: no proxy reaches it, and a second attempt is enough.
        "config": BotoConfig(proxies={}, retries={"total_max_attempts": 2}),
    }
