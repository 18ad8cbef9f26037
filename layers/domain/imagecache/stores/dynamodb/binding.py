"""Binds a PynamoDB model to one table and to a client that exists already."""

import types
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pynamodb.models import Model

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RowT = TypeVar("RowT", bound=Model)


def bound(model: type[RowT], *, table_name: str, dynamodb: "DynamoDBClient") -> type[RowT]:
    """Returns a subclass of the model for this table that uses this client.

    PynamoDB would make a session and a client for every model, which costs 60 ms of a cold start each. It has
    no public way to share a client, so this sets a private attribute.
    """
    meta = type("Meta", (), {"table_name": table_name})
    row = cast(
        "type[RowT]", types.new_class(model.__name__, (model,), exec_body=lambda body: body.update(Meta=meta))
    )
    row._get_connection().connection._client = cast("Any", dynamodb)
    return row
