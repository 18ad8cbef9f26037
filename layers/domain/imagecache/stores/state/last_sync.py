"""The row `lastSync` of syncState: how far sync has come, and when it last succeeded."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_row, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "lastSync"


@dataclass(frozen=True, slots=True)
class LastSync:
    """Three moments in ms and a fence, each 0 before the first run that succeeds.

    Every chat whose last activity is before `watermark` is stored. A run last succeeded at `succeeded_at`.
    The last complete run that succeeded was begun at `completed_at`. `fence` is that of the last run that
    succeeded.
    """

    watermark: int = 0
    succeeded_at: int = 0
    completed_at: int = 0
    fence: int = 0


class LastSyncStore:
    """Keeps the result of the last successful run.

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
