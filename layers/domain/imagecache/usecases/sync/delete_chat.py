"""Deletes a chat with its members."""

from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.usecases.sync.remember_people import PeopleMemory
from imagecache.usecases.sync.sync_run import SyncRun


def delete_chat(
    chat_id: str,
    run: SyncRun,
    *,
    chats_table: ChatsTable,
    participants_table: ParticipantsTable,
    people_memory: PeopleMemory,
) -> None:
    """Records the pictures of the members, and deletes the members and the chat. Raises FencedOffError.

    If a crash follows one of these steps, the chat's row is still there, so that the next run finds it and
    deletes the rest.
    """
    roster = participants_table.roster(chat_id)
    for chat in chats_table.several([chat_id]):
        people_memory.record_end(chat, roster, run.people, fence=run.fence)
    participants_table.remove([(chat_id, participant_id) for participant_id in roster], fence=run.fence)
    chats_table.delete(chat_id, fence=run.fence)
