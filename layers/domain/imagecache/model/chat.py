"""Chats and their members, as sync reads them from Beeper and as the API shows them."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from imagecache.model.image import ImageRef, ImageSource, image_source

MOST_ID_BYTES = 1024
"""The longest id of a chat or a member: DynamoDB's limit for a sort key."""

PERSON_KEY_PREFIX = "person#"
"""The beginning of the keys of people in chatParticipants. A chat whose id begins with it is not stored."""


class Folder(StrEnum):
    """The list in which Beeper shows a chat."""

    INBOX = "inbox"
    LOW_PRIORITY = "low-priority"
    ARCHIVE = "archive"


def folder_of(*, is_archived: bool, is_low_priority: bool) -> Folder:
    """Returns the list that has a chat with these flags. An archived chat is in the archive only."""
    if is_archived:
        return Folder.ARCHIVE
    return Folder.LOW_PRIORITY if is_low_priority else Folder.INBOX


@dataclass(frozen=True, slots=True)
class Participant:
    """A member of a chat. All fields but the id may change or be unknown.

    `image` has the image key of `source_url`, or the reason why that URL is rejected. `contact_id` and
    `contact_image_key` are the id and the picture of the contact to which sync has linked this member.
    `contact_name` is that contact's name, unless the member has a name of their own.

    A network may move a person to another id. Sync recognises the person by `person_ids`, see
    rules/people.py. `former_image_key` is a picture of theirs that Beeper does not name for this member.
    `earlier_ids` are other participant ids of this person that were linked to a contact.
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
    contact_name: str | None = None
    former_image_key: str | None = None
    person_ids: tuple[str, ...] = ()
    earlier_ids: tuple[str, ...] = ()

    @property
    def shown_name(self) -> str | None:
        """The contact's name if the member has none of their own, or else the name from the network."""
        return self.contact_name or self.full_name

    @property
    def image_source(self) -> ImageSource | None:
        """The member's own picture, or None if there is none or its URL is rejected."""
        return image_source(self.image, self.source_url)


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat. `last_activity` is in ms, 0 if it is unknown.

    `participants` has the members in Beeper's list, in the fetched roster, or in the stored preview. The chat
    has `participant_count` members in total. `roster_is_partial` means that some of them, beside oneself, are
    missing from `participants`. `is_marked_unread` means that the owner has marked the chat as unread;
    `unread_count` may then be 0.

    Beeper shows a union instead of several chats with the same person. `merged_chat_ids` has the ids of these
    chats; it is empty for a chat that is not a union. `merged_into` is the id of the union that is shown
    instead of this chat.
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
    is_marked_unread: bool = False
    is_low_priority: bool = False
    merged_chat_ids: tuple[str, ...] = ()

    @property
    def folder(self) -> Folder | None:
        """The list in which the chat is shown, or None if it is merged into another chat."""
        if self.merged_into is not None:
            return None
        return folder_of(is_archived=self.is_archived, is_low_priority=self.is_low_priority)

    @property
    def network_name(self) -> str:
        """The name of the chat's network, or the account id if the name is unknown."""
        return network_name(self.network, self.account_id)


def lacks_at_most_oneself(members: Collection[Participant], total: int) -> bool:
    """Returns True if `members` are all of a chat's `total` members, or all but the owner of the account.

    Beeper counts the owner even where the list of members leaves the owner out.
    """
    lacking = total - len(members)
    return lacking <= 0 or (lacking == 1 and bool(members) and not any(member.is_self for member in members))


def network_name(network: str | None, account_id: str) -> str:
    """Returns the name of the network, or the account id, which contains that name, if `network` is None.

    Old versions of Beeper do not send the network.
    """
    return network or account_id
