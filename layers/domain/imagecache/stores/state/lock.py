"""The row `lock` of syncState: only one run of sync works at a time."""

from typing import TYPE_CHECKING

from pynamodb.expressions.update import Action

from imagecache.stores.dynamodb import bound, updated
from imagecache.stores.state.row import StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "lock"


class SyncLock:
    """A lock with a lease, so that a run that was killed blocks the next one only until its lease ends.

    The lease cannot stop a run that goes on too long. So every acquisition returns a fence, a number larger
    than any before. A row remembers the fence of the run that wrote it, and refuses writes of older runs.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def acquire(self, *, now: int, lease_ms: int) -> int | None:
        """Takes the lock for `lease_ms` and returns the fence, or None while another run holds the lock."""
        row = self._row(_NAME)
        take: list[Action] = [
            StateRow.fence.set((StateRow.fence | 0) + 1),
            StateRow.held_until.set(now + lease_ms),
        ]
        is_free = StateRow.held_until.does_not_exist() | (StateRow.held_until < now)
        return int(row.fence) if updated(row, take, is_free) else None

    def release(self, fence: int) -> None:
        """Lets the next run begin at once. Changes nothing if another run has taken the lock already."""
        updated(self._row(_NAME), [StateRow.held_until.remove()], StateRow.fence == fence)
