"""Deletes chats that Beeper no longer has: two complete runs did not list them, and Beeper answers 404."""

from dataclasses import dataclass

from imagecache.errors import ListingError
from imagecache.rules.deletion_brake import is_too_much
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.state.progress import SyncProgress, short_hash
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

    def remove(self, run: SyncRun, progress: SyncProgress) -> RemovalResult:
        """Marks chats that a complete run has not listed, and deletes chats that an earlier run has marked.

        If the deletions are too many, the deletion brake prevents them all, unless the run is forced. If the
        list had an entry without an id, this does nothing, because the entry may be one of the missing chats.

        Raises OriginDownError and FencedOffError.
        """
        if progress.without_id:
            return RemovalResult()
        missing_since = self.chats_table.missing_since()
        unseen = {
            chat_id: since
            for chat_id, since in missing_since.items()
            if short_hash(chat_id) not in progress.seen_chats
        }
        newly_missing = [chat_id for chat_id, since in unseen.items() if not since]
        for chat_id in newly_missing:
            self.chats_table.mark_missing(chat_id, since=progress.started_at, fence=run.fence)
        missing_twice = [chat_id for chat_id, since in unseen.items() if 0 < since < progress.started_at]
        is_braked = is_too_much(
            len(missing_twice), of=len(missing_since), more_than=_MANY, share=_LARGE_SHARE
        )
        if is_braked and not progress.force:
            return RemovalResult(len(newly_missing), refused=len(missing_twice))
        deleted = 0
        for chat_id in missing_twice:
            if run.time_budget.is_used_up():
                break
            deleted += self._delete_if_gone(chat_id, run)
        return RemovalResult(len(newly_missing), deleted)

    def _delete_if_gone(self, chat_id: str, run: SyncRun) -> bool:
        """Deletes the chat if Beeper answers that it does not exist. Returns True if the chat was deleted.

        The members are deleted first. If a crash follows, the chat's row is still there, so that the next run
        finds it and deletes the rest.
        """
        try:
            exists = run.chat_api.exists(chat_id)
        except ListingError:  # Beeper gave no clear answer: the next complete run asks again.
            return False
        if exists:
            self.chats_table.mark_missing(chat_id, since=0, fence=run.fence)
            return False
        self.participants_table.remove_all(chat_id, fence=run.fence)
        self.chats_table.delete(chat_id, fence=run.fence)
        return True
