"""People and chats, and their JSON in Beeper's API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from demo.media import Picture

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Network:
    """A chat service and the owner's account on it."""

    name: str
    account_id: str
    # Beeper does not always list iMessage in /v1/accounts.
    is_listed: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """A participant of a chat. Networks have different data about people, so most fields may be None."""

    id: str
    full_name: str | None = None
    username: str | None = None
    phone_number: str | None = None
    picture: Picture | None = None
    is_self: bool = False
    is_network_bot: bool = False

    def as_json(self) -> Json:
        """Returns the participant as JSON, like Beeper. Fields without a value are left out."""
        optional = {
            "fullName": self.full_name,
            "username": self.username,
            "phoneNumber": self.phone_number,
            "imgURL": self.picture and self.picture.url,
        }
        present: Json = {name: value for name, value in optional.items() if value is not None}
        return {
            "id": self.id,
            **present,
            "isSelf": self.is_self,
            "cannotMessage": False,
            "isAdmin": False,
            "isNetworkBot": self.is_network_bot,
        }


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the account. `quirks` replace fields of its JSON.

    Quirks imitate real servers, which send nulls, numbers as strings, and undocumented fields.
    """

    id: str
    local_id: str
    network: Network
    title: str
    is_group: bool
    people: tuple[Person, ...]
    last_activity: datetime | None = None
    last_message: str | None = None
    picture: Picture | None = None
    unread: int = 0
    is_archived: bool = False
    is_muted: bool = False
    is_pinned: bool = False
    merged_into: str | None = None
    quirks: Mapping[str, object] = field(default_factory=dict)

    @property
    def activity_ms(self) -> int:
        """The sort key of the list, in ms since 1970; 0 for a chat that was never active."""
        return epoch_ms(self.last_activity) if self.last_activity else 0

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The chat's own picture, if there is one, and the pictures of its people."""
        pictures = (self.picture, *(person.picture for person in self.people))
        return tuple(picture for picture in pictures if picture is not None)

    def as_json(self, max_participants: int | None) -> Json:
        """Returns the chat as JSON, like Beeper, with at most `max_participants` people (None: with all)."""
        participants = self.people[:max_participants]
        document: Json = {
            "id": self.id,
            "localChatID": self.local_id,
            "accountID": self.network.account_id,
            "network": self.network.name,
            "title": self.title,
            "type": "group" if self.is_group else "single",
            "description": None,
            "participants": {
                "items": [person.as_json() for person in participants],
                "hasMore": len(participants) < len(self.people),
                "total": len(self.people),
            },
            "unreadCount": self.unread,
            "isArchived": self.is_archived,
            "isMuted": self.is_muted,
            "isPinned": self.is_pinned,
        }
        return document | self._optional_fields() | dict(self.quirks)

    def _optional_fields(self) -> Json:
        optional = {
            "lastActivity": self.last_activity and iso(self.last_activity),
            "imgURL": self.picture and self.picture.url,
            "mergedIntoChatID": self.merged_into,
        }
        return {name: value for name, value in optional.items() if value is not None}

    def preview(self) -> Json | None:
        """Returns the latest message, or None if the chat has no message."""
        if self.last_message is None or self.last_activity is None:
            return None
        sender = self.people[0]
        return {
            "id": f"message-{self.local_id}",
            "chatID": self.id,
            "accountID": self.network.account_id,
            "senderID": sender.id,
            "senderName": sender.full_name,
            "isSender": sender.is_self,
            "timestamp": iso(self.last_activity),
            "sortKey": str(self.activity_ms),
            "type": "TEXT",
            "text": self.last_message,
        }


def epoch_ms(moment: datetime) -> int:
    """Returns the milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def iso(moment: datetime) -> str:
    """Returns the moment in Beeper's format: UTC with milliseconds, such as 2026-07-01T12:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
