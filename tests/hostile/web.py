"""The guard of `sources/web_images.py` with a server of ours in the place of one public address."""

import itertools
import socket
import ssl
from collections.abc import Callable

from imagecache.model.image import NO_VALIDATORS, Fetched, Unchanged, Validators
from imagecache.rules.source_urls import WebLocation, parse_source_url
from imagecache.sources.web_images import GuardedWeb
from tests.hostile.origin import Origin, Say, answer

HOST = "pictures.example"
PUBLIC = "8.8.8.8"
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(100)
Resolve = Callable[[str, int], list[str]]


class Web:
    """`reached` are the addresses that it wanted, `asked` the requests of the last fetch."""

    def __init__(self, tls: tuple[ssl.SSLContext, str]) -> None:
        self._context, self._authority = tls
        self.reached: list[str] = []
        self.asked: list[str] = []

    def fetch(
        self,
        say: Say,
        url: str = f"https://{HOST}/a.jpg",
        resolve: Resolve = lambda _host, _port: [PUBLIC],
        known: Validators = NO_VALIDATORS,
    ) -> Fetched | Unchanged:
        with Origin(say, tls=self._context) as origin:

            def reach(address: str, _port: int) -> tuple[str, int]:
                self.reached.append(address)
                return "127.0.0.1", origin.port

            web = GuardedWeb(resolve=resolve, reach=reach, ca_certs=self._authority)
            source = parse_source_url(url)
            assert isinstance(source, WebLocation)
            try:
                return web.fetch(source, known)
            finally:
                self.asked = origin.requests

    def content(self, say: Say, resolve: Resolve = lambda _host, _port: [PUBLIC]) -> bytes:
        fetched = self.fetch(say, resolve=resolve)
        assert isinstance(fetched, Fetched)
        return fetched.content


def in_turn(*says: Say) -> Say:
    """One after the other, the last one for ever."""
    following = itertools.chain(says, itertools.repeat(says[-1]))

    def say(connection: socket.socket) -> None:
        next(following)(connection)

    return say


def moved(location: str) -> Say:
    return answer("302 Found", b"", f"Location: {location}", "Connection: close")


def conditions(request: str) -> dict[str, str]:
    """The headers of a request that make it conditional."""
    headers = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
    return {name: value for name, value in headers.items() if name.startswith("If-")}
