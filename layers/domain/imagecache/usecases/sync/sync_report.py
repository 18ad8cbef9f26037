"""How a run of sync ended, and what it saw and did on the way."""

from dataclasses import dataclass, field
from enum import StrEnum

from imagecache.stores.state.progress import NO_LIMIT


class SyncOutcome(StrEnum):
    """How a run ended; all but an error are quiet."""

    OK = "ok"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"
    UNFINISHED = "unfinished"
    SUPERSEDED = "superseded"


@dataclass(slots=True)
class SyncReport:
    """What a run saw and did; `skipped` are ids of chats that Beeper listed but did not give, or unreadably.

    `relinked` are members who are another contact's now, because contacts have changed. `oldest_skipped` is
    when the oldest of those chats that are skipped for the first time last moved (ms).
    """

    outcome: SyncOutcome = SyncOutcome.OK
    detail: str = ""
    complete: bool = False
    chats: int = 0
    changed: int = 0
    unreadable: int = 0
    skipped: list[str] = field(default_factory=list)
    oldest_skipped: int = NO_LIMIT
    queued: int = 0
    relinked: int = 0
    missing: int = 0
    deleted: int = 0
    refused: int = 0
