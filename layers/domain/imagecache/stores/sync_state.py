"""The syncState table: the few things there is only one of."""

import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.models import Model

from imagecache.stores.binding import bound

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SALT = "salt"
_ORIGIN = "origin"
_STATISTICS = "statistics"


class OriginState(StrEnum):
    """How Beeper answered when it was last asked."""

    OK = "ok"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """The state of Beeper, when that was seen, and when all chats were last read (ms; 0 never)."""

    state: OriginState = OriginState.UNKNOWN
    checked_at: int = 0
    synced_at: int = 0


class _Row(Model):
    name = UnicodeAttribute(hash_key=True)
    salt = BinaryAttribute(null=True, legacy_encoding=False)
    value = JSONAttribute(null=True)


class SyncState:
    """Rows of syncState, one method per thing."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)

    def salt(self) -> bytes:
        """32 random bytes, the same for ever: made by whoever asks first."""
        try:
            self._row(_SALT, salt=secrets.token_bytes(32)).save(condition=_Row.name.does_not_exist())
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
        return bytes(self._row.get(_SALT, consistent_read=True).salt)

    def origin(self) -> Origin:
        value = self._value(_ORIGIN)
        return Origin(**(value | {"state": OriginState(value["state"])})) if value else Origin()

    def record_origin(self, origin: Origin) -> None:
        self._row(_ORIGIN, value=asdict(origin)).save()

    def statistics(self) -> dict[str, Any]:
        """The last nightly snapshot, empty before the first."""
        return self._value(_STATISTICS)

    def record_statistics(self, statistics: dict[str, Any]) -> None:
        self._row(_STATISTICS, value=statistics).save()

    def _value(self, name: str) -> dict[str, Any]:
        try:
            value: dict[str, Any] = self._row.get(name, consistent_read=True).value
        except DoesNotExist:
            return {}
        return value
