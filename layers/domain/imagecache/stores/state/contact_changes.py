"""The row `contacts` of syncState: how often contacts have changed, and how far members are linked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.fence import behind, fenced
from imagecache.stores.state.row import StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "contacts"


@dataclass(frozen=True, slots=True)
class RelinkPosition:
    """How many changes of contacts there have been, and how far the members of all chats are linked.

    All members are linked as of change number `linked`. If a pass over them is under way, it was begun at
    change number `towards`, and `after` is the (chat id, participant id) of the last member it has linked.
    """

    changes: int = 0
    linked: int = 0
    towards: int = 0
    after: tuple[str, str] | None = None

    @property
    def is_behind(self) -> bool:
        """True if contacts have changed since all members were linked."""
        return self.linked < self.changes


class ContactChanges:
    """Tells the next run of sync whether it has to link all members again, and where to continue.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    @aws_errors_translated()
    def count(self) -> None:
        """Makes the next run of sync link all members again.

        Call it before the first write of a change and after the last. A run between the two may have seen
        half of the change, and a crash between the two leaves the first count behind.
        """
        self._row(_NAME).update(actions=[StateRow.changes.set((StateRow.changes | 0) + 1)])

    @aws_errors_translated()
    def relink_position(self) -> RelinkPosition:
        """Returns how far the members of all chats are linked."""
        try:
            row = self._row.get(_NAME, consistent_read=True)
        except DoesNotExist:
            return RelinkPosition()
        linked, towards, after = row.value or (0, 0, None)
        return RelinkPosition(int(row.changes or 0), linked, towards, (after[0], after[1]) if after else None)

    def record_relink_position(self, position: RelinkPosition, *, fence: int) -> None:
        """Records how far members are linked. Changes counted meanwhile are kept. Raises FencedOffError."""
        value = [position.linked, position.towards, position.after]
        with fenced():
            self._row(_NAME).update(
                actions=[StateRow.value.set(value), StateRow.fence.set(fence)],
                condition=behind(StateRow.fence, fence),
            )
