"""The dead-letter queue of `images`: messages that five receives have not brought to an end."""

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
# Seconds for which a received message is hidden. As long as an invocation can last, so that it is met once.
_HIDDEN_FOR = 900
# Seconds. Any wait makes SQS ask all of its servers; without one, the answer may be empty although messages
# are there.
_WAIT = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A received message. `message` is None if no version of this program can have sent it."""

    receipt_handle: str
    message: ImageMessage | None


class DeadLetters:
    """Receives dead letters, and deletes those that were dealt with.

    Every method raises StoreUnavailableError.
    """

    def __init__(self, *, queue_url: str, sqs: "SQSClient") -> None:
        self._queue_url = queue_url
        self._sqs = sqs

    @aws_errors_translated()
    def count(self) -> int:
        """Returns approximately how many messages can be received."""
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    @aws_errors_translated()
    def take(self, at_most: int) -> list[DeadLetter]:
        """Receives up to ten messages; an empty list means that there are no more.

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
        """Deletes up to ten messages. A failure is ignored: the message is received and sent once more."""
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
