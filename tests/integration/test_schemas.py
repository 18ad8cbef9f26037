"""PynamoDB's models are the home of each table's schema; the template must say the same."""

from typing import Any

import pytest
from pynamodb.models import Model

from imagecache.stores.chats.chats import ChatRow
from imagecache.stores.chats.participants import ParticipantRow
from imagecache.stores.contacts import ContactRow
from imagecache.stores.images.row import ImageRow
from imagecache.stores.state.row import JobRow, StateRow
from local.template import read_template

MODELS: list[tuple[str, type[Model]]] = [
    ("BeeperChatsTable", ChatRow),
    ("ChatParticipantsTable", ParticipantRow),
    ("CachedImagesTable", ImageRow),
    ("ContactsTable", ContactRow),
    ("SyncStateTable", StateRow),
    ("SyncStateTable", JobRow),
]


def keys_of_schema(schema: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(key["AttributeName"], key["KeyType"]) for key in schema}


@pytest.mark.parametrize(("table", "model"), MODELS, ids=[table for table, _ in MODELS])
def test_a_table_has_the_keys_and_indexes_of_its_model(table: str, model: type[Model]) -> None:
    declared: dict[str, Any] = read_template()["Resources"][table]["Properties"]
    schema: dict[str, Any] = model._get_schema()  # type: ignore[assignment] # a TypedDict
    wanted_indexes = {
        index["index_name"]: (keys_of(index["key_schema"]), index["projection"])
        for index in schema["global_secondary_indexes"]
    }
    declared_indexes = {
        index["IndexName"]: (keys_of_schema(index["KeySchema"]), index["Projection"])
        for index in declared.get("GlobalSecondaryIndexes", [])
    }
    assert keys_of_schema(declared["KeySchema"]) == keys_of(schema["key_schema"])
    assert declared_indexes == wanted_indexes
    types = {one["AttributeName"]: one["AttributeType"] for one in declared["AttributeDefinitions"]}
    assert types == {one["AttributeName"]: one["AttributeType"] for one in schema["attribute_definitions"]}


def keys_of(schema: list[dict[str, str]]) -> set[tuple[str, str]]:
    return keys_of_schema(schema)
