"""Reads and writes whole rows of a stack's tables, as DynamoDB's own JSON.

Attributes that a later version adds are thereby backed up and restored, too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.chat import PERSON_KEY_PREFIX
from imagecache.model.image import ImageStatus
from imagecache.stores.batches import insert
from imagecache.stores.bulk_reads import Item
from imagecache.stores.images.row import new_lease
from imagecache.wiring import Wiring

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IMAGES = "images"
CONTACTS = "contacts"
PEOPLE = "people"
KINDS = (CONTACTS, PEOPLE, IMAGES)
"""The names of the kinds of rows in a backup, in the order in which they are read.

Images are last, so that a backup has the rows of the pictures that contacts and people have.
"""

# What workers, syncs and sweeps keep about their own work. It has no meaning in another stack, and the grace
# of an orphan, or of a person in no chat, must not have passed when a backup is restored.
_LEFT_OUT = {
    IMAGES: frozenset({"lease", "attempts", "queuedAt", "orphanedAt"}),
    CONTACTS: frozenset[str](),
    PEOPLE: frozenset({"syncedBy", "absentSince"}),
}
_KEYS = {IMAGES: "imageKey", CONTACTS: "contactId", PEOPLE: "chatId"}
# The state in which a row of cachedImages gives way to a picture.
_OR_IS_FREE = " OR (#status IN (:pending, :failed) AND (attribute_not_exists(lease) OR lease < :now))"


class StackRows:
    """Reads and writes the rows of one kind. Every method raises StoreUnavailableError."""

    def __init__(self, kind: str, wiring: Wiring, *, at_once: int) -> None:
        config = wiring.config
        tables = {
            IMAGES: config.images_table,
            CONTACTS: config.contacts_table,
            PEOPLE: config.participants_table,
        }
        self._kind = kind
        self._table_name = tables[kind]
        self._dynamodb: DynamoDBClient = wiring.client("dynamodb")
        self._at_once = at_once

    def pages(self) -> Iterator[list[Item]]:
        """Scans the table consistently and yields its rows page by page."""
        request: dict[str, Any] = {"TableName": self._table_name, "ConsistentRead": True}
        if self._kind == PEOPLE:
            request |= {
                "FilterExpression": "begins_with(chatId, :person)",
                "ExpressionAttributeValues": {":person": {"S": PERSON_KEY_PREFIX}},
            }
        pages = self._dynamodb.get_paginator("scan").paginate(**request)
        with aws_errors_translated():
            for page in pages:
                yield [self.lasting(item) for item in page["Items"]]

    def lasting(self, item: Item) -> Item:
        """Returns the row without the attributes that are left out of a backup."""
        return {name: value for name, value in item.items() if name not in _LEFT_OUT[self._kind]}

    @aws_errors_translated()
    def read(self, key: str) -> Item | None:
        """Returns the row with this key as it is now, or None. The table must have no sort key."""
        answer = self._dynamodb.get_item(
            TableName=self._table_name, Key={_KEYS[self._kind]: {"S": key}}, ConsistentRead=True
        )
        return self.lasting(answer["Item"]) if "Item" in answer else None

    @aws_errors_translated()
    def is_empty(self) -> bool:
        """Returns True if the table has no row, not even one of another kind."""
        return not self._dynamodb.scan(TableName=self._table_name, Limit=1)["Items"]

    def insert(self, items: Sequence[Item]) -> list[Item]:
        """Writes each of the rows that does not exist yet, and returns the others.

        A row that DynamoDB was too busy to write is among the others: `put` tells.
        """
        done = insert(self._dynamodb, table_name=self._table_name, items=items, at_once=self._at_once)
        return [item for item, is_inserted in zip(items, done, strict=True) if not is_inserted]

    @aws_errors_translated()
    def put(self, item: Item, *, unless_held_at: int | None = None) -> bool:
        """Writes the row and returns True if it does not exist yet. Otherwise returns False.

        With `unless_held_at` (ms), also replaces the row of an image that is pending or has failed, if no
        worker has it then.
        """
        request: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({_KEYS[self._kind]})"}
        if unless_held_at is not None:
            request["ConditionExpression"] += _OR_IS_FREE
            request["ExpressionAttributeNames"] = {"#status": "status"}
            request["ExpressionAttributeValues"] = {
                ":pending": {"S": ImageStatus.PENDING.value},
                ":failed": {"S": ImageStatus.FAILED.value},
                ":now": {"S": new_lease(ends_at=unless_held_at, nonce="")},
            }
        try:
            self._dynamodb.put_item(TableName=self._table_name, Item=item, **request)
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    @aws_errors_translated()
    def update(self, key: Item, change: str, condition: str, values: Item) -> bool:
        """Changes a row and returns True, or returns False if the condition does not hold."""
        try:
            self._dynamodb.update_item(
                TableName=self._table_name,
                Key=key,
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


@aws_errors_translated()
def read_salt(wiring: Wiring) -> bytes | None:
    """Returns the salt of the stack, or None if it has stored no picture yet."""
    answer = wiring.client("dynamodb").get_item(
        TableName=wiring.config.sync_state_table, Key={"name": {"S": "salt"}}, ConsistentRead=True
    )
    return bytes(answer["Item"]["salt"]["B"]) if "Item" in answer else None


def place_of(salt: bytes | None) -> str:
    """Returns a text by which a stack is recognised, and from which its salt cannot be computed."""
    return hashlib.sha256(b"backup" + salt).hexdigest()[:32] if salt else ""
