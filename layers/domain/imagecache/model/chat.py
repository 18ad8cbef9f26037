"""Chats and their members, as sync reads them from Beeper and the API shows them."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef


class Folder(StrEnum):
    """The lists of chats in Beeper."""

    INBOX = "inbox"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Participant:
    """A member of a chat. Only the id is stable, and always present.

    `source_url` is the URL of their picture, and `image` its key or the reason why it is never fetched.
    `contact_id` and `contact_image_key` are set by sync: the contact that the member is, and that contact's
    picture.
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
    """A chat with the members that Beeper lists, which may not be all of them.

    `last_activity` is in ms, 0 if Beeper does not say. `source_url` is the URL of the chat's own picture, and
    `image` its key or the reason why it is never fetched. `merged_into` is the id of the chat that is shown
    instead of this one.
    """

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
        """The list that has this chat; None if another chat is shown instead of it."""
        if self.merged_into is not None:
            return None
        return Folder.ARCHIVE if self.is_archived else Folder.INBOX
