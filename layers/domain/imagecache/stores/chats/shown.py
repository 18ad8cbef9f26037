"""Chats as pages show them. Only this is needed for a page, so they are read without PynamoDB's models.

The preview is a JSON text with the first 20 members, so that a page of chats needs no rows of
chatParticipants. It is a text instead of a DynamoDB map, because parsing a map needs CPU time for each
attribute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.chat import Chat, Folder, Participant, lacks_at_most_oneself
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.stores.bulk_reads import Item, batch_get

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

PREVIEW_LENGTH = 20

_SHOWN_ATTRIBUTES = (
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
    "isMarkedUnread",
    "isLowPriority",
    "mergedInto",
    "mergedChatIds",
)


@dataclass(frozen=True, slots=True)
class Position:
    """The last chat of a page, after which the next page begins. `last_activity` is in ms."""

    chat_id: str
    last_activity: int


@dataclass(frozen=True, slots=True)
class ChatConditions:
    """Conditions for listing a chat. The chat must meet every condition that is set."""

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


class ShownChats:
    """Reads chats for pages.

    A Chat that is read has only the members of its preview, and their former pictures only if
    `shows_former_pictures` is True. Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(
        self, *, table_name: str, dynamodb: "DynamoDBClient", shows_former_pictures: bool = True
    ) -> None:
        self._shows_former_pictures = shows_former_pictures
        self._table_name = table_name
        self._dynamodb = dynamodb

    @aws_errors_translated()
    def newest(
        self, folder: Folder, *, limit: int, after: Position | None, only: ChatConditions = EVERYTHING
    ) -> ChatsPage:
        """Reads the next `limit` chats of a folder, newest first, and returns those that meet `only`.

        A page may therefore have fewer than `limit` chats, or none, although more pages follow.
        """
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
            chats=[self._chat(item) for item in answer["Items"]],
            position=_position(last_key) if last_key else None,
        )

    @aws_errors_translated()
    def one(self, chat_id: str) -> Chat | None:
        """Returns the chat, or None if it is not stored."""
        key: Item = {"chatId": {"S": chat_id}}
        item = self._dynamodb.get_item(TableName=self._table_name, Key=key).get("Item")
        return self._chat(item) if item else None

    def several(self, chat_ids: Iterable[str]) -> list[Chat]:
        """Returns each of these chats that is stored. The order is undefined."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="chatId",
            keys=chat_ids,
            attributes=_SHOWN_ATTRIBUTES,
        )
        return [self._chat(item) for item in items]

    def _chat(self, item: Item) -> Chat:
        chat = _chat(item)
        if self._shows_former_pictures:
            return chat
        members = tuple(replace(member, former_image_key=None) for member in chat.participants)
        return replace(chat, participants=members)


def from_preview(preview_json: str) -> tuple[Participant, ...]:
    """Returns the members in a preview. Only the fields that a list of chats shows are set."""
    return tuple([_participant(member) for member in orjson.loads(preview_json)])


def _filter(only: ChatConditions) -> tuple[list[str], Item]:
    """Returns DynamoDB filter expressions for these conditions, and the values of their placeholders."""
    conditions: list[str] = []
    values: Item = {}
    if only.unread:
        conditions.append("(unreadCount > :none OR isMarkedUnread = :true)")
        values |= {":none": {"N": "0"}, ":true": {"BOOL": True}}
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
    """Converts a row to a chat, without the members of a union, which only sync needs."""
    preview = _kept_preview(item["participants"]["S"])
    participant_count = int(item["participantCount"]["N"])
    return Chat(
        chat_id=item["chatId"]["S"],
        account_id=item["accountId"]["S"],
        network=_text(item, "network"),
        type=item["type"]["S"],
        title=_text(item, "title"),
        description=_text(item, "description"),
        last_activity=int(item["lastActivity"]["N"]),
        unread_count=int(item["unreadCount"]["N"]),
        is_archived=item["isArchived"]["BOOL"],
        is_muted=item["isMuted"]["BOOL"],
        is_pinned=item["isPinned"]["BOOL"],
        last_message=_text(item, "lastMessage"),
        merged_into=_text(item, "mergedInto"),
        merged_chat_ids=tuple(sorted(item["mergedChatIds"]["SS"])) if "mergedChatIds" in item else (),
        source_url=_text(item, "sourceUrl"),
        image=image_ref(_text(item, "imageKey"), _text(item, "rejected")),
        participants=preview,
        participant_count=participant_count,
        roster_is_partial=_preview_is_partial(preview, participant_count),
        is_marked_unread=_flag(item, "isMarkedUnread"),
        is_low_priority=_flag(item, "isLowPriority"),
    )


def _text(item: Item, name: str) -> str | None:
    """Returns the text of an attribute, or None if the row has no such attribute, or NULL in it."""
    return item[name].get("S") if name in item else None


def _flag(item: Item, name: str) -> bool:
    """Returns the flag of an attribute, or False if the row has no such attribute, or NULL in it."""
    return name in item and bool(item[name].get("BOOL"))


# The same chats are read again and again, and their members take most of the time. The members of a preview
# never change under its text.
_kept_preview = lru_cache(maxsize=256)(from_preview)


def _preview_is_partial(preview: tuple[Participant, ...], total: int) -> bool:
    """Returns True if a chat has more members than its preview.

    A preview of full length may leave out oneself among the others, so only a shorter one may lack oneself.
    """
    return (
        len(preview) < total if len(preview) >= PREVIEW_LENGTH else not lacks_at_most_oneself(preview, total)
    )


def image_ref(key: str | None, rejected: str | None) -> ImageRef | None:
    """Builds an ImageRef of the two stored attributes of a picture, or returns None if both are None."""
    if key is None and rejected is None:
        return None
    return ImageRef(key, RejectionReason(rejected) if rejected else None)


def _participant(member: dict[str, Any]) -> Participant:
    return Participant(
        participant_id=member["id"],
        full_name=member.get("name"),
        username=member.get("username"),
        phone_number=None,
        email=None,
        is_self=member.get("isSelf", False),
        is_network_bot=member.get("isNetworkBot", False),
        source_url=None,
        image=image_ref(member.get("imageKey"), member.get("rejected")),
        contact_image_key=member.get("contactImageKey"),
        contact_name=member.get("contactName"),
        former_image_key=member.get("formerImageKey"),
    )
