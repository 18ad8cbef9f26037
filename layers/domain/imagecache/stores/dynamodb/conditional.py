"""Conditional writes: a refused condition is an answer, any other trouble is DynamoDB's and is raised."""

from collections.abc import Sequence

from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model


def is_refusal(error: PutError | UpdateError | DeleteError) -> bool:
    """Whether it was the condition that failed."""
    return error.cause_response_code == "ConditionalCheckFailedException"


def updated(row: Model, actions: Sequence[Action], condition: Condition) -> bool:
    """Whether the condition held; `row` then is as it was written. Raises UpdateError."""
    try:
        row.update(actions=list(actions), condition=condition)
    except UpdateError as error:
        if is_refusal(error):
            return False
        raise
    return True
