"""Answers a process's requests to DynamoDB and SQS as if all tables were empty and took every write.

No table and no queue is needed then, and the process uses time and memory for its own work only.
"""

import io
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from imagecache.wiring import MakeClient


def with_empty_tables(make: MakeClient) -> MakeClient:
    """Returns a maker of AWS clients that send nothing to DynamoDB and SQS."""

    def make_client(service: str, **options: Any) -> Any:
        client: Any = make(service, **options)
        client.meta.events.register("before-send.dynamodb.*", _respond)
        client.meta.events.register("before-send.sqs.*", _respond)
        return client

    return make_client


def _respond(request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
    answer = _answer(event_name.rpartition(".")[2], json.loads(cast("bytes", request.body)))
    body = _Body(json.dumps(answer).encode())
    return AWSResponse(request.url, HTTPStatus.OK, {}, body)  # type: ignore[arg-type]  # a class with the same methods


def _answer(operation: str, request: Any) -> dict[str, Any]:
    match operation:
        case "BatchGetItem":
            return {"Responses": {table: [] for table in request["RequestItems"]}, "UnprocessedKeys": {}}
        case "Query" | "Scan":
            return {"Items": [], "Count": 0, "ScannedCount": 0}
        case "UpdateItem":
            # Only the sync lock looks at the row: its first fence is 1.
            return {"Attributes": {**request["Key"], "fence": {"N": "1"}}}
        case "BatchExecuteStatement":
            return {"Responses": [{"TableName": "table"} for _ in request["Statements"]]}
        case "SendMessageBatch":
            sent = [{"Id": entry["Id"], "MessageId": "1"} for entry in request["Entries"]]
            return {"Successful": sent, "Failed": []}
    return {}


class _Body(io.BytesIO):
    """The body of an answer, in the form in which botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()
