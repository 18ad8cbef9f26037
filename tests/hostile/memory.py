"""`python -m tests.hostile.memory`: by how much hostile answers and images raise the peak of memory, as JSON.

A process of its own, so that nothing but they is measured; Linux's own peak, which can be reset.
"""

import contextlib
import ctypes
import gc
import json
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from imagecache.errors import ImageFailedError, OriginDownError
from imagecache.imaging.pictures import render
from imagecache.rules.source_urls import MediaLocation
from imagecache.sources.beeper.images import MediaServer
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


def main() -> None:
    malformed = [*bombs(), *disguised(), *damaged(random.Random(7))]
    large = largest()
    try_all(encoded(one) for one in FORMATS)  # what is loaded once is no growth
    fetch(answer("200 OK", PNG))
    grown = {
        "bodies": grown_by(hostile_bodies),
        "malformed": grown_by(lambda: try_all(malformed)),
        "large": grown_by(lambda: try_all([large])),
    }
    print(json.dumps(grown))  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main()
