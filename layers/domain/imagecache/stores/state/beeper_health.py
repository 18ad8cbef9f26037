"""The row `beeperHealth` of syncState: how Beeper answered when sync last asked it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_value, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "beeperHealth"


class BeeperState(StrEnum):
    """The kinds of answer that Beeper gave when it was last asked."""

    OK = "ok"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BeeperHealth:
    """The state of Beeper, since when it is in this state, and when it was last asked (ms; 0 for never)."""

    state: BeeperState = BeeperState.UNKNOWN
    since: int = 0
    checked_at: int = 0


class BeeperHealthStore:
    """Keeps the health of Beeper as the runs of sync find it.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> BeeperHealth:
        """Returns the health as of the last run, or UNKNOWN before the first."""
        value = read_value(self._row, _NAME)
        if not value:
            return BeeperHealth()
        return BeeperHealth(BeeperState(value["state"]), value["since"], value["checked_at"])

    def record(self, state: BeeperState, *, now: int, fence: int) -> None:
        """Records an answer of Beeper. `since` changes only with the state. Raises FencedOffError."""
        before = self.read()
        since = before.since if before.state is state else now
        health = BeeperHealth(state, since, checked_at=now)
        save_fenced(self._row(_NAME, value=asdict(health)), fence)
