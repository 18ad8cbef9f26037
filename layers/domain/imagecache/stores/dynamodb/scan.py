"""Reads a table or an index from end to end, in DynamoDB's own JSON:

PynamoDB's models cost six times the CPU.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]


def scan(
    dynamodb: "DynamoDBClient",
    *,
    table_name: str,
    attributes: Sequence[str],
    index: str | None = None,
    after: Item | None = None,
    limit: int | None = None,
) -> Iterator[tuple[list[Item], Item | None]]:
    """Yields pages of items with only these attributes, each with the key of its last item (None at the end).

    `after` is such a key, after which the scan continues. DynamoDB ends a page at 1 MB, or after `limit`
    items. Tables are read consistently; an index may lag behind its table. Raises StoreUnavailableError.
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
