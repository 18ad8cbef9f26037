"""Invokes Lambda functions asynchronously: Lambda queues the event, and the caller gets no result."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Invocations:
    """Sends events to Lambda functions."""

    def __init__(self, *, functions: "LambdaClient") -> None:
        self._functions = functions

    @aws_errors_translated()
    def send(self, function: str, event: Mapping[str, Any]) -> None:
        """Queues an event for the function with this name. Raises StoreUnavailableError.

        Lambda may deliver an event twice, so the function must recognize the second delivery. Lambda does not
        retry a failed invocation, because the template sets MaximumRetryAttempts to 0.
        """
        self._functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
