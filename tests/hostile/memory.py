"""`python -m tests.hostile.memory`: by how much hostile answers and images raise the peak of memory, as JSON.

A process of its own, so that nothing but they is measured; Linux's own peak, which can be reset.
"""

import contextlib
import ctypes
import gc
import json
import random
import re
import socket
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from imagecache.errors import DexError, ImageFailedError, ListingError, OriginDownError
from imagecache.imaging.pictures import render
from imagecache.rules.source_urls import MediaLocation
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi
from imagecache.sources.beeper.images import MediaServer
from imagecache.sources.dex import DexApi
from imagecache.sources.transport import punctual_session
from tests.hostile.malformed import FORMATS, bombs, damaged, disguised, encoded, largest
from tests.hostile.origin import Flood, Origin, Say, answer, cut_short

PNG = encoded("PNG")


def peak_kb() -> int:
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


def grown_by(work: Callable[[], object]) -> int:
    """KB between the memory before the work and its highest moment."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # free memory within the process would hide a growth
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is used now
    before = peak_kb()
    work()
    return peak_kb() - before


def try_all(images: Iterable[bytes]) -> None:
    for image in images:
        with contextlib.suppress(ImageFailedError):
            render(image)


def fetch(say: Say) -> None:
    with punctual_session() as session, Origin(say) as origin:
        server = MediaServer(base_url=origin.url, token="t", session=session)
        with contextlib.suppress(ImageFailedError, OriginDownError):
            server.fetch(MediaLocation("beeper.com", "a", ""))


def hostile_bodies() -> None:
    fetch(Flood())
    fetch(Flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"))
    fetch(Flood(b"HTTP/1.1 200 OK\r\nX-Endless: "))
    fetch(Flood(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"))
    fetch(cut_short("200 OK", PNG, 4_000_000_000))
    fetch(answer("200 OK", PNG, "Content-Encoding: gzip"))


def list_chats(say: Say) -> None:
    with punctual_session() as session, Origin(say) as origin:
        api = ChatApi(base_url=origin.url, secrets={"beeper-token": "t"}, session=session)
        with contextlib.suppress(ListingError, OriginDownError):
            api.page(None)


def list_contacts(say: Say) -> None:
    budget = TimeBudget(remaining_ms=lambda: 60_000, reserve_ms=0)
    with punctual_session() as session, Origin(say) as origin:
        api = DexApi(base_url=origin.url, key="k", session=session, sleep=lambda _: None)
        with contextlib.suppress(DexError, OriginDownError):
            api.read(budget=budget)


def say_33_mb(connection: socket.socket) -> None:
    """Answers with a list of 33 MB, which this process never has in one piece."""
    megabyte = b"x" * 1024 * 1024
    connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"items": ["')
    for _ in range(33):
        connection.sendall(megabyte)
    connection.sendall(b'"]}')
    connection.shutdown(socket.SHUT_RDWR)


def hostile_lists() -> dict[str, Say]:
    """Answers of servers in place of Beeper or Dex: each would take over 100 MB if it were read whole."""
    unpacked = b'{"items": ["' + bytes(100 * 1024 * 1024) + b'"]}'
    bomb = zlib.compress(unpacked, wbits=31)
    return {
        "gzip": answer("200 OK", bomb, "Content-Encoding: gzip"),
        "endless": Flood(),
        "33 MB": say_33_mb,
        "million": answer("200 OK", b'{"items": [' + b"[]," * 3_000_000 + b"0]}"),
    }


def main() -> None:
    malformed = [*bombs(), *disguised(), *damaged(random.Random(7))]
    large = largest()
    try_all(encoded(one) for one in FORMATS)  # what is loaded once is no growth
    fetch(answer("200 OK", PNG))
    list_chats(answer("200 OK", b"{}"))
    grown = {
        "bodies": grown_by(hostile_bodies),
        "malformed": grown_by(lambda: try_all(malformed)),
        "large": grown_by(lambda: try_all([large])),
    }
    for name, say in hostile_lists().items():
        grown[f"chats, {name}"] = grown_by(partial(list_chats, say))
        grown[f"contacts, {name}"] = grown_by(partial(list_contacts, say))
    print(json.dumps(grown))  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main()
