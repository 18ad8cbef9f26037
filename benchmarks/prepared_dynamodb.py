"""A DynamoDB of prepared rows, in a process of its own: it answers Query, GetItem and BatchGetItem.

A benchmark can so measure the CPU time of its own process alone, with any time that a call shall take. The
answers are JSON as DynamoDB sends it: with the attributes that were asked for, at most `Limit` items, and the
key after which a list continues. Conditions are not evaluated: a Query returns the first rows of its table.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PreparedTable:
    """The rows of a table in the order of a Query. `index_key` are the attributes of the key of its index."""

    key_name: str
    index_key: Sequence[str]
    items: Sequence[Item]


class PreparedDynamoDB:
    """Answers requests. Answers are kept, because a benchmark repeats its requests."""

    def __init__(self, tables: Mapping[str, PreparedTable]) -> None:
        self._tables = tables
        self._by_key = {
            name: {next(iter(item[table.key_name].values())): item for item in table.items}
            for name, table in tables.items()
        }
        self._answers: dict[tuple[str, bytes], bytes] = {}

    def answer(self, operation: str, body: bytes) -> bytes:
        """Returns the body of the answer. Raises KeyError for an operation or a table that is unknown."""
        request = (operation, body)
        if request not in self._answers:
            document = _OPERATIONS[operation](self, json.loads(body))
            self._answers[request] = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return self._answers[request]

    def _query(self, request: Mapping[str, Any]) -> Item:
        table = self._tables[request["TableName"]]
        limit = request.get("Limit", len(table.items))
        answer: Item = {"Items": [_projected(item, request) for item in table.items[:limit]]}
        if limit < len(table.items):
            answer["LastEvaluatedKey"] = {name: table.items[limit - 1][name] for name in table.index_key}
        return {**answer, "Count": len(answer["Items"]), "ScannedCount": len(answer["Items"])}

    def _get(self, request: Mapping[str, Any]) -> Item:
        [key] = request["Key"].values()
        return {"Item": _projected(self._by_key[request["TableName"]][key["S"]], request)}

    def _batch_get(self, request: Mapping[str, Any]) -> Item:
        found = {}
        for name, keys in request["RequestItems"].items():
            rows = self._by_key[name]
            wanted = [next(iter(key.values()))["S"] for key in keys["Keys"]]
            found[name] = [_projected(rows[key], keys) for key in wanted if key in rows]
        return {"Responses": found, "UnprocessedKeys": {}}


_OPERATIONS = {
    "Query": PreparedDynamoDB._query,
    "GetItem": PreparedDynamoDB._get,
    "BatchGetItem": PreparedDynamoDB._batch_get,
}


def _projected(item: Item, request: Mapping[str, Any]) -> Item:
    """Returns the attributes of the item that the request asks for."""
    if "ProjectionExpression" not in request:
        return item
    names = request.get("ExpressionAttributeNames", {})
    wanted = [names.get(name.strip(), name.strip()) for name in request["ProjectionExpression"].split(",")]
    return {name: item[name] for name in wanted if name in item}


@contextmanager
def prepared_dynamodb(rows: Path, *, milliseconds_a_call: int) -> Iterator[str]:
    """Runs the program with the tables of a file, and yields its URL. Ends it afterwards."""
    command = [sys.executable, "-m", __name__, str(rows), str(milliseconds_a_call)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline() if process.stdout else ""
            yield address.strip()
        finally:
            process.terminate()


async def _serve(database: PreparedDynamoDB, seconds_a_call: float) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
                operation = head.lower().split("x-amz-target: dynamodb_20120810.")[1].split("\r\n")[0]
                names = {name.lower(): name for name in _OPERATIONS}
                answer = database.answer(names[operation], body)
                await asyncio.sleep(seconds_a_call)
                length = f"content-length: {len(answer)}\r\n"
                start = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n"
                writer.write(f"{start}x-amzn-requestid: A\r\n{length}\r\n".encode() + answer)
        except asyncio.IncompleteReadError:  # the client has closed the connection
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(rows: str, milliseconds_a_call: str) -> None:
    """Serves the tables of a JSON file until the process is terminated."""
    tables = {name: PreparedTable(**table) for name, table in json.loads(Path(rows).read_text()).items()}
    asyncio.run(_serve(PreparedDynamoDB(tables), int(milliseconds_a_call) / 1000))


if __name__ == "__main__":
    main(*sys.argv[1:])
