"""The queue of sync requests: what functions/sync is asked to do while an agent does it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MOST_REQUESTS = 10


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A received request. `event` is the event that functions/sync was invoked with, see SyncJobs.handle."""

    receipt_handle: str
    event: Mapping[str, Any]


class SyncRequests:
    """Sends, receives and deletes sync requests.

    Every method raises StoreUnavailableError if SQS refuses or does not answer.
    """

    def __init__(self, *, queue_url: str, sqs: "SQSClient") -> None:
        self._queue_url = queue_url
        self._sqs = sqs

    @aws_errors_translated()
    def send(self, event: Mapping[str, Any]) -> None:
        """Queues a request. Fields of the event that SyncJobs does not know are left out."""
        known = {name: event[name] for name in ("jobId", "complete", "force") if name in event}
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(known))

    @aws_errors_translated()
    def receive(self, *, wait_seconds: int, hidden_ms: int) -> list[SyncRequest]:
        """Waits up to `wait_seconds` (at most 20) for requests, and returns up to ten.

        They are delivered again after `hidden_ms`, unless they are deleted or hidden for longer. A body that
        is no JSON object, which another program must have sent, counts as a request without an order.
        """
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MOST_REQUESTS,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=-(-hidden_ms // 1000),
        )
        return [
            SyncRequest(message["ReceiptHandle"], _event(message["Body"]))
            for message in answer.get("Messages", [])
        ]

    @aws_errors_translated()
    def hide(self, receipt_handle: str, *, milliseconds: int) -> None:
        """Postpones the next delivery of a received request by `milliseconds`, at most 12 h."""
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url,
            ReceiptHandle=receipt_handle,
            VisibilityTimeout=-(-milliseconds // 1000),
        )

    @aws_errors_translated()
    def delete(self, receipt_handle: str) -> None:
        """Deletes a request that has been carried out."""
        self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt_handle)


def _event(body: str) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}
