"""The dead-letter queue of `images`: messages that five receives have not brought to an end."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagecache.model.image import ImageMessage
from imagecache.queues.images import from_body

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_AT_ONCE = 10  # ReceiveMessage's limit, and DeleteMessageBatch's
# Seconds that a message stays out of sight: as long as an invocation lasts, so that it is met once.
_HIDDEN_FOR = 900
# Seconds. Any wait asks all of SQS's servers: without one, an answer may be empty though messages are there.
_WAIT = 1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`request` is None for what no version of ours has sent."""

    receipt_handle: str
    request: ImageMessage | None


class DeadLetters:
    """Looks at them, and deletes those that are dealt with."""

    def __init__(self, *, queue_url: str, sqs: "SQSClient") -> None:
        self._queue_url = queue_url
        self._sqs = sqs

    def count(self) -> int:
        """How many there are to take, as well as SQS knows."""
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def take(self, at_most: int) -> list[DeadLetter]:
        """Ten or fewer; none when there are no more. What is not deleted is back after 15 minutes."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(at_most, _AT_ONCE),
            VisibilityTimeout=_HIDDEN_FOR,
            WaitTimeSeconds=_WAIT,
        )
        return [DeadLetter(one["ReceiptHandle"], _request(one["Body"])) for one in answer.get("Messages", [])]

    def delete(self, letters: Iterable[DeadLetter]) -> None:
        """At most ten of them. One that SQS keeps all the same is only met again."""
        handles = [one.receipt_handle for one in letters]
        if handles:
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[{"Id": str(index), "ReceiptHandle": one} for index, one in enumerate(handles)],
            )


def _request(body: str) -> ImageMessage | None:
    try:
        return from_body(body)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
