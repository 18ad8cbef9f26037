"""`beeperHealth` in the row `lock` of syncState: how Beeper answered the last sync run."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import LOCK, StateRow, read_row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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

    def checked(self, state: BeeperState, *, now: int) -> "BeeperHealth":
        """Returns the health after Beeper was found in this state at `now`.

        `since` changes only if the state changes.
        """
        return BeeperHealth(state, self.since if state is self.state else now, now)


def beeper_health_of(row: StateRow) -> BeeperHealth:
    """Returns the health from the row `lock`: as of the last run, or UNKNOWN before the first."""
    value = row.beeper_health
    if not value:
        return BeeperHealth()
    return BeeperHealth(BeeperState(value["state"]), value["since"], value["checked_at"])


class BeeperHealthStore:
    """Reads the health of Beeper that sync runs have found, which they record when they release the lock.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> BeeperHealth:
        """Returns the health as of the last run, or UNKNOWN before the first."""
        return beeper_health_of(read_row(self._row, LOCK))
