"""The tests of this folder run on AWS's own DynamoDB Local where it can run."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.dynamodb_local.connection import Connection
from tests.dynamodb_local.program import NOT_HERE
from tests.end_to_end.api.conftest import Running

pytestmark = pytest.mark.engine


def ask(path: Path, action: str, **sent: Any) -> Any:
    headers = {
        "x-amz-target": f"DynamoDB_20120810.{action}",
        "content-type": "application/x-amz-json-1.0",
        "authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/eu-west-1/dynamodb/aws4_request,"
        " SignedHeaders=host, Signature=0",
    }
    with closing(Connection(path)) as connection:
        connection.request("POST", "/", json.dumps(sent), headers)
        return json.load(connection.getresponse())


def test_the_rows_of_these_tests_are_kept_by_dynamodb_local(running: Running) -> None:
    if running.dynamodb_local is None:
        pytest.skip(NOT_HERE)
    tables = ask(running.dynamodb_local, "ListTables")["TableNames"]
    assert len(tables) == 5
    [images] = [name for name in tables if "CachedImagesTable" in name]
    assert ask(running.dynamodb_local, "Scan", TableName=images, Select="COUNT")["Count"] > 20
