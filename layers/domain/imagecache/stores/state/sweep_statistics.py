"""The row `statistics` of syncState: the counts of the last nightly sweep."""

from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "statistics"


class SweepStatisticsStore:
    """Stores the counts of the last sweep, which `/api/stats` reports.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> dict[str, Any]:
        """Returns the counts of the last sweep, or an empty dict before the first."""
        return read_value(self._row, _NAME)

    @aws_errors_translated()
    def record(self, statistics: dict[str, Any]) -> None:
        """Replaces the counts."""
        self._row(_NAME, value=statistics).save()
