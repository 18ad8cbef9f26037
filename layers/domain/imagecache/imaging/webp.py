"""Reads WebP files: the chunks that have pixels are written to a new file, which Pillow decodes.

The profile is read here. Metadata are left out: browsers do not turn a WebP by them (RFC 9649 §2.7.1.5).
"""

import io
import struct
from collections.abc import Iterator
from functools import partial

from PIL import Image

from imagecache.imaging.animation import first_shown_of, frames_looked_at, short_animation
from imagecache.imaging.picture_file import DecodingError, PictureFile, Still

_PIXELS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}
_HAS_ALPHA, _IS_ANIMATED = 0x10, 0x02
_MOST_MISSING_BYTES = 16
_FRAME_HEAD_BYTES = 16


def is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def read_webp(content: bytes) -> PictureFile:
    """Reads a file for which `is_webp` is true. Raises DecodingError if it has no picture."""
    size = webp_size(content)
    if size is None:
        raise DecodingError("no size")
    chunks = [(kind, body) for kind, body in _chunks(content) if kind in _PIXELS or kind == b"ICCP"]
    pixels = [(kind, body) for kind, body in chunks if kind in _PIXELS]
    profiles = [body for kind, body in chunks if kind == b"ICCP"]
    durations = [int.from_bytes(body[12:15], "little") for kind, body in pixels if kind == b"ANMF"]
    frames = frames_looked_at(size, len(durations))
    file = b"".join(_chunk(kind, _without_flags(kind, body)) for kind, body in pixels)
    file = b"RIFF" + struct.pack("<I", len(file) + 4) + b"WEBP" + file
    return PictureFile(
        format="WEBP",
        size=size,
        decode=partial(_decode, file, size, frames),
        icc=profiles[0] if profiles else None,
        frames=frames,
        animation=short_animation(size, durations, partial(_frames, file, size, len(durations))),
    )


def webp_size(content: bytes) -> tuple[int, int] | None:
    """Returns the size in the header of a WebP file, or None if the bytes do not begin with such a header.

    A file begins with one of three chunks, each of which has the size in a form of its own (RFC 9649).
    """
    head = content[:30]
    if not is_webp(head) or len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8 ":
            width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
            return width, height
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
            return width, height
    return None


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind and the content of each chunk.

    The last chunk of a truncated file is incomplete. If it has the pixels of a still picture, and only a few
    bytes are missing, zeros are put in their place, which changes a few pixels at the end. Otherwise the
    chunk is left out.
    """
    at = 12
    while at + 8 <= len(content):
        kind = content[at : at + 4]
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        body = content[at + 8 : at + 8 + length]
        missing = length - len(body)
        if missing and (kind not in {b"VP8 ", b"VP8L"} or missing > _MOST_MISSING_BYTES):
            return
        yield kind, body + bytes(missing)
        at += 8 + length + length % 2


def _without_flags(kind: bytes, body: bytes) -> bytes:
    """Returns a chunk's content without the flags of the chunks that were left out."""
    return bytes((body[0] & (_HAS_ALPHA | _IS_ANIMATED),)) + body[1:] if kind == b"VP8X" and body else body


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _decode(file: bytes, size: tuple[int, int], frames: int) -> Still:
    with Image.open(io.BytesIO(file), formats=("WEBP",)) as image:
        if image.size != size:
            raise DecodingError("two sizes")
        return Still(first_shown_of(image, min(frames, getattr(image, "n_frames", 1))))


def _frames(file: bytes, size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    with Image.open(io.BytesIO(file), formats=("WEBP",)) as image:
        if image.size != size or getattr(image, "n_frames", 1) != count:
            raise DecodingError("two sizes")
        for number in range(count):
            image.seek(number)
            image.load()
            yield image
