"""The beeperChats table, written by sync: every chat with a preview of its people, listed by folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from imagecache.model.chat import Chat
from imagecache.rules.source_urls import storable_url
from imagecache.stores.chats.previews import PREVIEW_LENGTH
from imagecache.stores.dynamodb.batch_get import Item, batch_get
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.fence import behind, fenced

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _ByActivity(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byActivity"
        projection = AllProjection()

    folder = UnicodeAttribute(hash_key=True)
    last_activity = NumberAttribute(range_key=True, attr_name="lastActivity")


class _Row(Model):
    chat_id = UnicodeAttribute(hash_key=True, attr_name="chatId")
    account_id = UnicodeAttribute(attr_name="accountId")
    network = UnicodeAttribute(null=True)
    type = UnicodeAttribute()
    title = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    last_activity = NumberAttribute(attr_name="lastActivity")
    unread_count = NumberAttribute(attr_name="unreadCount")
    is_archived = BooleanAttribute(attr_name="isArchived")
    is_muted = BooleanAttribute(attr_name="isMuted")
    is_pinned = BooleanAttribute(attr_name="isPinned")
    last_message = UnicodeAttribute(null=True, attr_name="lastMessage")
    source_url = UnicodeAttribute(null=True, attr_name="sourceUrl")
    image_key = UnicodeAttribute(null=True, attr_name="imageKey")
    rejected = UnicodeAttribute(null=True)
    participants = UnicodeAttribute()
    participant_count = NumberAttribute(attr_name="participantCount")
    has_more_participants = BooleanAttribute(attr_name="hasMoreParticipants")
    list_fingerprint = UnicodeAttribute(attr_name="listFingerprint")
    roster_fingerprint = UnicodeAttribute(attr_name="rosterFingerprint")
    folder = UnicodeAttribute(null=True)
    synced_by = NumberAttribute(attr_name="syncedBy")
    missing_since = NumberAttribute(null=True, attr_name="missingSince")
    by_activity = _ByActivity()


@dataclass(frozen=True, slots=True)
class StoredChat:
    """What sync compares with; `missing_since` (ms) is 0 while Beeper lists the chat."""

    list_fingerprint: str
    roster_fingerprint: str
    preview: str
    title: str | None
    missing_since: int


class ChatSummary(NamedTuple):
    """What a member's contact is decided by, and where it is shown: the network, and the preview."""

    network: str
    preview: str
    last_activity: int


class ChatsTable:
    """Rows of beeperChats."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)

    def stored(self, chat_ids: Iterable[str], *, consistent: bool = False) -> dict[str, StoredChat]:
        """What sync compares with, for the chats that are stored; `consistent`: as of this very moment."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=(
                "chatId",
                "listFingerprint",
                "rosterFingerprint",
                "participants",
                "title",
                "missingSince",
            ),
            consistent=consistent,
        )
        return {item["chatId"]["S"]: _stored(item) for item in items}

    def listed(self, chat_ids: Iterable[str]) -> dict[str, ChatSummary]:
        """Those that are stored; without a network the account's id, which names it."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=("chatId", "network", "accountId", "participants", "lastActivity"),
            consistent=True,
        )
        return {
            item["chatId"]["S"]: ChatSummary(
                network=(item.get("network") or item["accountId"])["S"],
                preview=item["participants"]["S"],
                last_activity=int(item["lastActivity"]["N"]),
            )
            for item in items
        }

    def show(self, chat_id: str, preview: str, *, fence: int) -> None:
        """Another preview for the same chat. Raises FencedOffError."""
        there = _Row.chat_id.exists() & behind(_Row.synced_by, fence)
        with fenced():
            self._row(chat_id).update(
                actions=[_Row.participants.set(preview), _Row.synced_by.set(fence)], condition=there
            )

    def missing_since(self) -> dict[str, int]:
        """Every chat id, with the moment since when Beeper no longer lists it (0: it does), by a scan."""
        rows = self._row.scan(attributes_to_get=["chatId", "missingSince"], consistent_read=True)
        return {row.chat_id: int(row.missing_since or 0) for row in rows}

    def put(
        self, chat: Chat, *, preview: str, list_fingerprint: str, roster_fingerprint: str, fence: int
    ) -> None:
        """Write the chat, which is thereby no longer missing. Raises FencedOffError."""
        row = self._row(
            chat_id=chat.chat_id,
            account_id=chat.account_id,
            network=chat.network,
            type=chat.type,
            title=chat.title,
            description=chat.description,
            last_activity=chat.last_activity,
            unread_count=chat.unread_count,
            is_archived=chat.is_archived,
            is_muted=chat.is_muted,
            is_pinned=chat.is_pinned,
            last_message=chat.last_message,
            source_url=storable_url(chat.source_url) if chat.source_url else None,
            image_key=chat.image.key if chat.image else None,
            rejected=chat.image.rejected if chat.image else None,
            participants=preview,
            participant_count=chat.participant_count,
            has_more_participants=chat.participant_count > PREVIEW_LENGTH,
            list_fingerprint=list_fingerprint,
            roster_fingerprint=roster_fingerprint,
            folder=chat.folder.value if chat.folder else None,
            synced_by=fence,
        )
        with fenced():
            row.save(condition=behind(_Row.synced_by, fence))

    def mark_missing(self, chat_id: str, *, since: int, fence: int) -> None:
        """Beeper no longer lists it; 0 takes that back. Raises FencedOffError."""
        mark = _Row.missing_since.set(since) if since else _Row.missing_since.remove()
        there = _Row.chat_id.exists() & behind(_Row.synced_by, fence)
        with fenced():
            self._row(chat_id).update(actions=[_Row.synced_by.set(fence), mark], condition=there)

    def delete(self, chat_id: str, *, fence: int) -> None:
        """Raises FencedOffError."""
        with fenced():
            self._row(chat_id).delete(condition=behind(_Row.synced_by, fence))


def _stored(item: Item) -> StoredChat:
    return StoredChat(
        list_fingerprint=item["listFingerprint"]["S"],
        roster_fingerprint=item["rosterFingerprint"]["S"],
        preview=item["participants"]["S"],
        title=item.get("title", {}).get("S"),
        missing_since=int(item.get("missingSince", {}).get("N", 0)),
    )
