"""Reads items by their keys:

BatchGetItem calls side by side, repeated for what DynamoDB leaves unprocessed.
"""

import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# BatchGetItem's limit.
_KEYS_PER_CALL = 100
# A page of chats needs four calls at once; thousands of identifiers must not become as many threads.
_MOST_THREADS = 20
_ATTEMPTS = 8
# Seconds; doubled with each attempt.
_FIRST_PAUSE = 0.05

Item = dict[str, Any]


def batch_get(
    dynamodb: "DynamoDBClient",
    *,
    table_name: str,
    key_name: str,
    keys: Iterable[str],
    attributes: Sequence[str],
    consistent: bool = False,
) -> list[Item]:
    """Returns the items that exist, in no order, with only `attributes`, as DynamoDB's own JSON.

    `consistent` reads what the last write left, at twice the price. Raises StoreUnavailableError.
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
    if len(chunks) < 2:  # A thread for a single call would only cost time.
        return [item for chunk in chunks for item in _get_all(dynamodb, table_name, chunk)]
    with ThreadPoolExecutor(max_workers=min(len(chunks), _MOST_THREADS)) as pool:
        return list(
            chain.from_iterable(pool.map(lambda chunk: _get_all(dynamodb, table_name, chunk), chunks))
        )


@aws_errors_translated()
def _get_all(dynamodb: "DynamoDBClient", table_name: str, request: Any) -> list[Item]:
    items: list[Item] = []
    for attempt in range(_ATTEMPTS):
        answer = dynamodb.batch_get_item(RequestItems=request)
        items += answer["Responses"].get(table_name, [])
        request = answer.get("UnprocessedKeys")
        if not request:
            return items
        # A random pause: several functions that are throttled together must not come back together.
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))
    raise StoreUnavailableError(f"{table_name}: DynamoDB left keys unprocessed {_ATTEMPTS} times")
