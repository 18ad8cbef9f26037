"""Functions that all stores use: bulk reads, conditional writes, and the fence of sync.

PynamoDB models define each table's schema and make its conditions. Bulk reads use boto3's client and
DynamoDB's own JSON, because reading rows through the models needs six times the CPU time.
"""

import random
import time
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pynamodb.exceptions import DeleteError, PutError, UpdateError

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import FencedOffError, StoreUnavailableError
from imagecache.parallel import in_parallel

# A page of chats is read without PynamoDB's models, whose import takes time in a cold start.
if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from pynamodb.attributes import NumberAttribute
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action
    from pynamodb.models import Model


RowT = TypeVar("RowT", bound="Model")


Item = dict[str, Any]
"""An item in DynamoDB's own JSON, such as `{"chatId": {"S": "..."}}`."""


def bound(model: type[RowT], *, table_name: str, dynamodb: "DynamoDBClient") -> type[RowT]:
    """Returns a subclass of the model for this table that uses this client.

    PynamoDB creates a session and a client for every model, which adds 60 ms for each to a cold start.
    Because it has no public way to share a client, this function sets a private attribute.
    """
    meta = type("Meta", (), {"table_name": table_name})
    row = cast(
        "type[RowT]", types.new_class(model.__name__, (model,), exec_body=lambda body: body.update(Meta=meta))
    )
    row._get_connection().connection._client = cast("Any", dynamodb)
    return row


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


def scan(
    dynamodb: "DynamoDBClient",
    *,
    table_name: str,
    attributes: Sequence[str],
    index: str | None = None,
    after: Item | None = None,
    limit: int | None = None,
) -> Iterator[tuple[list[Item], Item | None]]:
    """Scans a table, or one of its indexes, and yields pairs: a page of items, and the key of its last item.

    The items have only `attributes`. The key of the last page is None. The scan starts after the item with
    the key `after`. DynamoDB ends a page at 1 MB, or after `limit` items. Tables are read consistently; an
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
    with aws_errors_translated():
        for page in dynamodb.get_paginator("scan").paginate(**request):
            yield page["Items"], page.get("LastEvaluatedKey")


def is_refusal(error: PutError | UpdateError | DeleteError) -> bool:
    """Returns True if the write failed because its condition did not hold."""
    return error.cause_response_code == "ConditionalCheckFailedException"


@aws_errors_translated()
def updated(row: "Model", actions: "Sequence[Action]", condition: "Condition") -> bool:
    """Updates the row and returns True, or returns False if the condition does not hold.

    After an update, `row` has all attributes of the stored row. Raises StoreUnavailableError.
    """
    try:
        row.update(actions=list(actions), condition=condition)
    except UpdateError as error:
        if is_refusal(error):
            return False
        raise
    return True


@aws_errors_translated()
def saved(row: "Model", condition: "Condition") -> bool:
    """Writes the whole row and returns True, or returns False if the condition does not hold.

    Raises StoreUnavailableError.
    """
    try:
        row.save(condition=condition)
    except PutError as error:
        if is_refusal(error):
            return False
        raise
    return True


@aws_errors_translated()
def deleted(row: "Model", condition: "Condition") -> bool:
    """Deletes the row and returns True, or returns False if the condition does not hold.

    Raises StoreUnavailableError.
    """
    try:
        row.delete(condition=condition)
    except DeleteError as error:
        if is_refusal(error):
            return False
        raise
    return True


def behind(synced_by: "NumberAttribute", fence: int) -> "Condition":
    """Returns the condition that no sync run with a larger fence than `fence` has written the row."""
    condition: Condition = synced_by.does_not_exist() | (synced_by <= fence)
    return condition


@contextmanager
def fenced() -> Iterator[None]:
    """Raises FencedOffError if a write's condition does not hold, StoreUnavailableError on other errors."""
    with aws_errors_translated():
        try:
            yield
        except (PutError, UpdateError, DeleteError) as error:
            if is_refusal(error):
                raise FencedOffError from error
            raise
