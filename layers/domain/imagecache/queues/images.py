"""The queue `images`: one message for each image to be cached."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import QueueRefusedError
from imagecache.model.image import ImageMessage
from imagecache.parallel import in_parallel

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

Record = Mapping[str, Any]
"""A message as Lambda delivers it. The fields used are `messageId`, `body` and `receiptHandle`."""

# The limits of SendMessageBatch. ReceiveMessage and DeleteMessageBatch have the first one, too.
_MESSAGES_PER_CALL = 10
_BYTES_PER_CALL = 262_144
# The limit of ChangeMessageVisibility: 12 hours.
_LONGEST_VISIBILITY_SECONDS = 43_200
_ATTEMPTS = 3


class ImagesQueue:
    """Sends messages, up to `requests_at_once` batches in parallel, and postpones received messages.

    On AWS Lambda receives and deletes messages; an agent does that itself.

    Every method raises StoreUnavailableError if SQS refuses or does not answer.
    """

    def __init__(self, *, queue_url: str, sqs: "SQSClient", requests_at_once: int = 1) -> None:
        self._queue_url = queue_url
        self._sqs = sqs
        self._requests_at_once = requests_at_once

    @aws_errors_translated()
    def send(self, messages: Sequence[ImageMessage]) -> None:
        """Sends all messages, about in their order.

        Raises QueueRefusedError if SQS refuses one three times.
        """
        batches: list[list[str]] = []
        for body in map(to_body, messages):
            is_full = not batches or len(batches[-1]) == _MESSAGES_PER_CALL
            if is_full or sum(map(len, batches[-1])) + len(body) > _BYTES_PER_CALL:
                batches.append([])
            batches[-1].append(body)
        in_parallel(self._send_batch, batches, at_once=self._requests_at_once)

    @aws_errors_translated()
    def send_later(self, message: ImageMessage, *, milliseconds: int) -> None:
        """Sends a message that SQS delivers after a delay of `milliseconds`, at most 900 s."""
        self._sqs.send_message(
            QueueUrl=self._queue_url, MessageBody=to_body(message), DelaySeconds=_seconds(milliseconds)
        )

    @aws_errors_translated()
    def hide(self, receipt_handle: str, *, milliseconds: int) -> None:
        """Postpones the next delivery of a received message by `milliseconds`, at most 12 h.

        The current delivery counts as one of the five after which SQS moves the message to the dead-letter
        queue.
        """
        seconds = min(max(_seconds(milliseconds), 0), _LONGEST_VISIBILITY_SECONDS)
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    @aws_errors_translated()
    def replace_later(self, message: ImageMessage, receipt_handle: str, *, milliseconds: int) -> None:
        """Replaces a received message by a new one, which SQS delivers after a delay of at most 900 s.

        The new message has its own five deliveries. The received one is deleted here, and not only by Lambda
        after the invocation, so that it does not come back if this process dies. It is deleted last: if that
        fails, both are delivered, and the second has no effect.
        """
        self.send_later(message, milliseconds=milliseconds)
        self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt_handle)

    @aws_errors_translated()
    def receive(self, *, wait_seconds: int, hidden_ms: int) -> list[Record]:
        """Waits up to `wait_seconds` (at most 20) for messages, and returns up to ten.

        They have the form in which Lambda delivers them. They are delivered again after `hidden_ms`, unless
        they are deleted or hidden for longer.
        """
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MESSAGES_PER_CALL,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=_seconds(hidden_ms),
        )
        return [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "receiptHandle": message["ReceiptHandle"],
            }
            for message in answer.get("Messages", [])
        ]

    @aws_errors_translated()
    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Deletes up to ten received messages, as Lambda does after an invocation.

        A message that SQS fails to delete is delivered again, and has no effect.
        """
        if receipt_handles:
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle}
                    for index, handle in enumerate(receipt_handles)
                ],
            )

    def _send_batch(self, bodies: list[str]) -> None:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)
        ]
        for _ in range(_ATTEMPTS):
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            refused = {failure["Id"] for failure in answer.get("Failed", [])}
            entries = [entry for entry in entries if entry["Id"] in refused]
            if not entries:
                return
        raise QueueRefusedError(f"SQS refused {len(entries)} messages {_ATTEMPTS} times: try again later")


def _seconds(milliseconds: int) -> int:
    """Returns whole seconds, rounded up, so that no message is delivered too early."""
    return -(-milliseconds // 1000)


def to_body(message: ImageMessage) -> str:
    """Returns the body of a message. It is ASCII, so its length is its size in bytes."""
    return json.dumps(
        {
            "imageKey": message.image_key,
            "sourceUrl": message.source_url,
            "queuedAt": message.queued_at,
            "deferrals": message.deferrals,
        }
    )


def from_body(body: str) -> ImageMessage:
    """Parses the body of a message. Raises ValueError, KeyError or TypeError if it is malformed."""
    fields = json.loads(body)
    return ImageMessage(
        str(fields["imageKey"]),
        str(fields["sourceUrl"]),
        int(fields["queuedAt"]),
        int(fields.get("deferrals", 0)),  # messages of the first version of this program have no deferrals
    )
