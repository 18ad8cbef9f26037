"""Stores one page of Beeper's list of chats. A hundred unchanged chats cost one read.

An incremental run does not even read the chats of which the run before has recorded that they are stored as
Beeper lists them. Chats that unions concern are always read.

Beeper's list leaves out most members of a large group. Its full roster needs a separate request, which is
sent only in complete runs or if the chat has changed.

Changed chats are written in groups, see store_chats.py. A union is written alone: the chats that have left it
are shown before it is stored, and its members are hidden after it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from imagecache.errors import ChatNotRequestedError, ChatUnavailableError, OriginDownError
from imagecache.model.chat import Chat
from imagecache.stores.chats.chats import ChatsTable, StoredChat
from imagecache.stores.state.progress import NO_LIMIT
from imagecache.usecases.sync.changed_chats import (
    ChangedChat,
    Fetched,
    Listed,
    ListedChat,
    Roster,
    Unavailable,
    list_fingerprint,
    listed_chat,
)
from imagecache.usecases.sync.merge_chats import ChatMerger, with_unions, without_unknown_unions
from imagecache.usecases.sync.store_chats import ChatWriter
from imagecache.usecases.sync.sync_run import SyncRun

# The limits of a group of chats that are written together. A group must be written in the time that a run has
# left when its time is used up.
_MOST_CHATS = 200
_MOST_MEMBERS = 2_000


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """The result of storing a page.

    If `finished` is False, the time was used up, and the page must be stored again. The watermark must not
    become later than `watermark_limit` (ms), so that the next run reads all chats since then.
    """

    finished: bool
    watermark_limit: int = NO_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWriter:
    """Stores the pages of a run, and counts the stored chats in the run's report."""

    chats_table: ChatsTable
    chat_merger: ChatMerger
    chat_writer: ChatWriter

    def listed_instead_of(self, chat_ids: Collection[str]) -> set[str]:
        """Returns the chats in whose entries of the list a change of these chats is seen.

        A member of a union is not listed, but its union is. Chats that are not stored are left out: a new
        chat is at the top of the list, and an unknown one is nowhere.
        """
        stored = self.chats_table.stored(sorted(chat_ids)) if chat_ids else {}
        return {row.merged_into or chat_id for chat_id, row in stored.items() if not row.missing_since}

    def store(self, page: list[Chat], run: SyncRun) -> PageOutcome:
        """Stores each chat that has changed, until the time is used up.

        The chats whose full roster must be requested come last, and of these the ones whose roster was
        unavailable in an earlier run. So chats that Beeper answers slowly do not delay the others.

        Raises OriginDownError, after what Beeper has answered before is stored, and FencedOffError.
        """
        chats = [chat for chat in with_unions(page, run) if not _is_known_as_stored(chat, run)]
        run.report.chats += len(page) - len(chats)
        chat_ids = [chat_id for chat in chats for chat_id in (chat.chat_id, *chat.merged_chat_ids)]
        union_ids = [chat.merged_into for chat in chats if chat.merged_into]
        stored = self.chats_table.stored([*chat_ids, *union_ids], consistent=run.previews_changed)
        chats = without_unknown_unions(chats, stored, run)
        listed_chats = [listed_chat(chat, stored.get(chat.chat_id)) for chat in chats]
        # A chat that is on the page is hidden or shown when it is stored itself.
        not_on_page = {
            chat_id: stored[chat_id] for chat_id in stored.keys() - {chat.chat_id for chat in page}
        }
        unchanged: list[Chat] = []
        group: list[ChangedChat] = []
        outcome = PageOutcome(True)
        for listed in _slow_ones_last(listed_chats, run):
            if run.time_budget.is_used_up():
                outcome = replace(outcome, finished=False)
                break
            run.report.chats += 1
            try:
                roster = _roster_of(listed, run)
            except OriginDownError:
                self._store_group(group, not_on_page, run)
                raise
            if isinstance(roster, Unavailable) and _is_new(listed, run):
                limit = min(outcome.watermark_limit, listed.chat.last_activity)
                outcome = replace(outcome, watermark_limit=limit)
            if not listed.has_changed(roster):
                unchanged.append(roster.chat)
                _note_stored(listed, roster, run)
                self.chat_merger.hide_members(listed.chat, not_on_page, run)
                continue
            changed = ChangedChat(listed, roster)
            if changed.is_union:
                self._store_group(group, not_on_page, run)
                self._store_group([changed], not_on_page, run)
                group = []
                continue
            group.append(changed)
            if _is_full(group):
                self._store_group(group, not_on_page, run)
                group = []
        self._store_group(group, not_on_page, run)
        if run.complete and outcome.finished:
            self.chat_writer.queue_images(unchanged, run)
        return outcome

    def _store_group(
        self, group: Sequence[ChangedChat], not_on_page: Mapping[str, StoredChat], run: SyncRun
    ) -> None:
        for changed in self.chat_writer.store(group, run):
            _note_stored(changed.listed, changed.roster, run)
            self.chat_merger.hide_members(changed.listed.chat, not_on_page, run)


def _short(fingerprint: str) -> bytes:
    """Returns the first 8 bytes of a fingerprint, which suffice to tell the chats of some pages apart."""
    return bytes.fromhex(fingerprint[:16])


def _concerns_unions(chat: Chat) -> bool:
    return bool(chat.merged_into or chat.merged_chat_ids)


def _is_known_as_stored(chat: Chat, run: SyncRun) -> bool:
    """Returns True if the run before has left this chat stored exactly as Beeper lists it now.

    The chat then counts as such for the next run, too.
    """
    if run.complete or not run.recorded_last or _concerns_unions(chat):
        return False
    short = _short(list_fingerprint(chat))
    if short not in run.recorded_hashes:
        return False
    run.stored_hashes[chat.chat_id] = short
    return True


def _note_stored(listed: ListedChat, roster: Roster, run: SyncRun) -> None:
    """Notes that the chat is stored as it is listed, unless its roster or a union may change that."""
    if not isinstance(roster, Unavailable) and not _concerns_unions(listed.chat):
        run.stored_hashes[listed.chat.chat_id] = _short(listed.fingerprint)


def _is_full(group: Sequence[ChangedChat]) -> bool:
    members = sum(len(changed.chat.participants) for changed in group)
    return len(group) >= _MOST_CHATS or members >= _MOST_MEMBERS


def _roster_of(listed: ListedChat, run: SyncRun) -> Roster:
    """Returns the roster of the list, or requests the full roster if the chat needs it in this run."""
    if not listed.needs_full_roster(complete=run.complete):
        return Listed(listed.chat)
    try:
        return Fetched(run.chat_api.with_full_roster(listed.chat))
    except ChatUnavailableError as error:
        if isinstance(error, ChatNotRequestedError) and listed.is_stored_with_roster:
            return Listed(listed.chat)
        run.report.skipped.append(listed.chat.chat_id)
        return Unavailable(listed.chat)


def _slow_ones_last(listed_chats: list[ListedChat], run: SyncRun) -> list[ListedChat]:
    """Returns first the chats that need no request, and last those whose roster was unavailable before."""
    ready: list[ListedChat] = []
    to_request: list[ListedChat] = []
    for listed in listed_chats:
        (to_request if listed.needs_full_roster(complete=run.complete) else ready).append(listed)
    to_request.sort(key=lambda each: (each.unavailable_since > 0, run.place_of(each.chat.chat_id)))
    return ready + to_request


def _is_new(unavailable: ListedChat, run: SyncRun) -> bool:
    """Returns True if no run has succeeded since the chat's roster became unavailable.

    Only such a chat limits the watermark. If every chat without a roster did, the watermark would never pass
    a chat whose roster stays unavailable.
    """
    return not unavailable.unavailable_since or unavailable.unavailable_since > run.last_success_at
