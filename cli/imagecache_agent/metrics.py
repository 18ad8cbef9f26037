"""Sends the agent's counts to CloudWatch, under the names that the functions use."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from imagecache.metrics import NAMESPACE


class Counts:
    """Sends counts of the stack `service`. `cloudwatch` is a client of CloudWatch."""

    def __init__(self, cloudwatch: Any, *, service: str) -> None:
        self._cloudwatch = cloudwatch
        self._service = service

    def put(self, counts: Mapping[str, int]) -> None:
        """Sends these counts by name. Counts that AWS does not accept are lost, without an error."""
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "service", "Value": self._service}],
                "Value": count,
                "Unit": "Count",
            }
            for name, count in counts.items()
        ]
        if data:
            with suppress(BotoCoreError, ClientError, ResponseParserError):
                self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
