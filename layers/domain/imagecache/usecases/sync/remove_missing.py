"""Deletes chats that Beeper no longer has: two complete runs did not list them, and Beeper answers 404.

The members of a union are not listed either, but they are not missing, see merge_chats.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from imagecache.errors import ListingError
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.chats.chats import ChatsTable, Listing
from imagecache.stores.state.progress import SyncProgress, short_hash
from imagecache.usecases.sync.merge_chats import ChatMerger
from imagecache.usecases.sync.sync_run import SyncRun

# If a run would delete more than 10 chats and more than 20 % of all, it deletes none: Beeper may have another
# account, or its list may be incomplete.
_MANY = 10
_LARGE_SHARE = 0.2
# Each request takes some milliseconds, and the run has other work to do after them.
_MOST_REQUESTS = 500


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """The numbers of chats that are newly missing, were deleted, or were kept by the deletion brake."""

    newly_missing: int = 0
    deleted: int = 0
    refused: int = 0


class _Answer(Enum):
    """Beeper's answer to the request for a missing chat. UNCLEAR: neither the chat nor a 404."""

    GONE = auto()
    EXISTS = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingChatRemover:
    """Deletes missing chats and their members. Every write is conditional on the fence of the run."""

    chats_table: ChatsTable
    chat_merger: ChatMerger

    def remove(self, run: SyncRun, progress: SyncProgress) -> RemovalResult:
        """Marks chats that a complete run has not listed, and deletes chats that an earlier run has marked.

        If the deletions are too many, the deletion brake prevents them all, unless the run is forced. Chats
        that a listed union hides do not count for the brake, nor do chats that Beeper still has. If the list
        had an entry without an id, this only compares the unions, because the entry may be one of the missing
        chats. Whether a union is dissolved does not depend on it, but on Beeper's answers for each chat.

        Raises OriginDownError and FencedOffError.
        """
        listings = self.chats_table.listings()
        unlisted = {chat_id for chat_id in listings if short_hash(chat_id) not in progress.seen_chats}
        merged = self.chat_merger.reconcile(listings, unlisted, run)
        if progress.without_id:
            return RemovalResult(deleted=merged.deleted)
        missing_since = {chat_id: listings[chat_id].missing_since for chat_id in run.in_turn(merged.missing)}
        newly_missing = [chat_id for chat_id, since in missing_since.items() if not since]
        newly_missing = self._without_merged(newly_missing, listings, run)
        for chat_id in newly_missing:
            self.chats_table.mark_missing(chat_id, since=progress.started_at, fence=run.fence)
        missing_twice = [
            chat_id for chat_id, since in missing_since.items() if 0 < since < progress.started_at
        ]
        brake = _Brake(listings, hiding=listings.keys() - unlisted)
        if not progress.force and brake.is_on(missing_twice):
            missing_twice = self._without_existing(missing_twice, brake, run)
            if brake.is_on(missing_twice):
                return RemovalResult(len(newly_missing), merged.deleted, refused=len(missing_twice))
        deleted = merged.deleted
        for chat_id in missing_twice:
            if run.time_budget.is_used_up():
                break
            if self._look_up(chat_id, listings[chat_id], run) is _Answer.GONE:
                self.chat_merger.delete(chat_id, run)
                deleted += 1
                self.chat_merger.show_members_of_deleted(chat_id, listings, merged.missing, run)
        return RemovalResult(len(newly_missing), deleted)

    def _without_merged(
        self, chat_ids: list[str], listings: Mapping[str, Listing], run: SyncRun
    ) -> list[str]:
        """Asks Beeper for these chats, and hides those that are merged into a union that does not name them.

        Returns the others. Ends after 500 requests, or when the time is used up: the next complete run asks
        for the rest before it deletes them.
        """
        merged: set[str] = set()
        for chat_id in chat_ids[:_MOST_REQUESTS]:
            if run.time_budget.is_used_up():
                break
            try:
                answer = run.chat_api.look_up(chat_id)
            except ListingError:
                continue
            if answer is None or answer.merged_into is None:
                continue
            if self.chat_merger.apply(answer, chat_id, listings[chat_id].own_folder, run):
                merged.add(chat_id)
        return [chat_id for chat_id in chat_ids if chat_id not in merged]

    def _without_existing(self, chat_ids: list[str], brake: "_Brake", run: SyncRun) -> list[str]:
        """Asks Beeper for these chats, and returns those that it has not answered with the chat itself.

        Beeper may have merged many chats into unions that do not name them. The brake would otherwise keep
        them from ever being looked up, and they would be shown beside their unions. Ends as soon as the chats
        that are gone are too many by themselves, after 500 requests, or when the time is used up.
        """
        gone: list[str] = []
        existing: set[str] = set()
        for chat_id in chat_ids[:_MOST_REQUESTS]:
            if run.time_budget.is_used_up() or brake.is_on(gone):
                break
            match self._look_up(chat_id, brake.listings[chat_id], run):
                case _Answer.GONE:
                    gone.append(chat_id)
                case _Answer.EXISTS:
                    existing.add(chat_id)
        return [chat_id for chat_id in chat_ids if chat_id not in existing]

    def _look_up(self, chat_id: str, listing: Listing, run: SyncRun) -> _Answer:
        """Asks Beeper for a missing chat. A chat that exists is hidden, or is no longer missing."""
        try:
            answer = run.chat_api.look_up(chat_id)
        except ListingError:  # The next complete run asks again.
            return _Answer.UNCLEAR
        if answer is None:
            return _Answer.GONE
        if answer.merged_into or listing.merged_into:
            self.chat_merger.apply(answer, chat_id, listing.own_folder, run)
        else:
            self.chats_table.mark_missing(chat_id, since=0, fence=run.fence)
        return _Answer.EXISTS


@dataclass(frozen=True, slots=True)
class _Brake:
    """The deletion brake for chats. `listings` has all stored chats, and `hiding` those that are listed."""

    listings: Mapping[str, Listing]
    hiding: Collection[str]

    def is_on(self, chat_ids: Collection[str]) -> bool:
        """Returns True if deleting these chats would be too much.

        A listed union shows the person of a chat that it hides, so deleting that chat loses nothing.
        """
        shown = [chat_id for chat_id in chat_ids if self.listings[chat_id].merged_into not in self.hiding]
        return is_too_much(len(shown), of=len(self.listings), more_than=_MANY, share=_LARGE_SHARE)
