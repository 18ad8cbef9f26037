"""The row `recentChats` of syncState: the chats that are stored as Beeper has listed them last."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from imagecache.stores.dynamodb import bound
from imagecache.stores.state.progress import joined_hashes, split_hashes
from imagecache.stores.state.row import StateRow, read_row, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "recentChats"
MOST_HASHES = 500
"""With so many hashes, the row has less than 4 KB, which one read unit reads."""


class RecentChats:
    """Stores hashes of chats as Beeper lists them.

    An incremental run does not have to read a chat whose hash the run before has recorded. Every method
    raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> frozenset[bytes]:
        """Returns the recorded hashes."""
        return split_hashes(bytes(read_row(self._row, _NAME).hashes or b""))

    def record(self, hashes: Iterable[bytes], *, fence: int) -> None:
        """Replaces the recorded hashes. Raises FencedOffError."""
        save_fenced(self._row(_NAME, hashes=joined_hashes(hashes)), fence)
