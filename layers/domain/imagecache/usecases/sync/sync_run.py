"""The data of one sync run that all its parts share, and its report."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from imagecache.model.image import ImageSource
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi
from imagecache.stores.state.lock import FIRST_FENCE
from imagecache.usecases.contacts.store_imported import ImportCounts
from imagecache.usecases.sync.people_records import PeopleOfRun


class SyncOutcome(StrEnum):
    """The outcomes of a run that does not raise an error.

    OFFLINE: Beeper did not answer. UNAUTHORIZED: Beeper refused the token. BUSY: another run holds the sync
    lock. UNFINISHED: the time was used up, or contacts have changed during the run, so another run must
    continue. SUPERSEDED: a newer run has taken the lock.
    """

    OK = "ok"
    OFFLINE = "offline"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"
    UNFINISHED = "unfinished"
    SUPERSEDED = "superseded"


@dataclass(slots=True)
class SyncReport:
    """The counts and the outcome of one run, updated during the run.

    Of the listed chats, `chats` were compared, `changed` were stored, and `unreadable` could not be read.
    `skipped` has the ids of unreadable chats that have one, of chats whose roster was unavailable, and of
    chats that DynamoDB could not store.
    `queued` counts images, and `relinked` counts members whose contact has changed because contacts were
    changed. `missing` counts chats that are newly missing, and `refused` counts chats that the deletion brake
    has kept. `contacts` counts changes of Beeper's own contacts.
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
    contacts: ImportCounts = field(default_factory=ImportCounts)

    def for_log(self) -> dict[str, Any]:
        """Returns the fields of a log line, with the number of skipped chats instead of their ids."""
        return asdict(self) | {"skipped": len(self.skipped)}


@dataclass(slots=True)
class SeenUnions:
    """The unions on the pages that this invocation has read so far.

    `union_of` maps each chat that a union names to this union. `left` maps each chat that is shown again,
    because Beeper lists it, or that is in another union now, to the union that it was in.
    """

    union_of: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """One run, which holds the sync lock. Every write of the run is conditional on `fence`. Times are in ms.

    A `complete` run reads the whole list of chats. The run began at `started_at`, perhaps in an earlier
    invocation. The last successful run ended at `last_success_at`. Images are queued for chats whose last
    activity is not before `images_since`. Beeper has sent hints for `hinted_chats`. All parts of the run
    update `report` and `unions`, and `on_page` is called with `report` after each page.

    `any_contacts` is False if there has never been a contact. `previews_changed` means that this run has
    written previews, so stored chats must be read consistently. `people` has the records of people that
    this invocation has read, and the pictures that it has written to them. `checked_images` has the images
    that it has queued, or has found to need no download, so that each is looked up once.

    `recorded_hashes` has the hashes of chats that a successful run has left stored as Beeper listed them.
    They can be trusted if `recorded_last` is True: no other run has begun since. `stored_hashes` maps the ids
    of the chats that this run leaves stored as they are listed to their hashes.
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
    hinted_chats: frozenset[str] = frozenset()
    any_contacts: bool = False
    previews_changed: bool = False
    unions: SeenUnions = field(default_factory=SeenUnions)
    people: PeopleOfRun = field(default_factory=PeopleOfRun)
    recorded_hashes: frozenset[bytes] = frozenset()
    recorded_last: bool = False
    stored_hashes: dict[str, bytes] = field(default_factory=dict)
    checked_images: set[ImageSource] = field(default_factory=set)

    @property
    def is_very_first(self) -> bool:
        """True if no run has ever taken the lock before, so that nothing is stored of any chat."""
        return self.fence == FIRST_FENCE

    def place_of(self, chat_id: str) -> bytes:
        """Returns the place at which this run requests a chat, as a key to sort by.

        Each run has another order, so that chats which Beeper answers slowly do not always come first.
        """
        return hashlib.sha256(f"{self.started_at} {chat_id}".encode()).digest()

    def in_turn(self, chat_ids: Iterable[str]) -> list[str]:
        """Returns the chats in the order in which this run requests them."""
        return sorted(chat_ids, key=self.place_of)
