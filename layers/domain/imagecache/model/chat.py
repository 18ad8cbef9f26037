"""Chats and their members, as sync reads them from Beeper and as the API shows them."""

from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef, ImageSource, image_source


class Folder(StrEnum):
    """The list that a chat is in."""

    INBOX = "inbox"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Participant:
    """A member of a chat. Only the id never changes and is always known.

    `image` says which image `source_url` names, or why it is never fetched. `contact_id` and
    `contact_image_key` are the contact that this member is, and that contact's picture. Sync decides them;
    Beeper knows no contacts.
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

    @property
    def image_source(self) -> ImageSource | None:
        """The member's own picture, if they have one that can be fetched."""
        return image_source(self.image, self.source_url)


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat. `last_activity` is in ms, 0 if Beeper does not say.

    `participants` are the members that are known here: as listed by Beeper, fetched, or as a stored preview.
    There are `participant_count` members in all. `roster_is_partial` means that some are not among
    `participants`.
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
    roster_is_partial: bool

    @property
    def folder(self) -> Folder | None:
        """The list that the chat is in. None if it is merged into another chat, which represents it."""
        if self.merged_into is not None:
            return None
        return Folder.ARCHIVE if self.is_archived else Folder.INBOX

    @property
    def network_name(self) -> str:
        """The name of the chat's network, see `network_name`."""
        return network_name(self.network, self.account_id)


def network_name(network: str | None, account_id: str) -> str:
    """Returns the network, or else the account's id, which contains the network's name.

    Old servers do not name the network.
    """
    return network or account_id
