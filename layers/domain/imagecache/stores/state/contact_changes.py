"""The row `contacts` of syncState: how often contacts have changed, and how far members are linked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import behind, bound, fenced
from imagecache.stores.state.row import StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "contacts"


@dataclass(frozen=True, slots=True)
class RelinkPosition:
    """The number of changes of contacts so far, and the position of relinking.

    All members are linked to the contacts as of change number `linked`. A pass over all members that is under
    way was begun at change number `towards`; `after` is the (chat id, participant id) of the last member that
    it has linked. Without such a pass `after` is None.
    """

    changes: int = 0
    linked: int = 0
    towards: int = 0
    after: tuple[str, str] | None = None

    @property
    def is_behind(self) -> bool:
        """True if contacts have changed since all members were linked."""
        return self.linked < self.changes

    def moved_to(self, after: tuple[str, str] | None) -> "RelinkPosition":
        """Returns the position after a step that has linked the members up to `after`, or all if it is None.

        A pass links all members only as of the change at which it began: changes that are counted later may
        concern members that the pass has already linked.
        """
        towards = self.changes if self.after is None else self.towards
        linked = towards if after is None else self.linked
        return replace(self, linked=linked, towards=towards, after=after)


class ContactChanges:
    """Counts changes of contacts, and stores the position of relinking for the next sync run.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts a change of contacts twice: before its first write and after its last one, also if it fails.

        Sync links members again when the count has grown. If the change were counted only before the writes,
        a sync run between the count and the writes would link members to the old contacts, and no later run
        would correct that. If it were counted only after the writes, a crash in between would leave the
        change uncounted.
        """
        self._count()
        try:
            yield
        finally:
            self._count()

    @aws_errors_translated()
    def _count(self) -> None:
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
