"""A PynamoDB model → the same model for one table, speaking through the client handed in."""

import types
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pynamodb.models import Model

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RowT = TypeVar("RowT", bound=Model)


def bound(model: type[RowT], *, table_name: str, dynamodb: "DynamoDBClient") -> type[RowT]:
    """PynamoDB would make a session and a client for every model: 60 ms of a cold start each."""
    meta = type("Meta", (), {"table_name": table_name})
    row = cast(
        "type[RowT]", types.new_class(model.__name__, (model,), exec_body=lambda body: body.update(Meta=meta))
    )
    row._get_connection().connection._client = cast("Any", dynamodb)
    return row
