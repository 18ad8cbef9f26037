"""The row `lastSync` of syncState: up to when chats are stored, and what the last success has left."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_row, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "lastSync"


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


class LastSyncStore:
    """Stores the result of the last successful run.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> LastSync:
        """Returns the result of the last successful run."""
        row = read_row(self._row, _NAME)
        return LastSync(**(row.value or {}), fence=int(row.fence or 0))

    def record(self, last_sync: LastSync) -> None:
        """Replaces the result. Raises FencedOffError."""
        value = asdict(last_sync)
        del value["fence"]
        save_fenced(self._row(_NAME, value=value), last_sync.fence)
