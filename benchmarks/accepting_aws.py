"""A server in the place of S3 and DynamoDB, in a process of its own: it accepts every write and keeps none.

The embedded engine needs 30 ms of CPU time for a picture, on the processors of what is measured. AWS needs
none of them, and the targets were measured with servers like this one. Each claim of an image is won, because
each name of a benchmark is new. `python -m benchmarks.accepting_aws` prints the port.
"""

import asyncio
import base64
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

_HOST = "127.0.0.1"
_SALT = base64.b64encode(bytes(32)).decode()
_ROOT = Path(__file__).parent.parent
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_OPERATION = re.compile(rb"\r\nx-amz-target: *DynamoDB_20120810\.([A-Za-z]+)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)


@contextlib.contextmanager
def accepting_aws() -> Iterator[str]:
    """Runs the server until the end of the block, and yields its address."""
    command = [sys.executable, "-m", "benchmarks.accepting_aws"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) as process:
        try:
            port = int(cast("IO[bytes]", process.stdout).readline())
            yield f"http://{_HOST}:{port}"
        finally:
            process.terminate()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the requests of one connection."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            if _EXPECT.search(head):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            operation = _OPERATION.search(head)
            answer = _answer_of_dynamodb(operation[1].decode(), json.loads(body)) if operation else b""
            headers = f'ETag: "none"\r\nContent-Length: {len(answer)}\r\n\r\n'
            writer.write(f"HTTP/1.1 200 OK\r\n{headers}".encode() + answer)
            await writer.drain()
    writer.close()


def _answer_of_dynamodb(operation: str, request: Any) -> bytes:
    """Returns the answer of tables whose only row is the salt of blob ids.

    Raises KeyError if the operation is not one of the cacher's.
    """
    won = {"status": {"S": "pending"}, "sourceUrl": {"S": ""}, "attempts": {"N": "1"}}
    is_salt = request.get("Key") == {"name": {"S": "salt"}}
    answers: dict[str, Any] = {
        "GetItem": {"Item": {**request["Key"], "salt": {"B": _SALT}}} if is_salt else {},
        "PutItem": {},
        "UpdateItem": {"Attributes": {**request.get("Key", {}), **won}},
    }
    return json.dumps(answers[operation]).encode()


async def _run() -> None:
    server = await asyncio.start_server(_serve, _HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the process that starts this
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run())
