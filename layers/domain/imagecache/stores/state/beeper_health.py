"""The row `beeperHealth` of syncState: how Beeper answered the last sync run."""

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
    """The state of Beeper, the time since which it has this state, and the time of the last request.

    Times are in ms; 0 means never.
    """

    state: BeeperState = BeeperState.UNKNOWN
    since: int = 0
    checked_at: int = 0


class BeeperHealthStore:
    """Stores the health of Beeper that sync runs find.

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
        """Records the state of Beeper at `now` (ms). `since` changes only if the state changes.

        Raises FencedOffError.
        """
        before = self.read()
        since = before.since if before.state is state else now
        health = BeeperHealth(state, since, checked_at=now)
        save_fenced(self._row(_NAME, value=asdict(health)), fence)
