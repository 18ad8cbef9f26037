"""The row `accounts` of syncState: the owner's accounts, and whether their contacts are still to be read."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imagecache.model.account import Account, AccountSince, AccountStatus
from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_value, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "accounts"


@dataclass(frozen=True, slots=True)
class AccountsState:
    """The accounts as of Beeper's last readable answer.

    `contact_attempts` is the number of attempts to read the accounts' contacts that are left until the next
    complete run. It is 0 if the last complete run has read them, or if every attempt since then has failed.
    """

    accounts: tuple[AccountSince, ...] = ()
    contact_attempts: int = 0


class AccountsStore:
    """Stores the accounts that sync runs find.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> AccountsState:
        """Returns what the last run has recorded, without accounts before the first one."""
        value = read_value(self._row, _NAME)
        if not value:
            return AccountsState()
        return AccountsState(
            accounts=tuple(_account(entry) for entry in value["accounts"]),
            contact_attempts=value["contact_attempts"],
        )

    def record(self, state: AccountsState, *, fence: int) -> None:
        """Replaces what is recorded. Raises FencedOffError."""
        save_fenced(self._row(_NAME, value=asdict(state)), fence)


def _account(entry: dict[str, Any]) -> AccountSince:
    fields = entry["account"]
    return AccountSince(Account(**{**fields, "status": AccountStatus(fields["status"])}), entry["since"])
