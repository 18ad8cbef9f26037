"""Reads GIF files: each frame is written to a file of its own, which Pillow decodes.

The frames are drawn on a transparent canvas here, as browsers do it. Pillow would fill what is outside of the
first frame with a color of the palette.
"""

import io
import struct
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from PIL import Image, ImageChops

from imagecache.imaging.animation import (
    MOST_MOVING_FRAMES,
    Animation,
    Disposal,
    Frame,
    animation_of,
    first_frame_shown,
    frames_looked_at,
)
from imagecache.imaging.picture_file import LEAST_SHARE_DECODED, DecodingError, PictureFile, Still

SIGNATURES = (b"GIF87a", b"GIF89a")
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE}
_EXTENSION, _IMAGE = b"!", b","
_GRAPHIC_CONTROL = 0xF9
_MOST_EMPTY_FRAMES = 1000


class _FrameBlock(NamedTuple):
    """A frame as the file has it. `data` are the blocks of compressed pixels."""

    box: tuple[int, int, int, int]
    is_interlaced: bool
    palette: bytes
    transparent: int | None
    disposal: Disposal
    duration: int
    data: bytes


def read_gif(content: bytes) -> PictureFile:
    """Reads a file that begins with one of SIGNATURES. Raises DecodingError if it has no picture."""
    if len(content) < 13:
        raise DecodingError("no header")
    width, height = struct.unpack("<HH", content[6:10])
    blocks = list(_frames(content))
    if not blocks:
        raise DecodingError("no frame")
    # Browsers make the canvas larger for a first frame that does not fit on it.
    _, _, right, bottom = blocks[0].box
    size = (max(width, right), max(height, bottom))
    looked_at = blocks[: frames_looked_at(size, len(blocks))]
    frames = [_frame(block, size) for block in looked_at if _is_on_canvas(block.box, size)]
    return PictureFile(
        format="GIF",
        size=size,
        decode=lambda: Still(first_frame_shown(size, frames)),
        frames=len(frames),
        animation=_animation(size, blocks),
    )


def _animation(size: tuple[int, int], blocks: list[_FrameBlock]) -> Animation | None:
    if not all(_is_on_canvas(block.box, size) for block in blocks):
        return None
    return animation_of(size, [_frame(block, size) for block in blocks])


def _frame(block: _FrameBlock, size: tuple[int, int]) -> Frame:
    return Frame(
        partial(_decode, block, size), _inside(block.box, size), block.disposal, duration=block.duration
    )


def _inside(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return min(left, size[0]), min(top, size[1]), min(right, size[0]), min(bottom, size[1])


def _is_on_canvas(box: tuple[int, int, int, int], size: tuple[int, int]) -> bool:
    """Returns whether a part of a frame is on the canvas, and whether it has no more pixels than that.

    Decoding a frame that is much larger would take memory that nothing has reserved.
    """
    left, top, right, bottom = box
    is_larger = (right - left) * (bottom - top) > size[0] * size[1]
    return left < size[0] and top < size[1] and not is_larger


def _frames(content: bytes) -> Iterator[_FrameBlock]:
    """Yields the first frames that have pixels, one more than a moving copy may have.

    A truncated one has the data that are there.
    """
    at, palette = _palette(content, 13, content[10])
    transparent, disposal, duration = None, Disposal.KEEP, 0
    found = empty = 0
    while found <= MOST_MOVING_FRAMES and empty < _MOST_EMPTY_FRAMES:
        kind = content[at : at + 1]
        if kind == _EXTENSION:
            if content[at + 1 : at + 3] == bytes((_GRAPHIC_CONTROL, 4)) and at + 7 <= len(content):
                flags = content[at + 3]
                transparent = content[at + 6] if flags & 1 else None
                duration = 10 * int.from_bytes(content[at + 4 : at + 6], "little")
                disposal = _DISPOSALS.get(flags >> 2 & 7, Disposal.KEEP)
            at = _end_of_blocks(content, at + 2)
        elif kind == _IMAGE and at + 11 <= len(content):
            left, top, width, height, flags = struct.unpack("<HHHHB", content[at + 1 : at + 10])
            start, own = _palette(content, at + 10, flags)
            at = _end_of_blocks(content, start + 1)
            if width and height:
                found += 1
                box = (left, top, left + width, top + height)
                data = content[start:at] + _last_block(content, at)
                yield _FrameBlock(
                    box, bool(flags & 0x40), own or palette, transparent, disposal, duration, data
                )
            else:
                empty += 1
            transparent, disposal, duration = None, Disposal.KEEP, 0
        else:
            return


def _palette(content: bytes, at: int, flags: int) -> tuple[int, bytes]:
    """Returns the palette that begins at a place if the flags say so, and the place behind it."""
    if not flags & 0x80:
        return at, b""
    end = at + 3 * 2 ** ((flags & 7) + 1)
    return end, content[at:end]


def _end_of_blocks(content: bytes, at: int) -> int:
    """Returns the place behind the blocks that begin here, or behind the last one that is whole."""
    while at < len(content):
        end = at + 1 + content[at]
        if end > len(content):
            return at
        if not content[at]:
            return end
        at = end
    return len(content)


def _last_block(content: bytes, at: int) -> bytes:
    """Returns the block that begins here and is cut off by the end of the file, with its true length."""
    rest = content[at + 1 :]
    return bytes((len(rest),)) + rest if rest and len(rest) < content[at] else b""


def _decode(block: _FrameBlock, size: tuple[int, int]) -> Image.Image:
    """Decodes a frame. Pixels outside of the canvas are cut off, and missing ones are transparent."""
    left, top, right, bottom = block.box
    frame_size = (right - left, bottom - top)
    head = struct.pack("<6sHHBBB", b"GIF89a", *frame_size, _flags(block.palette), 0, 0) + block.palette
    descriptor = _IMAGE + struct.pack("<HHHHB", 0, 0, *frame_size, 0x40 * block.is_interlaced)
    file = head + descriptor + block.data + b"\0;"
    image, is_whole = _load(file, 0)
    if block.transparent is not None:
        image.info["transparency"] = block.transparent
    if not is_whole:
        image = _without_missing_pixels(image, file)
    inside = _inside(block.box, size)
    if inside == block.box:
        return image
    return image.crop((0, 0, inside[2] - left, inside[3] - top))


def _load(file: bytes, ground: int) -> tuple[Image.Image, bool]:
    """Decodes one frame onto a ground of one number, and returns whether all its pixels were there."""
    with Image.open(io.BytesIO(file), formats=("GIF",)) as image:
        image.im = Image.new(image.mode, image.size, ground).im
        try:
            image.load()
        except OSError:
            image.tile = []  # otherwise it would be decoded once more
            return image, False
    return image, True


def _without_missing_pixels(image: Image.Image, file: bytes) -> Image.Image:
    """Returns the picture of a truncated frame, transparent where the frame has no pixels.

    The missing pixels are found by decoding the frame onto another ground: only they change. Raises
    DecodingError if there are many.
    """
    other, _ = _load(file, 255)
    first, second = (Image.frombytes("L", each.size, each.tobytes()) for each in (image, other))
    difference = ImageChops.difference(first, second)
    there = difference.histogram()[0]
    if there < LEAST_SHARE_DECODED * image.width * image.height:
        raise DecodingError("truncated")
    if there == image.width * image.height:
        return image
    pixels = image.convert("RGBA")
    pixels.paste((0, 0, 0, 0), (0, 0), difference.point([0] + [255] * 255))
    return pixels


def _flags(palette: bytes) -> int:
    """Returns the flags of a head: whether it has a palette, and the exponent of its size."""
    return 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
