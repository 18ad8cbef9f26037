"""A server in the place of S3, in a process of its own: it takes every object and keeps none.

The embedded engine's S3 needs 5 ms of CPU time for an object, on the processors of what is measured. AWS's S3
needs none of them. `python -m benchmarks.object_store` prints the port.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

_HOST = "127.0.0.1"
_ROOT = Path(__file__).parent.parent
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)


@contextlib.contextmanager
def running_object_store() -> Iterator[str]:
    """Runs the server until the end of the block, and yields its address."""
    command = [sys.executable, "-m", "benchmarks.object_store"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) as process:
        try:
            port = int(cast("IO[bytes]", process.stdout).readline())
            yield f"http://{_HOST}:{port}"
        finally:
            process.terminate()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts the objects of one connection."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            if _EXPECT.search(head):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if length := _LENGTH.search(head):
                await reader.readexactly(int(length[1]))
            writer.write(b'HTTP/1.1 200 OK\r\nETag: "none"\r\nContent-Length: 0\r\n\r\n')
            await writer.drain()
    writer.close()


async def _run() -> None:
    server = await asyncio.start_server(_serve, _HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the process that starts this
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run())
