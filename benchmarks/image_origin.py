"""A server of pictures in a process of its own, in the place of Beeper and of a web server.

`python -m benchmarks.image_origin` prints its port. The name of a picture says how it is served, and is the
last part of the path or of the parameter `url`, as in `GET /v1/assets/serve?url=mxc://bench/photo.50.7.a`:

photo.<ms>.<number>.<unique>   a photo, after a delay
missing.<unique>               status 404
endless.<unique>               200 MB without Content-Length
drip.<unique>                  one byte a second, for two minutes
svg.<unique>, html.<unique>    with the Content-Type of a JPEG
redirect.<unique>              a redirect to the photo `internal` on another port, which stands for a server
                               in a private network
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from benchmarks.photos import photo

HOST = "127.0.0.1"
INTERNAL = "internal"
DRIP_SECONDS = 120
ENDLESS_BYTES = 200_000_000

_ROOT = Path(__file__).parent.parent
_PHOTOS = 20
_CHUNK = b"\xff\xd8\xff" + bytes(16_381)
_DISGUISED = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "html": b"<!doctype html><html><body><h1>It works</h1></body></html>",
}
_JSON_PATHS = {"/v1/info": b"{}", "/v1/accounts": b"[]"}  # with which the cacher checks Beeper


@dataclass(frozen=True, slots=True)
class ImageOrigin:
    """A running origin."""

    port: int

    @property
    def url(self) -> str:
        """The address of the origin, without a path."""
        return f"http://{HOST}:{self.port}"

    def hits(self) -> dict[str, int]:
        """Returns how often each name was requested."""
        return self._counted("hits")

    def sent(self) -> dict[str, int]:
        """Returns how many bytes of each body were sent. The buffers of the connection count as well."""
        return self._counted("sent")

    def _counted(self, what: str) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/{what}") as answer:  # noqa: S310 - of this module's server
            counted: dict[str, int] = json.load(answer)
        return counted


@contextlib.contextmanager
def running_origin() -> Iterator[ImageOrigin]:
    """Runs the origin in a process of its own until the end of the block."""
    command = [sys.executable, "-m", "benchmarks.image_origin"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) as process:
        try:
            output = cast("IO[bytes]", process.stdout)
            yield ImageOrigin(int(output.readline()))
        finally:
            process.terminate()


@dataclass(slots=True)
class _Server:
    """Answers requests, and counts them."""

    photos: list[bytes]
    internal_port: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves the requests of one connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ", 2)[1].decode("latin-1")
                await self._answer(target, writer)
        writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(target)
        counted: dict[str, Any] = {"/hits": self.hits, "/sent": self.sent}
        if url.path in counted:
            await _send(writer, "200 OK", json.dumps(counted[url.path]).encode(), "application/json")
        elif url.path in _JSON_PATHS:
            await _send(writer, "200 OK", _JSON_PATHS[url.path], "application/json")
        else:
            await self._serve_picture(url, writer)

    async def _serve_picture(self, url: SplitResult, writer: asyncio.StreamWriter) -> None:
        asked = parse_qs(url.query).get("url", [unquote(url.path)])[0]
        name = asked.rpartition("/")[2].removesuffix(".jpg")
        self.hits[name] += 1
        kind, *arguments = name.split(".")
        match kind:
            case "photo":
                await asyncio.sleep(int(arguments[0]) / 1000)
                await _send(writer, "200 OK", self.photos[int(arguments[1]) % len(self.photos)])
            case "endless" | "drip":
                await self._send_without_end(name, writer, slowly=kind == "drip")
            case "svg" | "html":
                await _send(writer, "200 OK", _DISGUISED[kind])
            case "redirect":
                internal = f"http://{HOST}:{self.internal_port}/{INTERNAL}.jpg"
                await _send(writer, "302 Found", b"", more=f"Location: {internal}\r\n")
            case "internal":
                await _send(writer, "200 OK", self.photos[0])
            case _:
                await _send(writer, "404 Not Found", b'{"code": "NOT_FOUND"}', "application/json")

    async def _send_without_end(self, name: str, writer: asyncio.StreamWriter, *, slowly: bool) -> None:
        """Sends a body without its length, either as fast as possible or one byte a second."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n")
        part = b"\xff" if slowly else _CHUNK
        most = DRIP_SECONDS if slowly else ENDLESS_BYTES
        while self.sent[name] < most:
            writer.write(part)
            await writer.drain()
            self.sent[name] += len(part)
            await asyncio.sleep(1 if slowly else 0)
        raise ConnectionResetError("the end of the body")


async def _send(
    writer: asyncio.StreamWriter, status: str, body: bytes, content_type: str = "image/jpeg", more: str = ""
) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def _run() -> None:
    server = _Server([photo(number) for number in range(_PHOTOS)])
    internal = await asyncio.start_server(server.serve, HOST, 0)
    server.internal_port = internal.sockets[0].getsockname()[1]
    public = await asyncio.start_server(server.serve, HOST, 0, backlog=256)
    print(public.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the process that starts this
    async with public:
        await public.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run())
