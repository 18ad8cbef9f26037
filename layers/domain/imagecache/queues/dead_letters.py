"""The dead-letter queue of `images`: SQS moves a message here after five receives without a deletion."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.image import ImageMessage
from imagecache.queues.images import from_body

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# The limit of ReceiveMessage and of DeleteMessageBatch.
_LETTERS_PER_CALL = 10
# Seconds for which a received message is hidden: the longest time of an invocation, so that an invocation
# receives a message only once.
_HIDDEN_FOR = 900
# Seconds. With a wait, SQS asks all of its servers. Without a wait, the answer may be empty although the
# queue has messages.
_WAIT = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A received message. `message` is None if the body cannot be read, so another program has sent it."""

    receipt_handle: str
    message: ImageMessage | None


class DeadLetters:
    """Counts, receives and deletes messages of the dead-letter queue.

    Every method raises StoreUnavailableError.
    """

    def __init__(self, *, queue_url: str, sqs: "SQSClient") -> None:
        self._queue_url = queue_url
        self._sqs = sqs

    @aws_errors_translated()
    def count(self) -> int:
        """Returns the approximate number of messages that can be received."""
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    @aws_errors_translated()
    def take(self, at_most: int) -> list[DeadLetter]:
        """Receives up to `at_most` messages, but not more than ten. Returns an empty list if none are left.

        A message that is not deleted can be received again after 15 minutes.
        """
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(at_most, _LETTERS_PER_CALL),
            VisibilityTimeout=_HIDDEN_FOR,
            WaitTimeSeconds=_WAIT,
        )
        return [
            DeadLetter(message["ReceiptHandle"], _message(message["Body"]))
            for message in answer.get("Messages", [])
        ]

    @aws_errors_translated()
    def delete(self, letters: Iterable[DeadLetter]) -> None:
        """Deletes up to ten messages. A message that SQS fails to delete is received and sent once more."""
        handles = [letter.receipt_handle for letter in letters]
        if handles:
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(handles)],
            )


def _message(body: str) -> ImageMessage | None:
    try:
        return from_body(body)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
