"""The beeperChats table as sync uses it: a row for each chat, with a preview of its members."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.chat import Chat, network_name
from imagecache.rules.source_urls import storable_url
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


class ChatRow(Model):
    """A row of beeperChats.

    A chat that was stored without its roster, because Beeper answered the request for it with an error, has
    `roster_unavailable_since`. Every run that sees the chat asks for its roster again.
    """

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
    preview_json = UnicodeAttribute(attr_name="participants")
    participant_count = NumberAttribute(attr_name="participantCount")
    list_fingerprint = UnicodeAttribute(attr_name="listFingerprint")
    roster_fingerprint = UnicodeAttribute(attr_name="rosterFingerprint")
    roster_unavailable_since = NumberAttribute(null=True, attr_name="rosterUnavailableSince")
    folder = UnicodeAttribute(null=True)
    synced_by = NumberAttribute(attr_name="syncedBy")
    missing_since = NumberAttribute(null=True, attr_name="missingSince")
    by_activity = _ByActivity()


@dataclass(frozen=True, slots=True)
class StoredChat:
    """The attributes of a stored chat that sync compares with the listed chat.

    Since `roster_unavailable_since` the chat is stored without its roster; 0 if it has its roster. Since
    `missing_since` Beeper does not list the chat; 0 if it does. Both are in ms.
    """

    list_fingerprint: str
    roster_fingerprint: str
    roster_unavailable_since: int
    preview_json: str
    title: str | None
    missing_since: int


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """The attributes of a chat that relinking needs to find its members' contacts and to show them."""

    network_name: str
    preview_json: str
    last_activity: int


class ChatsTable:
    """Reads and writes beeperChats for sync.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ChatRow, table_name=table_name, dynamodb=dynamodb)

    def stored(self, chat_ids: Iterable[str], *, consistent: bool = False) -> dict[str, StoredChat]:
        """Returns what is stored of these chats, by chat id. `consistent` asks for a consistent read."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=(
                "chatId",
                "listFingerprint",
                "rosterFingerprint",
                "rosterUnavailableSince",
                "participants",
                "title",
                "missingSince",
            ),
            consistent=consistent,
        )
        return {item["chatId"]["S"]: _stored_chat(item) for item in items}

    def summaries(self, chat_ids: Iterable[str]) -> dict[str, ChatSummary]:
        """Returns summaries of those of these chats that are stored, by chat id, consistently read."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=("chatId", "network", "accountId", "participants", "lastActivity"),
            consistent=True,
        )
        return {item["chatId"]["S"]: _summary(item) for item in items}

    @aws_errors_translated()
    def missing_since(self) -> dict[str, int]:
        """Returns since when Beeper no longer lists each chat (ms; 0 if it does), by chat id, by a scan."""
        rows = self._row.scan(attributes_to_get=["chatId", "missingSince"], consistent_read=True)
        return {row.chat_id: int(row.missing_since or 0) for row in rows}

    def put(
        self,
        chat: Chat,
        *,
        preview_json: str,
        list_fingerprint: str,
        roster_fingerprint: str,
        roster_unavailable_since: int = 0,
        fence: int,
    ) -> None:
        """Replaces the whole row, so that the chat no longer counts as missing. Raises FencedOffError.

        `roster_unavailable_since` is in ms, and 0 if the chat is stored with its roster.
        """
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
            preview_json=preview_json,
            participant_count=chat.participant_count,
            list_fingerprint=list_fingerprint,
            roster_fingerprint=roster_fingerprint,
            roster_unavailable_since=roster_unavailable_since or None,
            folder=chat.folder.value if chat.folder else None,
            synced_by=fence,
        )
        with fenced():
            row.save(condition=behind(ChatRow.synced_by, fence))

    def put_preview(self, chat_id: str, preview_json: str, *, fence: int) -> None:
        """Replaces the preview of a chat that is stored. Raises FencedOffError."""
        with fenced():
            self._row(chat_id).update(
                actions=[ChatRow.preview_json.set(preview_json), ChatRow.synced_by.set(fence)],
                condition=ChatRow.chat_id.exists() & behind(ChatRow.synced_by, fence),
            )

    def mark_missing(self, chat_id: str, *, since: int, fence: int) -> None:
        """Records that Beeper has not listed a chat since then (ms); 0 clears it. Raises FencedOffError."""
        mark = ChatRow.missing_since.set(since) if since else ChatRow.missing_since.remove()
        with fenced():
            self._row(chat_id).update(
                actions=[ChatRow.synced_by.set(fence), mark],
                condition=ChatRow.chat_id.exists() & behind(ChatRow.synced_by, fence),
            )

    def delete(self, chat_id: str, *, fence: int) -> None:
        """Deletes the row. Raises FencedOffError."""
        with fenced():
            self._row(chat_id).delete(condition=behind(ChatRow.synced_by, fence))


def _stored_chat(item: Item) -> StoredChat:
    return StoredChat(
        list_fingerprint=item["listFingerprint"]["S"],
        roster_fingerprint=item["rosterFingerprint"]["S"],
        roster_unavailable_since=int(item.get("rosterUnavailableSince", {}).get("N", 0)),
        preview_json=item["participants"]["S"],
        title=item.get("title", {}).get("S"),
        missing_since=int(item.get("missingSince", {}).get("N", 0)),
    )


def _summary(item: Item) -> ChatSummary:
    return ChatSummary(
        network_name=network_name(item.get("network", {}).get("S"), item["accountId"]["S"]),
        preview_json=item["participants"]["S"],
        last_activity=int(item["lastActivity"]["N"]),
    )
