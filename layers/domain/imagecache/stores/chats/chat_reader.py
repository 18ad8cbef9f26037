"""The beeperChats table for readers: chats by folder, newest first, with the low-level client.

PynamoDB's models, the home of the schema in `stores/chats.py`, cost six times the CPU on this path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    "hasMoreParticipants",
)


@dataclass(frozen=True, slots=True)
class Position:
    """The last chat of a page: the key after which byActivity goes on."""

    chat_id: str
    last_activity: int


@dataclass(frozen=True, slots=True)
class ChatConditions:
    """Which chats of a folder are wanted; every condition that is set must hold."""

    unread: bool = False
    groups: bool = False
    pinned: bool = False
    account_id: str | None = None

    @property
    def everything(self) -> bool:
        return self == EVERYTHING


EVERYTHING = ChatConditions()


@dataclass(frozen=True, slots=True)
class ChatsPage:
    """Chats of one folder, newest first, and where the next page starts, None after the last one."""

    chats: list[Chat]
    position: "Position | None"


class ChatReader:
    """Reads rows of beeperChats."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb

    def newest(
        self, folder: Folder, *, limit: int, after: Position | None, only: ChatConditions = EVERYTHING
    ) -> ChatsPage:
        """One Query on byActivity, which looks at `limit` chats: those that match may be fewer."""
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
        last = answer.get("LastEvaluatedKey")
        return ChatsPage([_chat(item) for item in answer["Items"]], _position(last) if last else None)

    def one(self, chat_id: str) -> Chat | None:
        """With its preview of members; None when it is not stored."""
        key: Item = {"chatId": {"S": chat_id}}
        item = self._dynamodb.get_item(TableName=self._table_name, Key=key).get("Item")
        return _chat(item) if item else None

    def several(self, chat_ids: Iterable[str]) -> list[Chat]:
        """Those that are stored, in no order."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=_SHOWN,
        )
        return [_chat(item) for item in items]


def _filter(only: ChatConditions) -> tuple[list[str], Item]:
    """Conditions, and the values that they name."""
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
    """One that is listed nowhere, as it was merged into another, comes back in its folder."""
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    number = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    flag = {name: value["BOOL"] for name, value in item.items() if "BOOL" in value}
    return Chat(
        chat_id=text["chatId"],
        account_id=text["accountId"],
        network=text.get("network"),
        type=text["type"],
        title=text.get("title"),
        description=text.get("description"),
        last_activity=number["lastActivity"],
        unread_count=number["unreadCount"],
        is_archived=flag["isArchived"],
        is_muted=flag["isMuted"],
        is_pinned=flag["isPinned"],
        last_message=text.get("lastMessage"),
        merged_into=None,
        source_url=text.get("sourceUrl"),
        image=image_ref(text.get("imageKey"), text.get("rejected")),
        participants=from_preview(text["participants"]),
        participant_count=number["participantCount"],
        has_more_participants=flag["hasMoreParticipants"],
    )
