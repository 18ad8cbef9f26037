"""Chats that Beeper no longer has → deleted, after two complete runs without them and its word for each."""

from collections.abc import Callable

from imagecache.errors import ListingError
from imagecache.rules.deletion_brake import is_too_much
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.state.progress import SyncProgress, short_hash

_MANY = 10
_MOST_SHARE = 0.2


def remove_missing(
    *,
    chat_api: ChatApi,
    chats_table: ChatsTable,
    participants_table: ParticipantsTable,
    progress: SyncProgress,
    fence: int,
    out_of_time: Callable[[], bool],
) -> tuple[int, int, int]:
    """Chats newly missing, deleted, and refused to delete, after a complete run has seen all that are listed.

    More than 10 and more than 20 % at once look like another account or a broken list: they wait for `force`.
    Where the list held something without an id, that may have been any chat: none is missing.
    """
    if progress.without_id:
        return 0, 0, 0
    known = chats_table.missing_since()
    unseen = {chat: since for chat, since in known.items() if short_hash(chat) not in progress.seen_chats}
    newly = [chat for chat, since in unseen.items() if not since]
    for chat in newly:
        chats_table.mark_missing(chat, since=progress.started_at, fence=fence)
    twice = [chat for chat, since in unseen.items() if since and since < progress.started_at]
    if is_too_much(len(twice), of=len(known), more_than=_MANY, share=_MOST_SHARE) and not progress.force:
        return len(newly), 0, len(twice)
    deleted = 0
    for chat in twice:
        if out_of_time():
            break
        deleted += _settle(
            chat,
            chat_api=chat_api,
            chats_table=chats_table,
            participants_table=participants_table,
            fence=fence,
        )
    return len(newly), deleted, 0


def _settle(
    chat_id: str,
    *,
    chat_api: ChatApi,
    chats_table: ChatsTable,
    participants_table: ParticipantsTable,
    fence: int,
) -> bool:
    """Whether it was deleted: its members first, as only the chat's own row remembers that it is to go."""
    try:
        exists = chat_api.exists(chat_id)
    except ListingError:  # no clear word: ask again next time
        return False
    if exists:
        chats_table.mark_missing(chat_id, since=0, fence=fence)
        return False
    participants_table.remove(chat_id, list(participants_table.roster(chat_id)), fence=fence)
    chats_table.delete(chat_id, fence=fence)
    return True
