"""The owner's accounts on the networks, as Beeper reports them."""

from dataclasses import dataclass
from enum import StrEnum


class AccountStatus(StrEnum):
    """Beeper's statuses of an account. UNKNOWN: Beeper sends none, or one that is not listed here."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    BACKFILLING = "backfilling"
    CONNECTION_REQUIRED = "connection_required"
    RECONNECT_REQUIRED = "reconnect_required"
    ATTENTION_REQUIRED = "attention_required"
    DISCONNECTED = "disconnected"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the owner on one network. `status_text` is Beeper's own text about its status."""

    account_id: str
    network: str | None
    status: AccountStatus
    status_text: str | None


@dataclass(frozen=True, slots=True)
class AccountSince:
    """An account, and the moment (ms) at which sync first saw it with its present status."""

    account: Account
    since: int
