"""The row `salt` of syncState: random bytes that go into every blob id."""

import secrets
from typing import TYPE_CHECKING

from pynamodb.exceptions import PutError

from imagecache.aws_errors import aws_errors_translated
from imagecache.stores.dynamodb import bound, is_refusal
from imagecache.stores.state.row import StateRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "salt"
_BYTES = 32


class SaltStore:
    """Stores the salt of one deployment. The salt never changes, so each process reads it only once."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)
        self._salt: bytes | None = None

    @aws_errors_translated()
    def read(self) -> bytes:
        """Returns the salt. The first call in a new deployment creates it.

        Raises StoreUnavailableError if DynamoDB does not answer.
        """
        if self._salt is None:
            try:
                new = self._row(_NAME, salt=secrets.token_bytes(_BYTES))
                new.save(condition=StateRow.name.does_not_exist())
            except PutError as error:
                if not is_refusal(error):
                    raise
            self._salt = bytes(self._row.get(_NAME, consistent_read=True).salt)
        return self._salt
