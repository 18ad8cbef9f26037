"""`lastSync` in the row `lock` of syncState: up to when chats are stored, and the last success."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from imagecache.stores.dynamodb import behind, bound, fenced
from imagecache.stores.state.row import LOCK, StateRow, read_row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class LastSync:
    """The result of the last run that succeeded. Times are in ms. Before the first one all fields are empty.

    Every chat whose last activity is before `watermark` is stored. The last run succeeded at `succeeded_at`
    and had the fence `fence`. The last complete run that succeeded was begun at `completed_at`.

    `accounts_hash` is a hash of the accounts in the row `accounts`: a run sees without reading that row that
    nothing has changed. `contact_attempts` is the number of runs that still try to read the accounts'
    contacts, because the last complete run could not.
    """

    watermark: int = 0
    succeeded_at: int = 0
    completed_at: int = 0
    accounts_hash: str = ""
    contact_attempts: int = 0
    fence: int = 0


def last_sync_of(row: StateRow) -> LastSync:
    """Returns the result of the last successful run from the row `lock`."""
    return LastSync(**(row.last_sync or {}))


class LastSyncStore:
    """Reads the result of the last successful run, and records one while the run goes on.

    A run that has nothing left to do records its success when it releases the lock.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> LastSync:
        """Returns the result of the last successful run."""
        return last_sync_of(read_row(self._row, LOCK))

    def record(self, last_sync: LastSync) -> None:
        """Replaces the result. Raises FencedOffError."""
        with fenced():
            self._row(LOCK).update(
                actions=[StateRow.last_sync.set(asdict(last_sync)), StateRow.fence.set(last_sync.fence)],
                condition=behind(StateRow.fence, last_sync.fence),
            )
