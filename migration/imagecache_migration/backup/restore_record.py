"""The row `restore` of syncState: which backup was restored into the stack, and whether completely."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "restore"


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore. `backup` is the SHA-256 of the backup's manifest; times are in ms, 0 while it is begun."""

    backup: str
    begun_at: int
    completed_at: int = 0

    @property
    def is_complete(self) -> bool:
        """True if everything in the backup was restored."""
        return self.completed_at > 0


class RestoreRecords:
    """Reads and writes the record of the last restore. Every method raises StoreUnavailableError."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> Restore | None:
        """Returns the last restore, or None if nothing was restored."""
        value = read_value(self._row, _NAME)
        return Restore(**value) if value else None

    @aws_errors_translated()
    def write(self, restore: Restore) -> None:
        """Replaces the record."""
        self._row(_NAME, value=asdict(restore)).save()
