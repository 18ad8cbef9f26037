"""The row `lock` of syncState: only one run of sync works at a time, and what runs leave for later ones.

Every run takes the lock and releases it. These two writes also read and record the last success and the
health of Beeper, which would be two more reads and two more writes in each of thousands of runs a month.
"""

import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pynamodb.expressions.update import Action

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import bound, updated
from imagecache.stores.state.beeper_health import BeeperHealth, beeper_health_of
from imagecache.stores.state.last_sync import LastSync, last_sync_of
from imagecache.stores.state.row import LOCK, StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FIRST_FENCE = 1
"""The fence of the first acquisition of the lock."""

_NEW_FENCE: Action = StateRow.fence.set((StateRow.fence | (FIRST_FENCE - 1)) + 1)


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The lock as a run has acquired it: the fence, and what earlier runs have recorded."""

    fence: int
    last_sync: LastSync
    beeper_health: BeeperHealth

    @property
    def follows_success(self) -> bool:
        """True if the run before this one succeeded, or if there was none: each has the next larger fence."""
        return self.last_sync.fence == self.fence - 1


@dataclass(frozen=True, slots=True)
class SyncRecords:
    """Holds what a run records when it releases the lock. A field that is None changes nothing."""

    last_sync: LastSync | None = None
    beeper_health: BeeperHealth | None = None


class SyncLock:
    """A lock with a lease, so that a run that was killed blocks the next one only until the lease ends.

    The lease cannot stop a run that continues after the end of its lease. Therefore every acquisition returns
    a fence, a number larger than any before. Every row has the fence of the run that wrote it last, and a
    write with a smaller fence is refused.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def acquire(self, *, now: int, lease_ms: int) -> HeldLock | None:
        """Takes the lock for `lease_ms` and returns it, or None if another run holds the lock.

        `now` is in ms.
        """
        row = self._row(LOCK)
        # The client sends the update again if its answer is lost. Without the holder, the first one would
        # refuse the second, and nobody would have the lock until the lease ends.
        holder = secrets.token_hex(8)
        take: list[Action] = [
            _NEW_FENCE,
            StateRow.held_until.set(now + lease_ms),
            StateRow.holder.set(holder),
        ]
        is_free = StateRow.held_until.does_not_exist() | (StateRow.held_until < now)
        if not updated(row, take, is_free | (StateRow.holder == holder)):
            return None
        return HeldLock(int(row.fence), last_sync_of(row), beeper_health_of(row))

    @aws_errors_translated()
    def free(self) -> None:
        """Releases the lock whoever holds it. The caller must know that the holder has ended.

        The lock gets a new fence: the writes of a run that is still working would be refused.
        """
        self._row(LOCK).update(actions=[_NEW_FENCE, StateRow.held_until.remove()])

    def release(self, fence: int, records: SyncRecords | None = None) -> bool:
        """Releases the lock before its lease ends, and writes the records in the same update.

        Returns False, and changes nothing, if another run has taken the lock already.
        """
        actions: list[Action] = [StateRow.held_until.remove()]
        if records and records.last_sync:
            actions.append(StateRow.last_sync.set(asdict(records.last_sync)))
        if records and records.beeper_health:
            actions.append(StateRow.beeper_health.set(asdict(records.beeper_health)))
        return updated(self._row(LOCK), actions, StateRow.fence == fence)
