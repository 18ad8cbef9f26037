"""`python -m tests.hostile.decoding`: what decoding costs in memory, each measured in a process of its own.

Without arguments it prints a table, from which the costs in `imaging/pictures.py` are taken: by how much each
kind of picture raises the peak of a fresh process. `worst FOLDER` writes the pictures that take most of it
into a new folder. The tests call it with other arguments.
"""

import ctypes
import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pillow_heif
from aws_lambda_powertools import Logger
from PIL import Image, ImageCms

from imagecache.errors import ImageFailedError
from imagecache.imaging.memory_limit import limit_memory
from imagecache.imaging.pictures import _COSTS, render
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
AVIF_WITH_GRAIN = AVIF_OF_10_BITS.with_name("avif-10-bits-alpha-grain.avif")
"""10 megapixels, to which the decoder adds film grain, in another copy of the pixels.

Made by `avifenc -c aom -d 10 -y 444 -s 8 -a film-grain-test=3` of a PNG of one color with transparency.
"""
HEIF_WITHOUT_SUBSAMPLING = AVIF_OF_10_BITS.with_name("heic-444.heic")
HEIF_OF_10_BITS = AVIF_OF_10_BITS.with_name("heic-10-bits-alpha.heic")
"""What `KINDS` makes of 10 megapixels, because the encoder takes seconds."""
PRINTED_ONLY: Mapping[str, tuple[int, Callable[[], bytes]]] = {
    "AVIF 10 bits with alpha": (10, AVIF_OF_10_BITS.read_bytes),
    "AVIF 10 bits with alpha, grain": (10, AVIF_WITH_GRAIN.read_bytes),
    "AVIF of 1 cell, 10 bits with alpha": (10, lambda: avif_grid(AVIF_OF_10_BITS.read_bytes(), 1)),
    "AVIF of 2 cells, 10 bits, alpha": (20, lambda: avif_grid(AVIF_OF_10_BITS.read_bytes(), 2)),
    "AVIF of 1 cell, alpha, grain": (10, lambda: avif_grid(AVIF_WITH_GRAIN.read_bytes(), 1)),
    "AVIF of 1 cell, alpha in colors": (10, lambda: worst_avif(1)),
    "AVIF of 2 cells, alpha in colors": (20, lambda: worst_avif(2)),
}
"""What has one size only: its megapixels, and how it is made."""


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


def heif(mode: str, megapixels: int, **options: Any) -> bytes:
    """Returns a HEIC of one color. A sample has 16 bits in a mode that ends with that number."""
    size = square(megapixels)
    channels, _, bits = mode.partition(";")
    pixels = bytes(size[0] * size[1] * len(channels) * (2 if bits else 1))
    out = io.BytesIO()
    image = pillow_heif.from_bytes(mode, size, pixels)
    image.save(out, quality=50, enc_params={"preset": "ultrafast"}, **options)
    return out.getvalue()


def png_of_16_bits(width: int, height: int) -> bytes:
    """Returns a PNG with three samples of 16 bits a pixel, of which one color is transparent."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    pack = zlib.compressobj(1)
    row = bytes(1 + 6 * width)
    data = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"tRNS", bytes(6)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def wider_screen(gif: bytes) -> bytes:
    """Returns a GIF whose screen is one pixel wider than its frame, so that it is drawn on a canvas."""
    width, height = struct.unpack("<HH", gif[6:10])
    return gif[:6] + struct.pack("<HH", width + 1, height) + gif[10:]


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CMYK_PROFILE = PROFILE[:16] + b"CMYK" + PROFILE[20:]
"""A profile that is kept for pixels of this kind, although it turns out to be broken."""
Make = Callable[[int], bytes]

KINDS: Mapping[str, Make] = {
    "JPEG": lambda n: saved("RGB", square(n), "JPEG"),
    "JPEG progressive": lambda n: saved("RGB", square(n), "JPEG", progressive=True, subsampling=0),
    "JPEG progressive CMYK": lambda n: saved("CMYK", square(n), "JPEG", progressive=True),
    "JPEG truncated": lambda n: saved("RGB", square(n), "JPEG")[:-9],
    "JPEG CMYK with a profile": lambda n: saved("CMYK", wide(n), "JPEG", icc_profile=CMYK_PROFILE),
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
    "PNG I;16, tRNS": lambda n: saved("I;16", square(n), "PNG", transparency=1),
    "PNG RGB of 16 bits, tRNS": lambda n: png_of_16_bits(*square(n)),
    "PNG animated": lambda n: animated("RGBA", n, "PNG"),
    "PNG animated, restored": lambda n: animated("RGBA", n, "PNG", disposal=2),
    "PNG with a profile": lambda n: saved("RGBA", square(n), "PNG", icc_profile=PROFILE),
    "GIF": lambda n: saved("P", square(n), "GIF"),
    "GIF with transparency": lambda n: saved("P", square(n), "GIF", transparency=0),
    "GIF animated": lambda n: animated("P", n, "GIF", transparency=1),
    "GIF smaller than its screen": lambda n: wider_screen(saved("P", square(n), "GIF")),
    "GIF truncated": lambda n: saved("P", square(n), "GIF")[:-9],
    "WebP": lambda n: saved("RGB", square(n), "WEBP", method=0),
    "WebP lossless": lambda n: saved("RGBA", square(n), "WEBP", method=0, lossless=True),
    "WebP animated": lambda n: animated("RGBA", n, "WEBP", method=0, lossless=True),
    "AVIF": lambda n: saved("RGB", square(n), "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF with alpha": lambda n: saved("RGBA", square(n), "AVIF", speed=10, subsampling="4:4:4"),
    "HEIF": lambda n: heif("RGB", n),
    "HEIF without subsampling": lambda n: heif("RGB", n, chroma=444),
    "HEIF in tiles": lambda n: heif("RGB", n, chroma=444, tile_size=512),
    "HEIF with alpha": lambda n: heif("RGBA", n, chroma=444),
    "HEIF of 10 bits in tiles": lambda n: heif("RGB;16", n, chroma=444, tile_size=512),
    "HEIF of 10 bits with alpha": lambda n: heif("RGBA;16", n, chroma=444),
    "GIF of 90 frames": lambda n: noise(n, "GIF"),
    "WebP of 90 frames": lambda n: noise(n, "WEBP", quality=1, method=0),
    "AVIF animated": lambda n: animated("RGBA", n, "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF grid of 2": lambda n: avif_grid(saved("RGB", square(n // 2), "AVIF", speed=10), 2),
    "AVIF grid of 2 with alpha": lambda n: avif_grid(
        saved("RGBA", square(n // 2), "AVIF", speed=10, subsampling="4:4:4"), 2
    ),
    "AVIF grid of 1 with alpha": lambda n: avif_grid(
        saved("RGBA", square(n), "AVIF", speed=10, subsampling="4:4:4"), 1
    ),
}
MEGAPIXELS = (4, 16, 40)


def animated(mode: str, megapixels: int, image_format: str, **options: Any) -> bytes:
    second = [Image.new(mode, square(megapixels), 77)]
    return saved(mode, square(megapixels), image_format, save_all=True, append_images=second, **options)


def noise(megapixels: int, image_format: str, **options: Any) -> bytes:
    """Returns an animation of 90 frames of noise, as long as one may be that gets a moving copy."""
    side = int((megapixels * MEGAPIXEL / 90) ** 0.5)
    tile = random.Random(1).randbytes(side * 4)
    rows = [tile[at % side :] + tile[: at % side] for at in range(side + 90)]
    frames = [
        Image.frombytes("RGBA", (side, side), b"".join(rows[at : at + side])[: side * side * 4])
        for at in range(90)
    ]
    out = io.BytesIO()
    frames[0].save(out, image_format, save_all=True, append_images=frames[1:], duration=30, **options)
    return out.getvalue()


def box(kind: bytes, *contents: bytes) -> bytes:
    """Returns a box of an ISO media file."""
    content = b"".join(contents)
    return struct.pack(">I", len(content) + 8) + kind + content


def full_box(kind: bytes, version: int, *contents: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24), *contents)


def inside(content: bytes, *path: bytes) -> bytes:
    """Returns the content of the first box at a path of kinds. `meta` and `ipma` are full boxes."""
    for kind in path:
        start = content.index(kind) + 4
        end = start - 8 + int.from_bytes(content[start - 8 : start - 4], "big")
        content = content[start:end]
    return content


def avif_grid(cell: bytes, columns: int, *, has_colors_in_alpha: bool = False) -> bytes:
    """Returns an AVIF whose cells, in one row, all share the data of `cell`.

    `cell` is an AVIF with the item 1, and with the item 2 if it has an alpha channel. The grid then has two
    grids of cells as well: the item 1 for the colors, and the item 2 for alpha. An alpha channel should be
    without colors, but a decoder accepts one with colors, and needs memory for them: `has_colors_in_alpha`.
    """
    width, height = struct.unpack(">II", inside(cell, b"ispe")[4:12])
    size = (columns * width, height)
    grid = struct.pack(">BBBBII", 0, 1, 0, columns - 1, *size)
    properties = inside(cell, b"iprp", b"ipco")
    kinds = kinds_of(properties)
    used = properties_of_items(inside(cell, b"ipma"))
    items = data_of_items(cell)
    if has_colors_in_alpha:
        items[2] = items[1]
        used[2] = used[1] + bytes([kinds.index(b"auxC") + 1])
    content = [grid]
    infos = []
    places = []
    uses = []
    references = []
    for number, (item, data) in enumerate(items.items()):
        cells = range(10 + number * columns, 10 + (number + 1) * columns)
        infos.append(full_box(b"infe", 2, struct.pack(">HH", item, 0), b"grid\0"))
        places.append(struct.pack(">HHHHII", item, 1, 0, 1, 0, len(grid)))
        of_grid = [use for use in used[item] if kinds[(use & 0x7F) - 1] not in {b"ispe", b"av1C"}]
        uses.append(struct.pack(">HB", item, len(of_grid) + 1) + bytes([len(kinds) + 1, *of_grid]))
        references.append(box(b"dimg", struct.pack(f">HH{columns}H", item, columns, *cells)))
        for each in cells:
            infos.append(full_box(b"infe", 2, struct.pack(">HH", each, 0), b"av01\0"))
            places.append(struct.pack(">HHHHII", each, 1, 0, 1, sum(map(len, content)), len(data)))
            uses.append(struct.pack(">HB", each, len(used[item])) + used[item])
        content.append(data)
        if item != 1:
            references.append(box(b"auxl", struct.pack(">HHH", item, 1, 1)))
    return box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + full_box(
        b"meta",
        0,
        full_box(b"hdlr", 0, struct.pack(">I4s12s", 0, b"pict", b""), b"\0"),
        full_box(b"pitm", 0, struct.pack(">H", 1)),
        full_box(b"iloc", 1, b"\x44\0", struct.pack(">H", len(places)), *places),
        full_box(b"iinf", 0, struct.pack(">H", len(infos)), *infos),
        full_box(b"iref", 0, *references),
        box(
            b"iprp",
            box(b"ipco", properties, full_box(b"ispe", 0, struct.pack(">II", *size))),
            full_box(b"ipma", 0, struct.pack(">I", len(uses)), *sorted(uses)),
        ),
        box(b"idat", *content),
    )


def worst_avif(columns: int) -> bytes:
    return avif_grid(AVIF_WITH_GRAIN.read_bytes(), columns, has_colors_in_alpha=True)


def data_of_items(avif: bytes) -> dict[int, bytes]:
    """Returns the data of each item, by its number. The offsets and lengths in the file have four bytes."""
    found: dict[int, bytes] = {}
    locations = inside(avif, b"iloc")
    assert locations[:6] == b"\0\0\0\0\x44\0"
    for item, _, extents, offset, length in struct.iter_unpack(">HHHII", locations[8:]):
        assert extents == 1
        found[item] = avif[offset : offset + length]
    return found


def kinds_of(boxes: bytes) -> list[bytes]:
    kinds = []
    while boxes:
        kinds.append(boxes[4:8])
        boxes = boxes[int.from_bytes(boxes[:4], "big") :]
    return kinds


def properties_of_items(associations: bytes) -> dict[int, bytes]:
    """Returns the numbers of each item's properties, each with its flag."""
    found: dict[int, bytes] = {}
    at = 8
    while at < len(associations):
        item, count = struct.unpack(">HB", associations[at : at + 3])
        found[item] = associations[at + 3 : at + 3 + count]
        at += 3 + count
    return found


def lying_avif() -> bytes:
    """Returns an AVIF that announces 100 x 100 pixels and contains 10 million."""
    whole = AVIF_OF_10_BITS.read_bytes()
    at = whole.index(b"ispe") + 8
    return whole[:at] + struct.pack(">II", 100, 100) + whole[at + 8 :]


def png_chunk(kind: bytes, content: bytes = b"") -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_with(chunks: bytes) -> bytes:
    """Returns a small PNG with these chunks before its pixels."""
    whole = encoded("PNG")
    end_of_header = 33
    return whole[:end_of_header] + chunks + whole[end_of_header:]


def png_with_texts(count: int) -> bytes:
    """Returns a small PNG with so many texts, each of which is 1 MB when it is unpacked."""
    return png_with(png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(MB - 1))) * count)


def jpeg_with_heads(count: int) -> bytes:
    """Returns a JPEG with so many heads, each of which lists as many colors as fit into it."""
    colors = 21_841
    head = b"\xff\xc0" + struct.pack(">HBHHB", 8 + 3 * colors, 8, 16, 16, 3) + b"\x01\x11\0" * colors
    scan = b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0"
    return b"\xff\xd8" + head * count + scan + b"\xff\xd9"


def gif_with_comments(count: int, comment: bytes) -> bytes:
    """Returns a small GIF with so many times a comment, which consists of blocks with their lengths."""
    whole = encoded("GIF")
    start = 13 + 3 * 2 ** ((whole[10] & 7) + 1)
    return whole[:start] + b"\x21\xfe" + comment * count + b"\0" + whole[start:]


PIECES: Mapping[str, Callable[[], bytes]] = {
    "texts of a PNG": lambda: png_with_texts(60),
    "chunks of a PNG": lambda: png_with(png_chunk(b"prIv") * (LARGEST_FILE // 12 - 2000)),
    "chunks with pixels of a PNG": lambda: png_with(png_chunk(b"IDAT") * (LARGEST_FILE // 12 - 2000)),
    "heads of a JPEG": lambda: jpeg_with_heads(LARGEST_FILE // 65_533 - 1),
    "blocks of a GIF's comment": lambda: gif_with_comments(LARGEST_FILE // 2 - 10_000, b"\x01a"),
    "comments of a GIF": lambda: gif_with_comments(LARGEST_FILE // 5 - 10_000, b"\x01a\0\x21\xfe"),
    "items of an AVIF": lambda: avif_of_items(100_000),
}
"""Small pictures in large files, of many pieces that a decoder could keep or compare."""


def avif_of_items(count: int) -> bytes:
    """Returns an AVIF of 8 x 8 pixels that lists so many items, whose pixels do not exist."""
    numbers = range(1, count + 1)
    places = [struct.pack(">IHHHII", number, 0, 0, 1, 0, 1) for number in numbers]
    kinds = [full_box(b"infe", 3, struct.pack(">IH", number, 0), b"av01\0") for number in numbers]
    meta = (
        full_box(b"hdlr", 0, struct.pack(">I4s12s", 0, b"pict", b""), b"\0"),
        full_box(b"pitm", 1, struct.pack(">I", 1)),
        full_box(b"iloc", 2, b"\x44\0", struct.pack(">I", count), *places),
        full_box(b"iinf", 1, struct.pack(">I", count), *kinds),
        box(
            b"iprp",
            box(b"ipco", full_box(b"ispe", 0, struct.pack(">II", 8, 8))),
            full_box(b"ipma", 1, bytes(4)),
        ),
    )
    first = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    return first + full_box(b"meta", 0, *meta) + box(b"mdat", bytes(100))


WORST: Mapping[str, Callable[[], bytes]] = {
    "JPEG": partial(KINDS["JPEG wide progressive CMYK"], 10),
    "PNG": partial(KINDS["PNG LA"], 10),
    "GIF": partial(KINDS["GIF with transparency"], 10),
    "WEBP": partial(KINDS["WebP lossless"], 10),
    "AVIF": AVIF_OF_10_BITS.read_bytes,
    "AVIF grid": lambda: worst_avif(1),
    "HEIF": HEIF_WITHOUT_SUBSAMPLING.read_bytes,
    "HEIF_DEEP": HEIF_OF_10_BITS.read_bytes,
}
"""Pictures of 10 megapixels: for each format, which is the first word, the kind that takes most."""
LARGE: Mapping[str, Callable[[], bytes]] = {
    "WEBP": partial(KINDS["WebP lossless"], 30),
    "AVIF": partial(worst_avif, 1),
}
"""Pictures of about the largest size that their formats may have."""
RARE = (
    *("PNG P, tRNS", "PNG RGBA", "PNG I;16", "PNG I;16, tRNS", "PNG animated, restored"),
    "PNG RGB of 16 bits, tRNS",
    *("GIF of 90 frames", "WebP of 90 frames"),
    *("GIF animated", "GIF smaller than its screen", "WebP animated", "AVIF grid of 2 with alpha"),
)
"""Kinds that once took much more than was documented, and that are not the worst of their formats."""


def write_worst(directory: Path) -> None:
    """Writes the worst picture of each format, in files as long as the sources accept.

    They are made longer by a box that AVIF passes over, and the other formats at their end.
    """
    for kind, make in WORST.items():
        picture = make()
        padding = box(b"free", bytes(LARGEST_FILE - len(picture) - 8))
        (directory / kind).write_bytes(picture + padding)


def write_mixes(directory: Path) -> None:
    """Writes, in a folder for each, a batch of one of the largest pictures and of four of 4 megapixels."""
    for image_format, make in LARGE.items():
        folder = directory / image_format
        folder.mkdir()
        (folder / "large").write_bytes(make())
        small = KINDS["WebP lossless"](4)
        for number in range(THREADS - 1):
            (folder / f"small {number}").write_bytes(small)


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


def render_batches(worst: Path, mixes: Path, most_mb: int) -> dict[str, Any]:
    """Renders pictures in as many threads as the cacher has, in a process that may take `most_mb`.

    First each of `worst` five times at once, then all of them at once, then each folder of `mixes`. Returns
    what failed in each, and the peak after the batches of one kind and after all of them. Before that, each
    of `worst` is rendered alone: returns by how much that raised the peak.
    """
    for service in ("dynamodb", "s3", "sqs", "ssm"):
        boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    files = sorted(worst.iterdir())
    grown = {path.name: growth_mb(path) for path in files}
    limit_address_space(most_mb)
    failures = [failure for path in files for failure in failures_of([path] * THREADS)]
    peak = status_mb("VmHWM")
    mixed = failures_of(files)
    for folder in sorted(mixes.iterdir()):
        mixed += failures_of(sorted(folder.iterdir()))
    return {
        "grown": grown,
        "failures": failures,
        "peak": peak,
        "mixed": {"failures": mixed, "peak": status_mb("VmHWM")},
    }


def failures_of(batch: Sequence[Path]) -> list[str]:
    """Renders a batch, and returns what failed."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [failure for failure in pool.map(outcome, batch) if failure]


def growth_mb(path: Path, *, may_be_refused: bool = False) -> float:
    """Returns by how much rendering a file raises the peak of this process."""
    original = path.read_bytes()
    for image_format in FORMATS:
        render(encoded(image_format))  # what is loaded once is no growth
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is used now
    before = status_mb("VmHWM")
    try:
        render(original)
    except ImageFailedError:
        if not may_be_refused:
            raise
    return status_mb("VmHWM") - before


def lift_limits() -> None:
    """Lets pictures have any number of pixels: how many they may have follows from what is measured."""
    for image_format, cost in _COSTS.items():
        _COSTS[image_format] = replace(cost, most_pixels=10**9)


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
        case ["batches", worst, mixes, most_mb]:
            answer: Any = render_batches(Path(worst), Path(mixes), int(most_mb))
        case ["growth", *paths]:
            lift_limits()
            answer = [growth_mb(Path(path)) for path in paths]
        case ["pieces", *paths]:
            answer = [growth_mb(Path(path), may_be_refused=True) for path in paths]
        case ["lie", path]:
            answer = lie(Path(path))
        case ["worst", directory]:
            Path(directory).mkdir()
            write_worst(Path(directory))
            return
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
        for kind, (megapixels, make_one) in PRINTED_ONLY.items():
            path.write_bytes(make_one())
            print_row(kind, megapixels, path)


def print_row(kind: str, megapixels: int, path: Path) -> None:
    [grown] = in_a_process("growth", str(path))
    a_pixel = grown * MB / (megapixels * MEGAPIXEL)
    print(f"{kind:34} {megapixels:3} MP {grown:6.0f} MB {a_pixel:5.1f} bytes a pixel")  # noqa: T201 - what the caller reads


if __name__ == "__main__":
    main()
