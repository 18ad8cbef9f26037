"""Deletes chats that Beeper no longer has: two complete runs did not list them, and Beeper answers 404.

The members of a union are not listed either, but they are not missing, see merge_chats.py.
"""

from dataclasses import dataclass

from imagecache.errors import ListingError
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.chats.chats import ChatsTable, Listing
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.state.progress import SyncProgress, short_hash
from imagecache.usecases.sync.delete_chat import delete_chat
from imagecache.usecases.sync.merge_chats import ChatMerger
from imagecache.usecases.sync.remember_people import PeopleMemory
from imagecache.usecases.sync.sync_run import SyncRun

# If a run would delete more than 10 chats and more than 20 % of all, it deletes none: Beeper may have another
# account, or its list may be incomplete.
_MANY = 10
_LARGE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """The numbers of chats that are newly missing, were deleted, or were kept by the deletion brake."""

    newly_missing: int = 0
    deleted: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingChatRemover:
    """Deletes missing chats and their members. Every write is conditional on the fence of the run."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    chat_merger: ChatMerger
    people_memory: PeopleMemory

    def remove(self, run: SyncRun, progress: SyncProgress) -> RemovalResult:
        """Marks chats that a complete run has not listed, and deletes chats that an earlier run has marked.

        If the deletions are too many, the deletion brake prevents them all, unless the run is forced. Chats
        that a listed union hides do not count for the brake. If the list had an entry without an id, this
        does nothing, because the entry may be one of the missing chats.

        Raises OriginDownError and FencedOffError.
        """
        if progress.without_id:
            return RemovalResult()
        listings = self.chats_table.listings()
        unlisted = {chat_id for chat_id in listings if short_hash(chat_id) not in progress.seen_chats}
        merged = self.chat_merger.reconcile(listings, unlisted, run)
        missing_since = {chat_id: listings[chat_id].missing_since for chat_id in sorted(merged.missing)}
        newly_missing = [chat_id for chat_id, since in missing_since.items() if not since]
        for chat_id in newly_missing:
            self.chats_table.mark_missing(chat_id, since=progress.started_at, fence=run.fence)
        missing_twice = [
            chat_id for chat_id, since in missing_since.items() if 0 < since < progress.started_at
        ]
        # A listed union shows the person of a chat that it hides, so deleting that chat loses nothing.
        hiding = listings.keys() - unlisted
        shown = [chat_id for chat_id in missing_twice if listings[chat_id].merged_into not in hiding]
        is_braked = is_too_much(len(shown), of=len(listings), more_than=_MANY, share=_LARGE_SHARE)
        if is_braked and not progress.force:
            return RemovalResult(len(newly_missing), merged.deleted, refused=len(missing_twice))
        deleted = merged.deleted
        for chat_id in missing_twice:
            if run.time_budget.is_used_up():
                break
            if self._delete_if_gone(chat_id, listings[chat_id], run):
                deleted += 1
                self.chat_merger.show_members_of_deleted(chat_id, listings, merged.missing, run)
        return RemovalResult(len(newly_missing), deleted)

    def _delete_if_gone(self, chat_id: str, listing: Listing, run: SyncRun) -> bool:
        """Deletes the chat if Beeper answers that it does not exist. Returns True if the chat was deleted."""
        try:
            answer = run.chat_api.look_up(chat_id)
        except ListingError:  # Beeper gave no clear answer: the next complete run asks again.
            return False
        if answer is None:
            delete_chat(
                chat_id,
                run,
                chats_table=self.chats_table,
                participants_table=self.participants_table,
                people_memory=self.people_memory,
            )
            return True
        if answer.merged_into or listing.merged_into:
            self.chat_merger.apply(answer, chat_id, listing.own_folder, run)
        else:
            self.chats_table.mark_missing(chat_id, since=0, fence=run.fence)
        return False
