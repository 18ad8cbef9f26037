"""Functions that all stores use: conditional writes, and the fence of sync.

PynamoDB models define each table's schema and make its conditions.
"""

import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.errors import FencedOffError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RowT = TypeVar("RowT", bound=Model)


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


def is_refusal(error: PutError | UpdateError | DeleteError) -> bool:
    """Returns True if the write failed because its condition did not hold."""
    return error.cause_response_code == "ConditionalCheckFailedException"


@aws_errors_translated()
def updated(row: Model, actions: Sequence[Action], condition: Condition) -> bool:
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
def saved(row: Model, condition: Condition) -> bool:
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
def deleted(row: Model, condition: Condition) -> bool:
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


def behind(synced_by: NumberAttribute, fence: int) -> Condition:
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
