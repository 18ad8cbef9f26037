"""The beeperChats table as readers use it: the chats of a folder, newest first.

It reads with the low-level client, because PynamoDB's models cost six times the CPU on this path. The schema
is `ChatRow` in chats.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.chat import Chat, Folder
from imagecache.stores.chats.previews import from_preview, image_ref
from imagecache.stores.dynamodb.batch_get import Item, batch_get

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_SHOWN = (
    "chatId",
    "accountId",
    "network",
    "type",
    "title",
    "description",
    "lastActivity",
    "unreadCount",
    "isArchived",
    "isMuted",
    "isPinned",
    "lastMessage",
    "sourceUrl",
    "imageKey",
    "rejected",
    "participants",
    "participantCount",
)


@dataclass(frozen=True, slots=True)
class Position:
    """The last chat of a page, after which the next page begins. `last_activity` is in ms."""

    chat_id: str
    last_activity: int


@dataclass(frozen=True, slots=True)
class ChatConditions:
    """Conditions that a chat must meet to be listed. All that are set must hold."""

    unread: bool = False
    groups: bool = False
    pinned: bool = False
    account_id: str | None = None

    @property
    def everything(self) -> bool:
        """True if no condition is set."""
        return self == EVERYTHING


EVERYTHING = ChatConditions()


@dataclass(frozen=True, slots=True)
class ChatsPage:
    """Some chats of one folder, newest first. `position` is None after the last page."""

    chats: list[Chat]
    position: Position | None


class ChatReader:
    """Reads beeperChats. The participants of every chat that it returns are the chat's preview.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb

    @aws_errors_translated()
    def newest(
        self, folder: Folder, *, limit: int, after: Position | None, only: ChatConditions = EVERYTHING
    ) -> ChatsPage:
        """Looks at the next `limit` chats of a folder and returns those that meet the conditions."""
        conditions, values = _filter(only)
        request: QueryInputTypeDef = {
            "TableName": self._table_name,
            "IndexName": "byActivity",
            "KeyConditionExpression": "folder = :folder",
            "ExpressionAttributeValues": {":folder": {"S": folder.value}, **values},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if conditions:
            request["FilterExpression"] = " AND ".join(conditions)
        if only.groups:
            request["ExpressionAttributeNames"] = {"#type": "type"}
        if after:
            request["ExclusiveStartKey"] = _key(folder, after)
        answer = self._dynamodb.query(**request)
        last_key = answer.get("LastEvaluatedKey")
        return ChatsPage(
            chats=[_chat(item) for item in answer["Items"]],
            position=_position(last_key) if last_key else None,
        )

    @aws_errors_translated()
    def one(self, chat_id: str) -> Chat | None:
        """Returns the chat, or None if it is not stored."""
        key: Item = {"chatId": {"S": chat_id}}
        item = self._dynamodb.get_item(TableName=self._table_name, Key=key).get("Item")
        return _chat(item) if item else None

    def several(self, chat_ids: Iterable[str]) -> list[Chat]:
        """Returns those of these chats that are stored, in no order."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=_SHOWN,
        )
        return [_chat(item) for item in items]


def _filter(only: ChatConditions) -> tuple[list[str], Item]:
    """Returns DynamoDB's filter expressions for these conditions, and the values that they refer to."""
    conditions: list[str] = []
    values: Item = {}
    if only.unread:
        conditions.append("unreadCount > :none")
        values[":none"] = {"N": "0"}
    if only.groups:
        conditions.append("#type = :group")
        values[":group"] = {"S": "group"}
    if only.pinned:
        conditions.append("isPinned = :true")
        values[":true"] = {"BOOL": True}
    if only.account_id is not None:
        conditions.append("accountId = :account")
        values[":account"] = {"S": only.account_id}
    return conditions, values


def _position(key: Mapping[str, Any]) -> Position:
    return Position(key["chatId"]["S"], int(key["lastActivity"]["N"]))


def _key(folder: Folder, after: Position) -> Item:
    return {
        "chatId": {"S": after.chat_id},
        "folder": {"S": folder.value},
        "lastActivity": {"N": str(after.last_activity)},
    }


def _chat(item: Item) -> Chat:
    """Returns the chat that a row describes. `merged_into` is not stored, so it is always None."""
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    flags = {name: value["BOOL"] for name, value in item.items() if "BOOL" in value}
    preview = from_preview(texts["participants"])
    return Chat(
        chat_id=texts["chatId"],
        account_id=texts["accountId"],
        network=texts.get("network"),
        type=texts["type"],
        title=texts.get("title"),
        description=texts.get("description"),
        last_activity=numbers["lastActivity"],
        unread_count=numbers["unreadCount"],
        is_archived=flags["isArchived"],
        is_muted=flags["isMuted"],
        is_pinned=flags["isPinned"],
        last_message=texts.get("lastMessage"),
        merged_into=None,
        source_url=texts.get("sourceUrl"),
        image=image_ref(texts.get("imageKey"), texts.get("rejected")),
        participants=preview,
        participant_count=numbers["participantCount"],
        roster_is_partial=numbers["participantCount"] > len(preview),
    )
