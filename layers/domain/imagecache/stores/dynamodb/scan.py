"""A table or an index, read from end to end in pages of DynamoDB's own JSON: cheap for every row of it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

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
    """Pages with only `attributes`, and each one's last key (None at the end). Tables as they are now.

    An index may lag behind its table. DynamoDB ends a page at 1 MB, or after `limit` rows.
    """
    names = {f"#{number}": name for number, name in enumerate(attributes)}
    request: dict[str, Any] = {
        "TableName": table_name,
        "ProjectionExpression": ",".join(names),
        "ExpressionAttributeNames": names,
        **({"IndexName": index} if index else {"ConsistentRead": True}),
        **({"Limit": limit} if limit else {}),
    }
    while True:
        start: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
        answer = dynamodb.scan(**request, **start)
        after = answer.get("LastEvaluatedKey")
        yield answer["Items"], after
        if after is None:
            return
