"""The template's tables, made without deploying anything."""

from functools import cache
from typing import TYPE_CHECKING, Any

from local.template import read_template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WHAT_AN_ENGINE_TAKES = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


def create_tables(dynamodb: "DynamoDBClient", *logical_names: str) -> None:
    """One table each, named as the template's resource is."""
    for name in logical_names:
        declared: dict[str, Any] = _resources()[name]["Properties"]
        properties = {key: declared[key] for key in _WHAT_AN_ENGINE_TAKES if key in declared}
        dynamodb.create_table(TableName=name, **properties)


@cache
def _resources() -> dict[str, Any]:
    """Read once: it takes longer than most tests."""
    resources: dict[str, Any] = read_template()["Resources"]
    return resources
