"""Reads colors from the boxes of AVIF and HEIC files (ISO/IEC 14496-12 and 23008-12), and hides metadata."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from imagecache.imaging.picture_file import DecodingError

_CONTAINERS = {b"meta", b"iinf", b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_MOST_BOXES = 4_000
_TABLES = {b"iloc", b"iinf", b"ipma", b"iref", b"grpl"}
_MOST_TABLE_BYTES = 64 * 1024  # of a photo in 600 tiles, which phones do not make, 16 KB
_METADATA = {b"Exif", b"mime", b"uri "}


class Box(NamedTuple):
    """A box: its kind, and where its content begins and ends."""

    kind: bytes
    start: int
    end: int


def brands(content: bytes) -> set[bytes]:
    """Returns the brands in the first box, which say how a file can be read."""
    if content[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(content[:4], "big"), len(content), 4096)
    return {content[8:12], *(content[at : at + 4] for at in range(16, end - 3, 4))}


def check_items(content: bytes) -> None:
    """Raises DecodingError if a file lists so many items that the decoders would take long to find them.

    They compare each item with all others, and no other thread runs meanwhile: 40,000 items take 22 s.
    """
    table_bytes = boxes = 0
    for box in _boxes(content, 0, len(content), most=_MOST_BOXES + 1):
        boxes += 1
        if box.kind in _TABLES:
            table_bytes += box.end - box.start
    if boxes > _MOST_BOXES or table_bytes > _MOST_TABLE_BYTES:
        raise DecodingError("too many items")


def without_metadata(content: bytes) -> bytes:
    """Returns the file with its EXIF data and XMP renamed to kinds of items that decoders pass over.

    Their places and lengths are never looked at, so damage to them has no effect.
    """
    changed = bytearray(content)
    for at in _item_kinds(content):
        if content[at : at + 4] in _METADATA:
            changed[at : at + 4] = b"skip"
    return bytes(changed)


def item_kinds(content: bytes) -> list[bytes]:
    """Returns the kind of each item of a file. Pictures and their tiles are items; so are other things."""
    return [content[at : at + 4] for at in _item_kinds(content)]


def largest_profile(content: bytes) -> int:
    """Returns the length of the longest color profile."""
    boxes = _boxes(content, 0, len(content))
    return max((box.end - box.start for box in boxes if box.kind == b"colr"), default=0)


def _item_kinds(content: bytes) -> Iterator[int]:
    """Yields where the kind of each item is written."""
    for box in _boxes(content, 0, len(content)):
        if box.kind == b"infe" and box.end - box.start >= 12:
            version = content[box.start]
            # Version 2 has item numbers of 16 bits, version 3 of 32 bits.
            if version in {2, 3}:
                yield box.start + {2: 8, 3: 10}[version]


def color_codes(content: bytes) -> tuple[int, int] | None:
    """Returns the code points of primaries and transfer (ITU-T H.273) of the first item that has them."""
    for box in _boxes(content, 0, len(content)):
        if (
            box.kind == b"colr"
            and content[box.start : box.start + 4] == b"nclx"
            and box.end - box.start >= 10
        ):
            primaries, transfer = struct.unpack_from(">HH", content, box.start + 4)
            return primaries, transfer
    return None


def _boxes(content: bytes, start: int, end: int, *, most: int = _MOST_BOXES) -> Iterator[Box]:
    """Yields the boxes of a file, at most `most` of them. A box comes before the boxes that it contains."""
    open_ranges = [(start, end)]
    seen = 0
    while open_ranges and seen < most:
        at, end = open_ranges.pop()
        if at + 8 > end:
            continue
        seen += 1
        length = int.from_bytes(content[at : at + 4], "big")
        head = 8
        if length == 1:
            length = int.from_bytes(content[at + 8 : at + 16], "big")
            head = 16
        box_end = end if length == 0 else min(at + length, end)
        if box_end < at + head:
            continue
        box = Box(content[at + 4 : at + 8], at + head, box_end)
        yield box
        open_ranges.append((box_end, end))
        if box.kind in _CONTAINERS:
            open_ranges.append((box.start + _head_bytes(content, box), box_end))


def _head_bytes(content: bytes, box: Box) -> int:
    """Returns the bytes in front of the boxes that are in a box."""
    if box.kind == b"meta":
        return 4
    if box.kind == b"iinf":
        return 6 if content[box.start : box.start + 1] == b"\0" else 8
    return 0
