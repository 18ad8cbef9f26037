"""Runs the embedded engine with AWS's own DynamoDB Local in place of its own tables.

A test copies this module into its clone and starts it in place of `local.engine_gate`. CloudFormation still
creates the tables in the engine, which also evaluates the policies of the functions. But all calls that read
or write items are answered by DynamoDB Local, through the socket in the root of the clone.
"""

import asyncio
import http.client
import importlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import engine_gate
from tests.dynamodb_local.connection import Connection

SOCKET = Path(__file__).resolve().parent.parent / "dynamodb.sock"
ITEM_ACTIONS = frozenset(
    f"DynamoDB_20120810.{action}"
    for action in (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"),
        *("BatchGetItem", "BatchWriteItem", "BatchExecuteStatement"),
        *("TransactGetItems", "TransactWriteItems"),
    )
)
_PASSED_ON = ("x-amz-target", "x-amz-date", "content-type", "authorization")
_INDEX_PROPERTIES = ("IndexName", "KeySchema", "Projection")

Answer = tuple[int, dict[str, str], bytes]


class DynamoDbLocal:
    """Answers requests as DynamoDB Local does, in which it creates the engine's tables first."""

    def __init__(self, tables: Any) -> None:
        self._tables = tables
        self._created: set[str] = set()
        self._creating = threading.Lock()

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        with self._creating:
            for (_, _, name), table in self._tables.all_items():
                if name not in self._created:
                    self._create(table, headers)
        return _post({name: headers[name] for name in _PASSED_ON if name in headers}, body)

    def _create(self, table: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        wanted = {name: table[name] for name in ("TableName", "KeySchema", "AttributeDefinitions")}
        indexes = [
            {name: index[name] for name in _INDEX_PROPERTIES}
            for index in table.get("GlobalSecondaryIndexes") or ()
        ]
        if indexes:
            wanted["GlobalSecondaryIndexes"] = indexes
        wanted["BillingMode"] = "PAY_PER_REQUEST"
        target = {
            "x-amz-target": "DynamoDB_20120810.CreateTable",
            "content-type": "application/x-amz-json-1.0",
        }
        status, _, body = _post(
            {**target, "authorization": headers["authorization"]}, json.dumps(wanted).encode()
        )
        # The tables are there already if the engine, and not DynamoDB Local, has been started again.
        if status != http.HTTPStatus.OK and b"ResourceInUseException" not in body:
            raise RuntimeError(f"DynamoDB Local refuses {table['TableName']}: {body.decode()}")
        self._created.add(table["TableName"])


def _post(headers: Mapping[str, str], body: bytes) -> Answer:
    connection = Connection(SOCKET)
    try:
        connection.request("POST", "/", body, dict(headers))
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        kept: dict[str, str] = {
            name: received[name] for name in ("content-type", "x-amz-crc32") if name in received
        }
        return response.status, kept, response.read()
    finally:
        connection.close()


def main() -> None:
    """Serves the engine until a signal stops it."""
    dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
    answer_itself = dynamodb.handle_request
    dynamodb_local = DynamoDbLocal(dynamodb._tables)

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        if headers.get("x-amz-target") in ITEM_ACTIONS:
            return await asyncio.to_thread(dynamodb_local.answer, headers, body)
        return await answer_itself(method, path, headers, body, query)

    dynamodb.handle_request = handle_request
    engine_gate.main()


if __name__ == "__main__":
    main()
