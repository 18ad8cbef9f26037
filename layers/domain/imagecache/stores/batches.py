"""Batches of conditional writes.

BatchExecuteStatement, which takes PartiQL statements, is DynamoDB's only request for many writes that each
have a condition and an outcome of their own. A batch costs as much as its writes would cost one by one.
BatchWriteItem has no conditions, and a transaction costs twice as much.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from imagecache.aws_errors import aws_errors_translated
from imagecache.parallel import in_parallel
from imagecache.stores.bulk_reads import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from pynamodb.models import Model

# BatchExecuteStatement's limit.
_STATEMENTS_PER_CALL = 25


@dataclass(frozen=True, slots=True)
class Statement:
    """A PartiQL statement that writes one row. Each `?` in the text is replaced by the next parameter."""

    text: str
    parameters: list[Any]


def execute(dynamodb: "DynamoDBClient", statements: Iterable[Statement], *, at_once: int) -> list[bool]:
    """Executes each of the statements, with up to `at_once` requests at a time.

    Returns for each of them, in their order, whether it has written its row. If it has not, its condition did
    not hold, or DynamoDB refused it for another reason, for example because it was throttled. The caller
    then writes this row alone, which shows the reason. Raises StoreUnavailableError.
    """
    pending = list(statements)
    batches = [
        pending[start : start + _STATEMENTS_PER_CALL]
        for start in range(0, len(pending), _STATEMENTS_PER_CALL)
    ]
    answers = in_parallel(lambda batch: _execute_batch(dynamodb, batch), batches, at_once=at_once)
    return list(chain.from_iterable(answers))


def insert(dynamodb: "DynamoDBClient", *, table_name: str, items: Sequence[Item], at_once: int) -> list[bool]:
    """Inserts each of the items that has no row yet, with up to `at_once` requests at a time.

    Returns for each item whether it was inserted, see `execute`. Raises StoreUnavailableError.
    """
    return execute(dynamodb, (_insertion(table_name, item) for item in items), at_once=at_once)


def item_of(model: "type[Model]", values: Mapping[str, Any]) -> Item:
    """Returns the row of a model with these values, by the names of the model, as DynamoDB's own JSON.

    Values that are None are left out. PynamoDB's own conversion of a row takes seven times as long.
    """
    attributes = model.get_attributes()
    return {
        attributes[name].attr_name: {attributes[name].attr_type: attributes[name].serialize(value)}
        for name, value in values.items()
        if value is not None
    }


def _insertion(table_name: str, item: Item) -> Statement:
    attributes = ", ".join(f"'{name}': ?" for name in item)
    return Statement(f'INSERT INTO "{table_name}" VALUE {{{attributes}}}', list(item.values()))


@aws_errors_translated()
def _execute_batch(dynamodb: "DynamoDBClient", batch: Sequence[Statement]) -> list[bool]:
    answer = dynamodb.batch_execute_statement(
        Statements=[{"Statement": each.text, "Parameters": each.parameters} for each in batch]
    )
    return ["Error" not in response for response in answer["Responses"]]
