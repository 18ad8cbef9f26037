"""The queue `images`: one message per image to fetch."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagecache.errors import QueueRefusedError
from imagecache.model.image import ImageMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# SendMessageBatch's limits.
_MESSAGES_PER_CALL = 10
_BYTES_PER_CALL = 262_144
# ChangeMessageVisibility's limit, in seconds.
_LONGEST_VISIBILITY = 43_200
_ATTEMPTS = 3


class ImagesQueue:
    """Sends requests."""

    def __init__(self, *, queue_url: str, sqs: "SQSClient") -> None:
        self._queue_url = queue_url
        self._sqs = sqs

    def send(self, requests: Sequence[ImageMessage]) -> None:
        """All of them, in order, or QueueRefusedError."""
        batch: list[str] = []
        for body in map(to_body, requests):
            if len(batch) == _MESSAGES_PER_CALL or sum(map(len, batch)) + len(body) > _BYTES_PER_CALL:
                self._send_batch(batch)
                batch = []
            batch.append(body)
        if batch:
            self._send_batch(batch)

    def hide(self, receipt_handle: str, *, milliseconds: int) -> None:
        """Not before this many ms shall SQS bring the message again (0 s to 12 h, its limit)."""
        seconds = min(max(-(-milliseconds // 1000), 0), _LONGEST_VISIBILITY)
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    def send_later(self, request: ImageMessage, *, milliseconds: int) -> None:
        """One of them, to be delivered no earlier than that (SQS: 900 s at most)."""
        self._sqs.send_message(
            QueueUrl=self._queue_url, MessageBody=to_body(request), DelaySeconds=-(-milliseconds // 1000)
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
        raise QueueRefusedError(f"{len(entries)} messages refused {_ATTEMPTS} times")


def to_body(request: ImageMessage) -> str:
    """ASCII, so that its length is its size in bytes."""
    return json.dumps(
        {
            "imageKey": request.image_key,
            "sourceUrl": request.source_url,
            "queuedAt": request.queued_at,
            "deferrals": request.deferrals,
        }
    )


def from_body(body: str) -> ImageMessage:
    """Raises ValueError, KeyError or TypeError for what no version of this queue has sent."""
    fields = json.loads(body)
    return ImageMessage(
        str(fields["imageKey"]),
        str(fields["sourceUrl"]),
        int(fields["queuedAt"]),
        int(fields.get("deferrals", 0)),  # versions before had none
    )
