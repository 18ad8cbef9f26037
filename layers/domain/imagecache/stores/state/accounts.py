"""The row `accounts` of syncState: the owner's accounts as of Beeper's last readable answer."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from imagecache.model.account import Account, AccountSince, AccountStatus
from imagecache.stores.dynamodb import bound
from imagecache.stores.state.row import StateRow, read_value, save_fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAME = "accounts"


class AccountsStore:
    """Stores the accounts that sync runs find.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(StateRow, table_name=table_name, dynamodb=dynamodb)

    def read(self) -> list[AccountSince]:
        """Returns the accounts that the last run has recorded, none before the first one."""
        return [_account(entry) for entry in read_value(self._row, _NAME).get("accounts", [])]

    def record(self, accounts: Iterable[AccountSince], *, fence: int) -> None:
        """Replaces the accounts. Raises FencedOffError."""
        save_fenced(self._row(_NAME, value={"accounts": [asdict(account) for account in accounts]}), fence)


def _account(entry: dict[str, Any]) -> AccountSince:
    fields = entry["account"]
    return AccountSince(Account(**{**fields, "status": AccountStatus(fields["status"])}), entry["since"])
