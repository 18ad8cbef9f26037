"""Settings and AWS clients for a benchmark that runs the use case of a deployed function by itself."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3

from imagecache.aws_requests import DirectClient
from imagecache.config import Config
from imagecache.wiring import MakeClient
from local.deploy import DeployedStack


def deployed_settings(stack: DeployedStack, function: str) -> dict[str, str]:
    """Returns the environment variables of a function, named as in template.yaml."""
    functions: Any = boto3.client("lambda", **stack.engine.access)
    configuration = functions.get_function_configuration(FunctionName=stack.resources[function])
    settings: dict[str, str] = configuration["Environment"]["Variables"]
    return settings


def deployed_config(stack: DeployedStack, function: str) -> Config:
    """Returns the configuration that a function reads from its environment."""
    return Config.from_env(deployed_settings(stack, function))


def counting_clients(calls: Counter[str], make: MakeClient) -> MakeClient:
    """Returns a maker of AWS clients that count their requests in `calls`, by the name of the operation."""

    def make_client(service: str, **options: Any) -> Any:
        client: Any = make(service, **options)
        client.meta.events.register("before-call.*.*", lambda model, **_: calls.update([model.name]))
        if isinstance(client, DirectClient):
            for method, operation in client.operations.items():
                setattr(client, method, _counted(getattr(client, method), operation, calls))
        return client

    return make_client


def _counted(send: Callable[..., Any], operation: str, calls: Counter[str]) -> Callable[..., Any]:
    def counted(**parameters: Any) -> Any:
        calls.update([operation])
        return send(**parameters)

    return counted
