"""The beeperChats table: a row for each chat, with a preview of its members, which shown.py describes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from imagecache.model.chat import (
    Chat,
    Folder,
    Participant,
    folder_of,
    network_name,
)
from imagecache.parallel import in_parallel
from imagecache.rules.source_urls import storable_url
from imagecache.stores.batches import insert, item_of
from imagecache.stores.bulk_reads import Item, all_items, batch_get
from imagecache.stores.chats.shown import PREVIEW_LENGTH, ShownChats
from imagecache.stores.dynamodb import behind, bound, fenced

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

    `roster_unavailable_since` is set if Beeper answered the request for the roster with an error, and the
    chat was stored without a roster. Every sync run that sees such a chat requests the roster again.

    `merged_into` is the union that Beeper shows instead of this chat, which then has no `folder`.
    `merged_chat_ids` is set in the row of a union. Rows that older versions have written have neither, nor
    `is_marked_unread` and `is_low_priority`.
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
    is_marked_unread = BooleanAttribute(null=True, attr_name="isMarkedUnread")
    is_low_priority = BooleanAttribute(null=True, attr_name="isLowPriority")
    merged_into = UnicodeAttribute(null=True, attr_name="mergedInto")
    merged_chat_ids = UnicodeSetAttribute(null=True, attr_name="mergedChatIds")
    folder = UnicodeAttribute(null=True)
    synced_by = NumberAttribute(attr_name="syncedBy")
    missing_since = NumberAttribute(null=True, attr_name="missingSince")
    by_activity = _ByActivity()


@dataclass(frozen=True, slots=True)
class StoredChat:
    """The attributes of a stored chat that sync compares with the listed chat.

    `roster_unavailable_since` is the time (ms) since which the chat is stored without its roster, 0 if it has
    its roster. `missing_since` is the time (ms) since which Beeper does not list the chat, 0 if it does.
    `merged_into` is the id of the union that is shown instead of the chat, and `merged_chat_ids` has the
    members of a union. `own_folder` is the folder of the chat while it is in no union.
    """

    list_fingerprint: str
    roster_fingerprint: str
    roster_unavailable_since: int
    preview_json: str
    title: str | None
    missing_since: int
    merged_into: str | None = None
    merged_chat_ids: frozenset[str] = frozenset()
    own_folder: Folder = Folder.INBOX


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatToStore:
    """A chat with all that its row contains.

    `roster_unavailable_since` is in ms, and 0 if the chat is stored with its roster. `is_new` means that the
    chat probably has no row, so that it can be written in a batch.
    """

    chat: Chat
    preview_json: str
    list_fingerprint: str
    roster_fingerprint: str
    roster_unavailable_since: int = 0
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The attributes of a stored chat that a complete run compares with the chats that Beeper lists.

    They have the same meaning as in StoredChat.
    """

    missing_since: int
    merged_into: str | None
    merged_chat_ids: frozenset[str]
    own_folder: Folder


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """The attributes of a chat that relinking needs to find and show what the members are linked to.

    `is_single` is True if the chat is with one person, `is_union` if it is shown instead of several chats.
    """

    chat_id: str
    network_name: str
    preview_json: str
    last_activity: int
    is_single: bool
    is_union: bool


# A row may have 400 KB. Without the preview, it has up to 200 KB: a URL, and the ids of merged chats.
_MOST_PREVIEW_BYTES = 150_000
# The fields of a member in a preview that their contact has.
_LINKED_FIELDS = ("contactImageKey", "contactName", "formerImageKey")


class ChatsTable(ShownChats):
    """Reads chats for pages, and reads and writes them for sync.

    A Chat that is read has only the members of its preview, and their former pictures only if
    `shows_former_pictures` is True. Every write is conditional on the fence of the sync run. Up to
    `writes_at_once` requests are sent in parallel. Every method raises StoreUnavailableError if DynamoDB does
    not answer.
    """

    def __init__(
        self,
        *,
        table_name: str,
        dynamodb: "DynamoDBClient",
        writes_at_once: int = 1,
        shows_former_pictures: bool = True,
    ) -> None:
        super().__init__(
            table_name=table_name, dynamodb=dynamodb, shows_former_pictures=shows_former_pictures
        )
        self._writes_at_once = writes_at_once
        self._row = bound(ChatRow, table_name=table_name, dynamodb=dynamodb)

    def account_ids(self, chat_ids: Iterable[str]) -> dict[str, str]:
        """Returns the account of each of these chats that is stored, by chat id."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=("chatId", "accountId"),
        )
        return {item["chatId"]["S"]: item["accountId"]["S"] for item in items}

    def stored(self, chat_ids: Iterable[str], *, consistent: bool = False) -> dict[str, StoredChat]:
        """Returns the stored attributes of each of these chats that has a row, by chat id.

        `consistent` requests a consistent read.
        """
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
                "mergedInto",
                "mergedChatIds",
                "isArchived",
                "isLowPriority",
            ),
            consistent=consistent,
        )
        return {item["chatId"]["S"]: _stored_chat(item) for item in items}

    def summaries(self, chat_ids: Iterable[str]) -> dict[str, ChatSummary]:
        """Returns a summary of each of these chats that is stored, by chat id. The read is consistent."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=(
                *("chatId", "network", "accountId", "participants"),
                *("lastActivity", "type", "mergedChatIds"),
            ),
            consistent=True,
        )
        return {item["chatId"]["S"]: _summary(item) for item in items}

    def listings(self) -> dict[str, Listing]:
        """Scans the table and returns the listing of each chat, by chat id."""
        items = all_items(
            self._dynamodb,
            table_name=self._table_name,
            attributes=(
                *("chatId", "missingSince", "mergedInto", "mergedChatIds"),
                *("isArchived", "isLowPriority"),
            ),
        )
        return {item["chatId"]["S"]: _listing(item) for item in items}

    def put(self, chats: Iterable[ChatToStore], *, fence: int) -> None:
        """Replaces the whole row of each chat. It then no longer counts as missing. Raises FencedOffError."""
        rows = [(chat, _values(chat, fence)) for chat in chats]
        new = [values for chat, values in rows if chat.is_new]
        done = insert(
            self._dynamodb,
            table_name=self._table_name,
            items=[item_of(self._row, values) for values in new],
            at_once=self._writes_at_once,
        )
        # A row that could not be inserted exists most likely: it is replaced, unless a newer run wrote it.
        not_inserted = [values for values, is_inserted in zip(new, done, strict=True) if not is_inserted]
        to_replace = [*not_inserted, *(values for chat, values in rows if not chat.is_new)]

        def save(values: dict[str, Any]) -> None:
            self._row(**values).save(condition=behind(ChatRow.synced_by, fence))

        with fenced():
            in_parallel(save, to_replace, at_once=self._writes_at_once)

    def update_preview(self, chat: ChatSummary, linked: Mapping[str, Participant], *, fence: int) -> None:
        """Replaces contacts' pictures and names, and former pictures, in the preview, if one differs.

        `linked` has members as they are linked now, by participant id. Other members do not change. Raises
        FencedOffError.
        """
        preview_json = _with_links(chat.preview_json, linked)
        if preview_json == chat.preview_json:
            return
        with fenced():
            self._row(chat.chat_id).update(
                actions=[ChatRow.preview_json.set(preview_json), ChatRow.synced_by.set(fence)],
                condition=ChatRow.chat_id.exists() & behind(ChatRow.synced_by, fence),
            )

    def mark_missing(self, chat_id: str, *, since: int, fence: int) -> None:
        """Records that Beeper has not listed the chat since `since` (ms); 0 means that Beeper lists it.

        Raises FencedOffError.
        """
        mark = ChatRow.missing_since.set(since) if since else ChatRow.missing_since.remove()
        with fenced():
            self._row(chat_id).update(
                actions=[ChatRow.synced_by.set(fence), mark],
                condition=ChatRow.chat_id.exists() & behind(ChatRow.synced_by, fence),
            )

    def hide(self, chat_id: str, *, union_id: str, fence: int) -> None:
        """Hides a chat, because Beeper shows the union instead. The chat then does not count as missing.

        Raises FencedOffError.
        """
        self._update_shown(chat_id, [ChatRow.merged_into.set(union_id), ChatRow.folder.remove()], fence)

    def show(self, chat_id: str, *, folder: Folder, fence: int) -> None:
        """Shows a hidden chat again, in this folder. It then does not count as missing.

        Raises FencedOffError.
        """
        self._update_shown(chat_id, [ChatRow.merged_into.remove(), ChatRow.folder.set(folder.value)], fence)

    def _update_shown(self, chat_id: str, actions: list[Action], fence: int) -> None:
        with fenced():
            self._row(chat_id).update(
                actions=[*actions, ChatRow.missing_since.remove(), ChatRow.synced_by.set(fence)],
                condition=ChatRow.chat_id.exists() & behind(ChatRow.synced_by, fence),
            )

    def delete(self, chat_id: str, *, fence: int) -> None:
        """Deletes the row. Raises FencedOffError."""
        with fenced():
            self._row(chat_id).delete(condition=behind(ChatRow.synced_by, fence))


def preview_of(chat: Chat) -> str:
    """Returns the preview of the chat's first 20 members, or of fewer if theirs would be too large."""
    return _to_json([_member_json(participant) for participant in chat.participants[:PREVIEW_LENGTH]])


def _with_links(preview_json: str, linked: Mapping[str, Participant]) -> str:
    members: list[dict[str, Any]] = json.loads(preview_json)
    for member in members:
        if member["id"] in linked:
            for name in _LINKED_FIELDS:
                member.pop(name, None)
            member.update(_linked_json(linked[member["id"]]))
    return _to_json(members)


def _values(to_store: ChatToStore, fence: int) -> dict[str, Any]:
    """Returns the values of the row's attributes, by the names of ChatRow."""
    chat = to_store.chat
    return {
        "chat_id": chat.chat_id,
        "account_id": chat.account_id,
        "network": chat.network,
        "type": chat.type,
        "title": chat.title,
        "description": chat.description,
        "last_activity": chat.last_activity,
        "unread_count": chat.unread_count,
        "is_archived": chat.is_archived,
        "is_muted": chat.is_muted,
        "is_pinned": chat.is_pinned,
        "last_message": chat.last_message,
        "source_url": storable_url(chat.source_url) if chat.source_url else None,
        "image_key": chat.image.key if chat.image else None,
        "rejected": chat.image.rejected if chat.image else None,
        "preview_json": to_store.preview_json,
        "participant_count": chat.participant_count,
        "list_fingerprint": to_store.list_fingerprint,
        "roster_fingerprint": to_store.roster_fingerprint,
        "roster_unavailable_since": to_store.roster_unavailable_since or None,
        "is_marked_unread": chat.is_marked_unread,
        "is_low_priority": chat.is_low_priority,
        "merged_into": chat.merged_into,
        "merged_chat_ids": set(chat.merged_chat_ids) or None,
        "folder": chat.folder.value if chat.folder else None,
        "synced_by": fence,
    }


def _listing(item: Item) -> Listing:
    return Listing(
        missing_since=int(item.get("missingSince", {}).get("N", 0)),
        merged_into=item.get("mergedInto", {}).get("S"),
        merged_chat_ids=frozenset(item.get("mergedChatIds", {}).get("SS", ())),
        own_folder=_own_folder(item),
    )


def _own_folder(item: Item) -> Folder:
    return folder_of(
        is_archived=item.get("isArchived", {}).get("BOOL", False),
        is_low_priority=item.get("isLowPriority", {}).get("BOOL", False),
    )


def _stored_chat(item: Item) -> StoredChat:
    return StoredChat(
        list_fingerprint=item["listFingerprint"]["S"],
        roster_fingerprint=item["rosterFingerprint"]["S"],
        roster_unavailable_since=int(item.get("rosterUnavailableSince", {}).get("N", 0)),
        preview_json=item["participants"]["S"],
        title=item.get("title", {}).get("S"),
        missing_since=int(item.get("missingSince", {}).get("N", 0)),
        merged_into=item.get("mergedInto", {}).get("S"),
        merged_chat_ids=frozenset(item.get("mergedChatIds", {}).get("SS", ())),
        own_folder=_own_folder(item),
    )


def _summary(item: Item) -> ChatSummary:
    return ChatSummary(
        chat_id=item["chatId"]["S"],
        network_name=network_name(item.get("network", {}).get("S"), item["accountId"]["S"]),
        preview_json=item["participants"]["S"],
        last_activity=int(item["lastActivity"]["N"]),
        is_single=item["type"]["S"] == "single",
        is_union="mergedChatIds" in item,
    )


def _to_json(members: list[dict[str, Any]]) -> str:
    """Returns the preview of as many of these members as fit into a row."""
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return text if len(text.encode()) <= _MOST_PREVIEW_BYTES else _to_json(members[:-1])


def _member_json(participant: Participant) -> dict[str, Any]:
    """Returns the fields of a member that a list of chats shows. Empty fields are left out."""
    image = participant.image
    fields = {
        "id": participant.participant_id,
        "name": participant.full_name,
        "username": participant.username,
        "isSelf": participant.is_self,
        "isNetworkBot": participant.is_network_bot,
        "imageKey": image.key if image else None,
        "rejected": image.rejected if image else None,
    }
    return {**{name: value for name, value in fields.items() if value}, **_linked_json(participant)}


def _linked_json(participant: Participant) -> dict[str, str]:
    """Returns the fields that relinking may change. Empty fields are left out."""
    values = (participant.contact_image_key, participant.contact_name, participant.former_image_key)
    return {name: value for name, value in zip(_LINKED_FIELDS, values, strict=True) if value}
