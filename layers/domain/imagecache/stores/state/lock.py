"""The row `lock` of syncState: only one run of sync works at a time."""

from typing import TYPE_CHECKING

from pynamodb.expressions.update import Action

from imagecache.stores.dynamodb import bound, updated
from imagecache.stores.state.row import StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FIRST_FENCE = 1
"""The fence of the first acquisition of the lock."""

_NAME = "lock"
_AFTER_EVERY_LEASE = 2**53  # ms since 1970: far in the future


class SyncLock:
    """A lock with a lease, so that a run that was killed blocks the next one only until the lease ends.

    The lease cannot stop a run that continues after the end of its lease. Therefore every acquisition returns
    a fence, a number larger than any before. Every row has the fence of the run that wrote it last, and a
    write with a smaller fence is refused.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def acquire(self, *, now: int, lease_ms: int) -> int | None:
        """Takes the lock for `lease_ms` and returns the fence, or None if another run holds the lock.

        `now` is in ms.
        """
        row = self._row(_NAME)
        take: list[Action] = [
            StateRow.fence.set((StateRow.fence | (FIRST_FENCE - 1)) + 1),
            StateRow.held_until.set(now + lease_ms),
        ]
        is_free = StateRow.held_until.does_not_exist() | (StateRow.held_until < now)
        return int(row.fence) if updated(row, take, is_free) else None

    def free(self) -> None:
        """Releases the lock whoever holds it. The caller must know that the holder has ended.

        The lock is acquired with a time after the end of every lease, which gives it a new fence: the writes
        of a run that is still working would be refused.
        """
        fence = self.acquire(now=_AFTER_EVERY_LEASE, lease_ms=0)
        if fence is not None:
            self.release(fence)

    def release(self, fence: int) -> None:
        """Releases the lock before its lease ends. Does nothing if another run has taken the lock already."""
        updated(self._row(_NAME), [StateRow.held_until.remove()], StateRow.fence == fence)
