"""Chats and their members, as sync reads them from Beeper and the API shows them."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef


class Folder(StrEnum):
    """Which list a chat stands in."""

    INBOX = "inbox"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Participant:
    """A member of a chat: only the id is stable and always there. `image` is what `img_url` amounts to.

    `contact_id` and `contact_image_key` are the contact that this is, and that contact's picture, as sync has
    decided; Beeper knows nothing of them.
    """

    participant_id: str
    full_name: str | None
    username: str | None
    phone_number: str | None
    email: str | None
    is_self: bool
    is_network_bot: bool
    source_url: str | None
    image: ImageRef | None
    contact_id: str | None = None
    contact_image_key: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat with the participants listed. `last_activity` is in ms, 0 when Beeper does not say."""

    chat_id: str
    account_id: str
    network: str | None
    type: str
    title: str | None
    description: str | None
    last_activity: int
    unread_count: int
    is_archived: bool
    is_muted: bool
    is_pinned: bool
    last_message: str | None
    merged_into: str | None
    source_url: str | None
    image: ImageRef | None
    participants: tuple[Participant, ...]
    participant_count: int
    has_more_participants: bool

    @property
    def folder(self) -> Folder | None:
        """Where it is listed; nowhere when it is shown by the chat it was merged into."""
        if self.merged_into is not None:
            return None
        return Folder.ARCHIVE if self.is_archived else Folder.INBOX
