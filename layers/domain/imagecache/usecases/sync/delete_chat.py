"""Deletes a chat with its members."""

from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable


def delete_chat(
    chat_id: str, *, chats_table: ChatsTable, participants_table: ParticipantsTable, fence: int
) -> None:
    """Deletes the members first. Raises FencedOffError.

    If a crash follows, the chat's row is still there, so that the next run finds it and deletes the rest.
    """
    participants_table.remove_all(chat_id, fence=fence)
    chats_table.delete(chat_id, fence=fence)
