"""People and chats, and their JSON in Beeper's API."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from demo.capabilities import CAPABILITIES
from demo.media import Picture

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Network:
    """A chat service and the owner's account on it."""

    name: str
    account_id: str
    # Beeper does not always list iMessage in /v1/accounts.
    is_listed: bool = True
    # Some networks leave the owner out of the members of a chat, but count them in the total.
    lists_owner: bool = True


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
    email: str | None = None
    cannot_message: bool = False
    is_admin: bool = False
    is_pending: bool = False

    def as_user_json(self) -> Json:
        """Returns the person as JSON, like Beeper outside of chats. Fields without a value are left out."""
        optional = {
            "fullName": self.full_name,
            "username": self.username,
            "phoneNumber": self.phone_number,
            "email": self.email,
            "imgURL": self.picture and self.picture.url,
        }
        present: Json = {name: value for name, value in optional.items() if value is not None}
        return {
            "id": self.id,
            **present,
            "isSelf": self.is_self,
            "cannotMessage": self.cannot_message,
        }

    def as_json(self) -> Json:
        """Returns the person as a participant of a chat."""
        membership: Json = {
            "isAdmin": self.is_admin,
            "isNetworkBot": self.is_network_bot,
            "isPending": self.is_pending,
        }
        return self.as_user_json() | membership


@dataclass(frozen=True, slots=True)
class Merge:
    """The members of a union, which is a chat that Beeper shows instead of several chats with one person."""

    chat_ids: tuple[str, ...]
    default_chat_id: str | None = None

    def as_json(self) -> Json:
        """Returns the union's field `merge`."""
        chosen: Json = {"defaultChatID": self.default_chat_id} if self.default_chat_id else {}
        return {"chatIDs": list(self.chat_ids), **chosen}


@dataclass(frozen=True, slots=True)
class Extras:
    """The fields of a chat that only new servers send.

    `reminder_after` and `snooze_after` are counted from the chat's last activity.
    """

    is_low_priority: bool = False
    is_marked_unread: bool = False
    is_read_only: bool = False
    labels: tuple[str, ...] = ()
    unread_mentions: int = 0
    message_expiry_seconds: int | None = None
    draft: str | None = None
    reminder_after: timedelta | None = None
    snooze_after: timedelta | None = None

    def as_json(self, last_activity: datetime | None) -> Json:
        """Returns the fields of a chat with this last activity."""
        start = last_activity or datetime(2026, 1, 1, tzinfo=UTC)
        return {
            "isLowPriority": self.is_low_priority,
            "isMarkedUnread": self.is_marked_unread,
            "isReadOnly": self.is_read_only,
            "unreadMentionsCount": self.unread_mentions,
            "messageExpirySeconds": self.message_expiry_seconds,
            "draft": self.draft and {"text": self.draft},
            "reminder": self.reminder_after
            and with_moments({"remindAt": self.reminder_after, "dismissOnIncomingMessage": True}, start),
            "snooze": self.snooze_after
            and with_moments({"snoozeUntil": self.snooze_after, "userSnoozedAt": timedelta()}, start),
            "capabilities": CAPABILITIES,
            **self._labels(),
        }

    def _labels(self) -> Json:
        """Returns the field with the labels. A chat without labels does not have it."""
        labels = [{"id": name.lower(), "name": name} for name in self.labels]
        return {"labels": labels} if labels else {}


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the account. `quirks` replace fields of its JSON.

    Quirks imitate real servers, which send nulls, numbers as strings, and undocumented fields.
    `message_fields` replace fields of the preview's JSON. A timedelta in them is a moment, counted from the
    last activity. `merge` is only in unions, and `merged_into`, the id of a union, only in its members.
    """

    id: str
    local_id: str
    network: Network
    title: str
    is_group: bool
    people: tuple[Person, ...]
    last_activity: datetime | None = None
    last_message: str | None = None
    message_fields: Mapping[str, object] = field(default_factory=dict)
    picture: Picture | None = None
    unread: int = 0
    is_archived: bool = False
    is_muted: bool = False
    is_pinned: bool = False
    description: str | None = None
    merge: Merge | None = None
    merged_into: str | None = None
    extras: Extras = field(default_factory=Extras)
    quirks: Mapping[str, object] = field(default_factory=dict)

    @property
    def activity_ms(self) -> int:
        """The sort key of the list, in ms since 1970; 0 for a chat that was never active."""
        return epoch_ms(self.last_activity) if self.last_activity else 0

    @property
    def member_ids(self) -> tuple[str, ...]:
        """The ids of the chats in this union. It is empty if the chat is no union."""
        return self.merge.chat_ids if self.merge else ()

    def with_member_ids(self, new_ids: Mapping[str, str]) -> "Chat":
        """Returns the union with the new ids of its members, and any other chat unchanged."""
        if self.merge is None:
            return self
        chat_ids = tuple(new_ids[member_id] for member_id in self.merge.chat_ids if member_id in new_ids)
        return replace(self, merge=Merge(chat_ids, new_ids.get(self.merge.default_chat_id or "")))

    @property
    def roster(self) -> list[Person]:
        """The people that Beeper lists: all of them, or on some networks all but the owner."""
        return [person for person in self.people if self.network.lists_owner or not person.is_self]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The chat's own picture, if there is one, and the pictures of its people."""
        pictures = (self.picture, *(person.picture for person in self.people))
        return tuple(picture for picture in pictures if picture is not None)

    def as_json(self, max_participants: int | None, *, is_old: bool = False) -> Json:
        """Returns the chat as JSON, like Beeper, with at most `max_participants` people (None: with all).

        `is_old` leaves out the fields that older servers do not send.
        """
        people = self.roster
        participants = people[:max_participants]
        document: Json = {
            "id": self.id,
            "localChatID": self.local_id,
            "accountID": self.network.account_id,
            "title": self.title,
            "type": "group" if self.is_group else "single",
            "description": self.description,
            "participants": {
                "items": [person.as_json() for person in participants],
                "hasMore": len(participants) < len(people),
                "total": len(self.people),
            },
            "unreadCount": self.unread,
            "isArchived": self.is_archived,
            "isMuted": self.is_muted,
            "isPinned": self.is_pinned,
            "lastReadMessageSortKey": str(self.activity_ms - self.unread),
        }
        new_fields = {} if is_old else self._new_fields()
        return document | self._optional_fields() | new_fields | dict(self.quirks)

    def _optional_fields(self) -> Json:
        optional = {
            "lastActivity": self.last_activity and iso(self.last_activity),
            "imgURL": self.picture and self.picture.url,
        }
        return {name: value for name, value in optional.items() if value is not None}

    def _new_fields(self) -> Json:
        union: Json = {"merge": self.merge.as_json()} if self.merge else {}
        member: Json = {"mergedIntoChatID": self.merged_into} if self.merged_into else {}
        return {
            "network": self.network.name,
            **union,
            **member,
            **self.extras.as_json(self.last_activity),
        }

    def preview(self, *, is_old: bool = False) -> Json | None:
        """Returns the latest message, or None if the chat has no message. Older servers send no type."""
        message_type = self.message_fields.get("type", "TEXT")
        has_message = self.last_message is not None or message_type != "TEXT"
        if not has_message or self.last_activity is None:
            return None
        sender = self._sender()
        message: Json = {
            "id": f"message-{self.local_id}",
            "chatID": self.id,
            "accountID": self.network.account_id,
            "senderID": sender.id,
            "senderName": sender.full_name,
            "isSender": sender.is_self,
            "timestamp": iso(self.last_activity),
            "sortKey": str(self.activity_ms),
        }
        if self.last_message is not None:
            message["text"] = self.last_message
        if is_old:
            return message
        return message | {"type": "TEXT"} | with_moments(self.message_fields, self.last_activity)

    def _sender(self) -> Person:
        """Returns the sender of the latest message: in a group a member, because the owner is the first."""
        others = [person for person in self.people if not person.is_self]
        return others[0] if self.is_group and others else self.people[0]


class EventType(StrEnum):
    """Names what has happened to the chat of an event."""

    CHAT_UPSERTED = "chat.upserted"
    CHAT_DELETED = "chat.deleted"
    MESSAGE_UPSERTED = "message.upserted"


@dataclass(frozen=True, slots=True)
class ChatEvent:
    """An event of the WebSocket: a chat was added, changed or deleted, or has a new message."""

    type: EventType
    chat_id: str


def with_moments(fields: Mapping[str, object], start: datetime) -> Json:
    """Returns the fields with a moment for each timedelta: `start` plus this time, in Beeper's format."""

    def resolved(value: object) -> object:
        if isinstance(value, timedelta):
            return iso(start + value)
        return with_moments(value, start) if isinstance(value, Mapping) else value

    return {name: resolved(value) for name, value in fields.items()}


def epoch_ms(moment: datetime) -> int:
    """Returns the milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def iso(moment: datetime) -> str:
    """Returns the moment in Beeper's format: UTC with milliseconds, such as 2026-07-01T12:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
