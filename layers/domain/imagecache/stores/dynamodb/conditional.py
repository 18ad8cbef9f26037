"""Conditional writes: a refused condition is an answer, any other error is an outage of DynamoDB."""

from collections.abc import Sequence

from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated


def is_refusal(error: PutError | UpdateError | DeleteError) -> bool:
    """Returns True if the write failed because its condition did not hold."""
    return error.cause_response_code == "ConditionalCheckFailedException"


@aws_errors_translated()
def updated(row: Model, actions: Sequence[Action], condition: Condition) -> bool:
    """Updates the row if the condition holds, and returns whether it did.

    Afterwards `row` has all attributes as they were written. Raises StoreUnavailableError.
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
    """Writes the whole row if the condition holds, and returns whether it did.

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
    """Deletes the row if the condition holds, and returns whether it did. Raises StoreUnavailableError."""
    try:
        row.delete(condition=condition)
    except DeleteError as error:
        if is_refusal(error):
            return False
        raise
    return True
