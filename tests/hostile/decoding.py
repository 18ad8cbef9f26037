"""`python -m tests.hostile.decoding`: what decoding costs in memory, each measured in a process of its own.

Without arguments it prints a table, from which the costs in `imaging/pictures.py` are taken: by how much each
kind of picture raises the peak of a fresh process. The tests call it with arguments.
"""

import ctypes
import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from PIL import Image

from imagecache.errors import ImageFailedError
from imagecache.imaging.memory_limit import limit_memory
from imagecache.imaging.pictures import render
from imagecache.imaging.reservations import MB
from imagecache.wiring import Wiring
from local.template import ROOT
from tests.hostile.malformed import FORMATS, encoded

# What the cacher has loaded, too.
LOADED = (Logger, Wiring)
MEGAPIXEL = 1_000_000
THREADS = 5
LARGEST_FILE = 5 * MB
AVIF_OF_10_BITS = ROOT / "tests" / "fixtures" / "pictures" / "avif-10-bits-alpha.avif"
"""10 megapixels. Pillow writes 8 bits only, so this file comes from another encoder."""


def saved(mode: str, size: tuple[int, int], image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, image_format, **options)
    return out.getvalue()


def square(megapixels: int) -> tuple[int, int]:
    side = int((megapixels * MEGAPIXEL) ** 0.5)
    return side, side


def wide(megapixels: int) -> tuple[int, int]:
    """A size of less than 640 pixels in height, at which a JPEG is always decoded whole."""
    return megapixels * MEGAPIXEL // 639, 639


Make = Callable[[int], bytes]

KINDS: Mapping[str, Make] = {
    "JPEG": lambda n: saved("RGB", square(n), "JPEG"),
    "JPEG progressive": lambda n: saved("RGB", square(n), "JPEG", progressive=True, subsampling=0),
    "JPEG progressive CMYK": lambda n: saved("CMYK", square(n), "JPEG", progressive=True),
    "JPEG wide": lambda n: saved("RGB", wide(n), "JPEG"),
    "JPEG wide progressive": lambda n: saved("RGB", wide(n), "JPEG", progressive=True, subsampling=0),
    "JPEG wide progressive CMYK": lambda n: saved("CMYK", wide(n), "JPEG", progressive=True),
    "PNG L": lambda n: saved("L", square(n), "PNG"),
    "PNG LA": lambda n: saved("LA", square(n), "PNG"),
    "PNG P": lambda n: saved("P", square(n), "PNG"),
    "PNG P, tRNS": lambda n: saved("P", square(n), "PNG", transparency=b"\0\x40"),
    "PNG RGB": lambda n: saved("RGB", square(n), "PNG"),
    "PNG RGB, tRNS": lambda n: saved("RGB", square(n), "PNG", transparency=(1, 2, 3)),
    "PNG RGBA": lambda n: saved("RGBA", square(n), "PNG"),
    "PNG I;16": lambda n: saved("I;16", square(n), "PNG"),
    "GIF": lambda n: saved("P", square(n), "GIF"),
    "GIF with transparency": lambda n: saved("P", square(n), "GIF", transparency=0),
    "GIF animated": lambda n: animated("P", n, "GIF", transparency=1),
    "WebP": lambda n: saved("RGB", square(n), "WEBP", method=0),
    "WebP lossless": lambda n: saved("RGBA", square(n), "WEBP", method=0, lossless=True),
    "WebP animated": lambda n: animated("RGBA", n, "WEBP", method=0, lossless=True),
    "AVIF": lambda n: saved("RGB", square(n), "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF with alpha": lambda n: saved("RGBA", square(n), "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF animated": lambda n: animated("RGBA", n, "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF grid of 2": lambda n: avif_grid(saved("RGB", square(n // 2), "AVIF", speed=10), 2),
}
MEGAPIXELS = (4, 16, 40)


def animated(mode: str, megapixels: int, image_format: str, **options: Any) -> bytes:
    second = [Image.new(mode, square(megapixels), 77)]
    return saved(mode, square(megapixels), image_format, save_all=True, append_images=second, **options)


def box(kind: bytes, *contents: bytes) -> bytes:
    """Returns a box of an ISO media file."""
    content = b"".join(contents)
    return struct.pack(">I", len(content) + 8) + kind + content


def avif_grid(cell: bytes, columns: int) -> bytes:
    """Returns an AVIF whose cells, in one row, all share the data of one AVIF with a single square item."""

    def full(kind: bytes, version: int, *contents: bytes) -> bytes:
        return box(kind, struct.pack(">I", version << 24), *contents)

    def taken(kind: bytes) -> bytes:
        start = cell.index(kind) - 4
        return cell[start : start + int.from_bytes(cell[start : start + 4], "big")]

    def location(item: int, offset: int, length: int) -> bytes:
        return struct.pack(">HHHHII", item, 1, 0, 1, offset, length)

    sizes = taken(b"ispe")
    side = int.from_bytes(sizes[12:16], "big")
    items = range(2, columns + 2)
    size = (columns * side, side)
    grid = struct.pack(">BBBBII", 0, 1, 0, columns - 1, *size)
    data = cell[cell.index(b"mdat") + 4 :]
    infos = [full(b"infe", 2, struct.pack(">HH", 1, 0), b"grid\0")]
    infos += [full(b"infe", 2, struct.pack(">HH", item, 0), b"av01\0") for item in items]
    places = [location(1, 0, len(grid)), *(location(item, len(grid), len(data)) for item in items)]
    properties = box(
        b"ipco",
        full(b"ispe", 0, struct.pack(">II", *size)),
        sizes,
        taken(b"pixi"),
        taken(b"av1C"),
        taken(b"colr"),
    )
    uses = [struct.pack(">HB3B", 1, 3, 1, 3, 5)]
    uses += [struct.pack(">HB4B", item, 4, 2, 3, 0x84, 5) for item in items]
    cells = struct.pack(f">HH{columns}H", 1, columns, *items)
    return box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + full(
        b"meta",
        0,
        full(b"hdlr", 0, struct.pack(">I4s12s", 0, b"pict", b""), b"\0"),
        full(b"pitm", 0, struct.pack(">H", 1)),
        full(b"iloc", 1, b"\x44\0", struct.pack(">H", len(places)), *places),
        full(b"iinf", 0, struct.pack(">H", len(infos)), *infos),
        full(b"iref", 0, box(b"dimg", cells)),
        box(b"iprp", properties, full(b"ipma", 0, struct.pack(">I", len(uses)), *uses)),
        box(b"idat", grid, data),
    )


def lying_avif() -> bytes:
    """Returns an AVIF that announces 100 x 100 pixels and contains 10 million."""
    whole = AVIF_OF_10_BITS.read_bytes()
    at = whole.index(b"ispe") + 8
    return whole[:at] + struct.pack(">II", 100, 100) + whole[at + 8 :]


def png_with_texts(count: int) -> bytes:
    """Returns a small PNG with so many texts, each of which is 1 MB when it is unpacked."""
    whole = encoded("PNG")
    content = b"Comment\0\0" + zlib.compress(bytes(MB - 1))
    checksum = struct.pack(">I", zlib.crc32(b"zTXt" + content))
    text = struct.pack(">I", len(content)) + b"zTXt" + content + checksum
    end_of_header = 33
    return whole[:end_of_header] + text * count + whole[end_of_header:]


WORST: Mapping[str, Callable[[], bytes]] = {
    "JPEG": partial(KINDS["JPEG wide progressive CMYK"], 10),
    "PNG": partial(KINDS["PNG LA"], 10),
    "GIF": partial(KINDS["GIF with transparency"], 10),
    "WEBP": partial(KINDS["WebP lossless"], 10),
    "AVIF": AVIF_OF_10_BITS.read_bytes,
}
"""A picture of 10 megapixels for each format, of the kind that takes most."""


def write_worst(directory: Path) -> None:
    """Writes the worst picture of each format, in files as long as the sources accept.

    They are made longer by a box that AVIF passes over, and the other formats at their end.
    """
    for image_format, make in WORST.items():
        picture = make()
        padding = box(b"free", bytes(LARGEST_FILE - len(picture) - 8))
        (directory / image_format).write_bytes(picture + padding)


def status_mb(name: str) -> float:
    """Returns a figure of this process as Linux counts it: VmHWM (peak), VmRSS, VmSize."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def limit_address_space(most_mb: int) -> None:
    """Lets this process take `most_mb` of memory. What it has mapped and not touched is in addition."""
    threading.stack_size(MB)
    untouched = status_mb("VmSize") - status_mb("VmRSS") + THREADS
    limit = round((most_mb + untouched) * MB)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def outcome(path: Path) -> str:
    try:
        render(path.read_bytes())
    except (ImageFailedError, MemoryError) as error:
        return f"{path.name}: {error!r}"
    return ""


def render_batches(directory: Path, most_mb: int) -> dict[str, Any]:
    """Renders the worst picture of each format, once alone, and then in as many threads as the cacher has.

    Returns by how much each has raised the peak, and what failed in a process that may take `most_mb`.
    """
    for service in ("dynamodb", "s3", "sqs", "ssm"):
        boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    files = sorted(directory.iterdir())
    grown = {path.name: growth_mb(path) for path in files}
    limit_address_space(most_mb)
    failures: list[str] = []
    for path in files:
        with ThreadPoolExecutor(THREADS) as pool:
            failures += filter(None, pool.map(outcome, [path] * THREADS))
    return {"grown": grown, "failures": failures, "peak": status_mb("VmHWM")}


def growth_mb(path: Path) -> float:
    """Returns by how much rendering a file raises the peak of this process."""
    original = path.read_bytes()
    for image_format in FORMATS:
        render(encoded(image_format))  # what is loaded once is no growth
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is used now
    before = status_mb("VmHWM")
    render(original)
    return status_mb("VmHWM") - before


def lie(path: Path) -> dict[str, Any]:
    """Renders a picture while the process has the limit of a function, and says how that ended."""
    limit_memory()
    return {"failures": [outcome(path)], "peak": status_mb("VmHWM")}


def in_a_process(*arguments: str, **environment: str) -> Any:
    """Runs this module in a process of its own, and returns what it prints."""
    # One arena of the allocator: each other one would reserve address space that is never used.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", **environment}
    command = [sys.executable, "-W", "ignore", "-m", "tests.hostile.decoding", *arguments]
    ended = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, env=environment)  # noqa: S603 - our own
    return json.loads(ended.stdout)


def main() -> None:
    match sys.argv[1:]:
        case ["batches", directory, most_mb]:
            answer: Any = render_batches(Path(directory), int(most_mb))
        case ["growth", path]:
            answer = growth_mb(Path(path))
        case ["lie", path]:
            answer = lie(Path(path))
        case _:
            print_table()
            return
    print(json.dumps(answer))  # noqa: T201 - what the caller reads


def print_table() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "picture")
        for kind, make in KINDS.items():
            for megapixels in MEGAPIXELS:
                path.write_bytes(make(megapixels))
                print_row(kind, megapixels, path)
        print_row("AVIF 10 bits with alpha", 10, AVIF_OF_10_BITS)


def print_row(kind: str, megapixels: int, path: Path) -> None:
    grown = in_a_process("growth", str(path))
    a_pixel = grown * MB / (megapixels * MEGAPIXEL)
    print(f"{kind:28} {megapixels:3} MP {grown:6.0f} MB {a_pixel:5.1f} bytes a pixel")  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main()
