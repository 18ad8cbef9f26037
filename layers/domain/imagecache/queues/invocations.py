"""Lambda's own queue: functions that are invoked without anybody waiting for the answer."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Invocations:
    """Sends events to functions by name."""

    def __init__(self, *, functions: "LambdaClient") -> None:
        self._functions = functions

    def send(self, function: str, event: Mapping[str, Any]) -> None:
        """At most once: no function of ours is retried by Lambda."""
        self._functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
