"""The report of a run of sync: how it ended, and what it saw and did until then."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class SyncOutcome(StrEnum):
    """How a run ended. None of these is an error.

    BUSY: another run holds the sync lock. UNFINISHED: time was up, or contacts have changed meanwhile, and
    the next run continues. SUPERSEDED: this run has lost the lock to a newer one, which goes on in its place.
    """

    OK = "ok"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"
    UNFINISHED = "unfinished"
    SUPERSEDED = "superseded"


@dataclass(slots=True)
class SyncReport:
    """What one run saw and did. It is filled in while the run goes on.

    Of the chats that the list held, `chats` were looked at, `changed` were stored, and `unreadable` have no
    usable id. `skipped` holds the ids, as far as there are any, of those and of chats whose roster was
    unavailable. `queued` counts images. `relinked` counts members who have another contact now, as contacts
    have changed. `missing` counts chats that were missing for the first time, `refused` those that the
    deletion brake has kept.
    """

    outcome: SyncOutcome = SyncOutcome.OK
    detail: str = ""
    complete: bool = False
    chats: int = 0
    changed: int = 0
    unreadable: int = 0
    skipped: list[str] = field(default_factory=list)
    queued: int = 0
    relinked: int = 0
    missing: int = 0
    deleted: int = 0
    refused: int = 0

    def for_log(self) -> dict[str, Any]:
        """Returns the fields of a log line, with the number of skipped chats instead of their ids."""
        return asdict(self) | {"skipped": len(self.skipped)}
