"""`GuardedWeb` with a server of the test in the place of one public address."""

import itertools
import socket
import ssl
from collections.abc import Callable

from imagecache.model.image import NO_VALIDATORS, Fetched, Unchanged, Validators
from imagecache.rules.source_urls import WebLocation, parse_source_url
from imagecache.sources.transport import TIME_LIMITS, TimeLimits
from imagecache.sources.web_images import PRODUCT, GuardedWeb
from tests.hostile.origin import Origin, Say, answer

HOST = "pictures.example"
PUBLIC = "8.8.8.8"
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(100)
Resolve = Callable[[str, int], list[str]]


class Web:
    """`reached` are the addresses that it connected to, `asked` the requests of the last fetch."""

    def __init__(self, tls: tuple[ssl.SSLContext, str]) -> None:
        self.context, self.authority = tls
        self.reached: list[str] = []
        self.asked: list[str] = []

    def fetch(
        self,
        say: Say,
        url: str = f"https://{HOST}/a.jpg",
        resolve: Resolve = lambda _host, _port: [PUBLIC],
        cached: Validators = NO_VALIDATORS,
        limits: TimeLimits = TIME_LIMITS,
        *,
        user_agent: str = PRODUCT,
    ) -> Fetched | Unchanged:
        with Origin(say, tls=self.context) as origin:

            def reach(address: str, _port: int) -> tuple[str, int]:
                self.reached.append(address)
                return "127.0.0.1", origin.port

            web = GuardedWeb(
                user_agent=user_agent, resolve=resolve, reach=reach, ca_certs=self.authority, limits=limits
            )
            location = parse_source_url(url)
            assert isinstance(location, WebLocation)
            try:
                return web.fetch(location, cached)
            finally:
                self.asked = origin.requests

    def content(self, say: Say, resolve: Resolve = lambda _host, _port: [PUBLIC]) -> bytes:
        fetched = self.fetch(say, resolve=resolve)
        assert isinstance(fetched, Fetched)
        return fetched.content


def in_turn(*says: Say) -> Say:
    """Answers with each of them in turn, then with the last one again and again."""
    following = itertools.chain(says, itertools.repeat(says[-1]))

    def say(connection: socket.socket) -> None:
        next(following)(connection)

    return say


def moved(location: str) -> Say:
    return answer("302 Found", b"", f"Location: {location}", "Connection: close")


def conditions(request: str) -> dict[str, str]:
    """Returns the headers of a request that make it conditional."""
    headers = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
    return {name: value for name, value in headers.items() if name.startswith("If-")}
