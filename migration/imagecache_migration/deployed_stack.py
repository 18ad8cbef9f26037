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

# The settings could come from any function, because all of them have the names of the tables and the bucket.
_FUNCTION = "CacherFunction"
_UNCHECKED = "any"  # the engine checks only the session token


def deployed_wiring(place: str | Engine) -> Wiring:
    """Returns the wiring of the stack with this name on AWS, or of the stack in this engine.

    On AWS, boto3 uses the credentials and the region of the person's environment and profile. Raises
    SettingsError if it is not a stack of this application, and errors of botocore if AWS does not answer.
    """
    name = place.stack if isinstance(place, Engine) else place
    make_client = client_maker(place)
    return Wiring(deployed_config(name, make_client), make_client=make_client, clock=clock.now)


def deployed_config(stack: str, make_client: MakeClient) -> Config:
    """Returns the settings of the functions of a stack. Raises the errors of `deployed_wiring`."""
    settings = _function_settings(stack, make_client)
    try:
        return Config.from_env(settings)
    except ConfigError as error:
        raise SettingsError(
            f"the stack {stack} is of another version: deploy this clone's version first ({error})"
        ) from error


def client_maker(place: str | Engine) -> MakeClient:
    """Returns a function that makes the AWS client of a service, for AWS itself or for an engine."""
    access = _engine_access(place) if isinstance(place, Engine) else {}

    def make_client(service: str, **options: Any) -> Any:
        return boto3.client(service, **{**access, **options})  # type: ignore[call-overload]  # a name that varies

    return make_client


def physical_name(stack: str, logical_id: str, make_client: MakeClient) -> str:
    """Returns the name of a resource in this stack, by its logical id in the template.

    Raises SettingsError if the stack does not have the resource.
    """
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
        # The engine is on this machine, so no proxy is needed and two attempts are enough.
        "config": BotoConfig(proxies={}, retries={"total_max_attempts": 2}),
    }
