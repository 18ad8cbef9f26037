"""The settings of a deployed function, so that a benchmark can run its use case in its own process."""

from typing import Any

import boto3

from imagecache.config import Config
from local.deploy import Stack


def deployed_settings(stack: Stack, function: str) -> dict[str, str]:
    """Returns the environment variables of a function, named as in template.yaml."""
    functions: Any = boto3.client("lambda", **stack.engine.access)
    configuration = functions.get_function_configuration(FunctionName=stack.resources[function])
    settings: dict[str, str] = configuration["Environment"]["Variables"]
    return settings


def deployed_config(stack: Stack, function: str) -> Config:
    """Returns the configuration that a function reads from its environment."""
    return Config.from_env(deployed_settings(stack, function))
