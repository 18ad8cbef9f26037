"""One run of sync: what all of its parts need to know, and its report."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi


class SyncOutcome(StrEnum):
    """The ways in which a run can end. None of these is an error.

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
    """The counts and the outcome of one run. It is filled in while the run goes on.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """One run, which holds the sync lock. Every write carries its `fence`.

    A `complete` run reads the whole list of chats. The run began at `started_at`, maybe in an earlier
    invocation, and the last one that succeeded ended at `last_success_at`. Images are queued for chats whose
    last activity is not before `images_since` (all in ms). The parts of the run count in `report`, with which
    `on_page` is called after each page.

    `any_contacts` is False if there has never been a contact. `previews_changed` means that this run has
    already written previews, which must be read consistently.
    """

    chat_api: ChatApi
    fence: int
    complete: bool
    started_at: int
    last_success_at: int
    images_since: int
    time_budget: TimeBudget
    report: SyncReport
    on_page: Callable[[SyncReport], None] | None
    any_contacts: bool = False
    previews_changed: bool = False
