"""Reads many rows of a table as DynamoDB's own JSON.

Reading them through PynamoDB's models needs six times the CPU time, and its import makes a cold start longer.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import StoreUnavailableError
from imagecache.parallel import in_parallel

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
"""An item in DynamoDB's own JSON, such as `{"chatId": {"S": "..."}}`."""

# BatchGetItem's limit.
_KEYS_PER_CALL = 100
# A page of chats needs four calls at once. The limit is for imports with thousands of identifiers.
_MOST_THREADS = 20
_ATTEMPTS = 8
# Seconds; doubled with each attempt.
_FIRST_PAUSE = 0.05


def batch_get(
    dynamodb: "DynamoDBClient",
    *,
    table_name: str,
    key_name: str,
    keys: Iterable[str],
    attributes: Sequence[str],
    consistent: bool = False,
) -> list[Item]:
    """Returns the items that exist, as DynamoDB's own JSON with only `attributes`. The order is undefined.

    `consistent` requests consistent reads, at twice the price. Raises StoreUnavailableError if DynamoDB does
    not answer or leaves keys unprocessed in eight calls.
    """
    distinct = list(dict.fromkeys(keys))
    names = {f"#{index}": attribute for index, attribute in enumerate(attributes)}
    chunks = [
        {
            table_name: {
                "Keys": [{key_name: {"S": key}} for key in distinct[start : start + _KEYS_PER_CALL]],
                "ProjectionExpression": ",".join(names),
                "ExpressionAttributeNames": names,
                "ConsistentRead": consistent,
            }
        }
        for start in range(0, len(distinct), _KEYS_PER_CALL)
    ]
    answers = in_parallel(lambda chunk: _get_all(dynamodb, table_name, chunk), chunks, at_once=_MOST_THREADS)
    return list(chain.from_iterable(answers))


@aws_errors_translated()
def _get_all(dynamodb: "DynamoDBClient", table_name: str, request: Any) -> list[Item]:
    items: list[Item] = []
    for attempt in range(_ATTEMPTS):
        answer = dynamodb.batch_get_item(RequestItems=request)
        items += answer["Responses"].get(table_name, [])
        request = answer.get("UnprocessedKeys")
        if not request:
            return items
        # The pause is random, so that functions that are throttled together do not retry together.
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))
    raise StoreUnavailableError(f"{table_name}: DynamoDB left keys unprocessed {_ATTEMPTS} times")


@aws_errors_translated()
def has_entry(dynamodb: "DynamoDBClient", *, table_name: str, index: str, key_name: str, key: str) -> bool:
    """Returns True if an index has an entry with this partition key.

    The index may lag behind its table. Raises StoreUnavailableError.
    """
    answer = dynamodb.query(
        TableName=table_name,
        IndexName=index,
        KeyConditionExpression="#key = :key",
        ExpressionAttributeNames={"#key": key_name},
        ExpressionAttributeValues={":key": {"S": key}},
        Limit=1,
    )
    return bool(answer["Items"])


def all_items(
    dynamodb: "DynamoDBClient", *, table_name: str, attributes: Sequence[str], index: str | None = None
) -> Iterator[Item]:
    """Scans a whole table, or one of its indexes, and yields its items with only `attributes`.

    The next page is read in another thread while the caller works on one. Raises StoreUnavailableError.
    """
    pages = scan(dynamodb, table_name=table_name, attributes=attributes, index=index)
    # The thread ends with this generator, also if the caller stops early.
    with ThreadPoolExecutor(1) as thread:
        items, last_key = next(pages)
        while last_key:
            following = thread.submit(next, pages)
            yield from items
            items, last_key = following.result()
        yield from items


def scan(
    dynamodb: "DynamoDBClient",
    *,
    table_name: str,
    attributes: Sequence[str],
    index: str | None = None,
    after: Item | None = None,
    limit: int | None = None,
    having: str | None = None,
) -> Iterator[tuple[list[Item], Item | None]]:
    """Scans a table, or one of its indexes, and yields pairs: a page of items, and the key of its last item.

    The items have only `attributes`. With `having`, items without this one of the attributes are read, but
    are not in the pages. The key of the last page is None. The scan starts after the item with the key
    `after`. DynamoDB ends a page when it has read 1 MB, or `limit` items. Tables are read consistently; an
    index may lag behind its table. Raises StoreUnavailableError.
    """
    names = {f"#{number}": name for number, name in enumerate(attributes)}
    request: dict[str, Any] = {
        "TableName": table_name,
        "ProjectionExpression": ",".join(names),
        "ExpressionAttributeNames": names,
    }
    if index:
        request["IndexName"] = index
    else:
        request["ConsistentRead"] = True
    if after:
        request["ExclusiveStartKey"] = after
    if limit:
        request["Limit"] = limit
    if having:
        request["FilterExpression"] = f"attribute_exists(#{attributes.index(having)})"
    while True:
        with aws_errors_translated():
            page = dynamodb.scan(**request)
        last_key = page.get("LastEvaluatedKey")
        yield page["Items"], last_key
        if not last_key:
            return
        request["ExclusiveStartKey"] = last_key
