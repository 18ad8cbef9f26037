"""Hundreds of malformed images: bombs, other formats in disguise, and damage to each accepted format."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pillow_heif
from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
HTML = b"<!doctype html><script>alert(1)</script>"


def encoded(image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    noise = Image.effect_noise((96, 64), 60).convert("RGB")
    if image_format == "HEIF":
        pillow_heif.from_pillow(noise).save(out, **options)
        return out.getvalue()
    noise.save(out, image_format, **options)
    return out.getvalue()


def png_of(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def bombs() -> Iterator[bytes]:
    """Small to send, large to decode."""
    for size in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1), (1, 2**31 - 1), (0, 0)):
        yield png_of(*size)
    yield (
        b"GIF89a"
        + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0)
        + bytes(6)
        + b"\x2c"
        + bytes(9)
        + b"\x02"
    )
    for vp8x in ((16_383, 16_383), (16_384, 16_384)):
        width, height = (side - 1 for side in vp8x)
        body = b"\0\0\0\0" + width.to_bytes(3, "little") + height.to_bytes(3, "little")
        yield b"RIFF" + struct.pack("<I", 4 + 8 + 10) + b"WEBPVP8X" + struct.pack("<I", 10) + body


def largest() -> bytes:
    """40 megapixels, the most that is decoded, in 120 kB."""
    return png_of(8000, 5000, bytes((1 + 3 * 8000) * 5000))


def disguised() -> Iterator[bytes]:
    """Other formats, and two in one."""
    for image_format in ("TIFF", "ICO", "BMP", "PPM", "PDF", "TGA", "PCX", "DDS", "EPS", "ICNS", "JPEG2000"):
        yield encoded(image_format)
    yield from (
        SVG,
        HTML,
        b"\xef\xbb\xbf<?xml version='1.0'?>" + SVG,
        b"%PDF-1.7\n" + HTML,
        b"PK\x03\x04" + SVG,
    )
    for image_format in FORMATS:
        whole = encoded(image_format)
        yield from (whole + HTML, HTML + whole, whole + b"PK\x03\x04" + bytes(64), whole[:12] + SVG)
    yield b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def damaged(dice: random.Random) -> Iterator[bytes]:
    for image_format in FORMATS:
        whole = encoded(image_format)
        for _ in range(20):
            yield whole[: dice.randrange(1, len(whole))]
        for flips in (1, 2, 8, 32) * 8:
            flipped = bytearray(whole)
            for _ in range(flips):
                # The head holds the sizes and lengths that a decoder believes.
                place = dice.randrange(min(64, len(whole)) if flips < 8 else len(whole))
                flipped[place] ^= 1 << dice.randrange(8)
            yield bytes(flipped)
