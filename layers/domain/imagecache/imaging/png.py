"""Reads PNG files: what is needed for the pixels is written to a new file, which Pillow decodes.

Everything else in a file can be damaged or huge without harm to its pixels, so nothing else is given to
Pillow. Colors, orientation and the frames of an animation are read here, with limits of their own.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

from PIL import Image

from imagecache.imaging.animation import (
    MOST_MOVING_FRAMES,
    Disposal,
    Frame,
    animation_of,
    first_frame_shown,
    frames_looked_at,
)
from imagecache.imaging.colors import is_profile
from imagecache.imaging.exif import UPRIGHT, orientation_of
from imagecache.imaging.matrix_profiles import (
    SRGB_PRIMARIES,
    Primaries,
    are_supported,
    gamma_curve,
    matrix_profile,
    profile_of_codes,
)
from imagecache.imaging.picture_file import LEAST_SHARE_DECODED, DecodingError, PictureFile, Still

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PROFILE_BYTES = 4 * 1024 * 1024
_GAMMA_OF_SRGB = 45_455  # which writers of sRGB give for its curve, although that is no power
_MOST_TRANSPARENCY_BYTES = 256  # one for each color of a palette
_GRAY, _RGB, _PALETTE = 0, 2, 3
_FILTERS = bytes(range(5))
# The first pixel of each pass of an interlaced picture, and the distance to the next ones.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_SAMPLES = {_GRAY: 1, _RGB: 3, _PALETTE: 1, 4: 2, 6: 4}
_PART_BYTES = 4096
_MOST_CHUNKS = 100_000  # of 5 MB, so that reading them takes less than half a second
_NOT_CHECKED = {b"IDAT", b"fdAT"}
_ONCE = {b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"eXIf", b"acTL"}


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    color_type: int
    rest: bytes

    @property
    def is_interlaced(self) -> bool:
        return bool(self.rest[2])

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def row_bytes(self, width: int) -> int:
        """Returns the bytes of an unpacked row, with the one that names its filter."""
        return 1 + (width * self.depth * _SAMPLES[self.color_type] + 7) // 8

    def chunk(self, size: tuple[int, int]) -> bytes:
        return _chunk(b"IHDR", struct.pack(">IIBB", *size, self.depth, self.color_type) + self.rest)


class _FrameChunks(NamedTuple):
    control: bytes
    data: list[bytes]


class _Contents:
    """Holds the contents of a file. `ancillary` has the chunks before the pixels, by their kind."""

    def __init__(self) -> None:
        self.ancillary: dict[bytes, bytes] = {}
        self.data: list[bytes] = []
        self.frames: list[_FrameChunks] = []
        self.sequence = 0
        self.is_first_frame_default = False


def read_png(content: bytes) -> PictureFile:
    """Reads a file that begins with SIGNATURE. Raises DecodingError if it has no picture."""
    chunks = _chunks(content)
    header = _header(next(chunks, (b"", b"")))
    found = _contents(chunks)
    if not found.data or (header.color_type == _PALETTE and b"PLTE" not in found.ancillary):
        raise DecodingError("no pixels")
    frames = _frames(header, found)
    looked_at = frames[: frames_looked_at(header.size, len(frames))]
    still = partial(_decode, header, found, header.size, b"".join(found.data), is_partial_accepted=True)

    # The only frame of a truncated file may lack its last rows, as other pictures may.
    is_still = len(frames) == 1 and found.is_first_frame_default and frames[0].box == (0, 0, *header.size)

    def decode() -> Still:
        if is_still or not frames:
            return still()
        return Still(first_frame_shown(header.size, looked_at))

    return PictureFile(
        format="PNG",
        size=header.size,
        decode=decode,
        orientation=orientation_of(found.ancillary[b"eXIf"]) if b"eXIf" in found.ancillary else UPRIGHT,
        icc=_icc(found.ancillary),
        frames=len(looked_at) or 1,
        animation=animation_of(header.size, frames),
    )


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind and the content of each chunk that is whole, and what there is of truncated pixels.

    A chunk with a wrong checksum is left out, unless it has pixels, which have a checksum of their own.
    Raises DecodingError if there are too many chunks.
    """
    at = len(SIGNATURE)
    count = 0
    while at + 8 <= len(content):
        count += 1
        if count > _MOST_CHUNKS:
            raise DecodingError("too many chunks")
        length = int.from_bytes(content[at : at + 4], "big")
        kind = content[at + 4 : at + 8]
        end = at + 8 + length
        is_whole = end + 4 <= len(content)
        if kind in _NOT_CHECKED:
            yield kind, content[at + 8 : min(end, len(content))]
        elif is_whole and zlib.crc32(content[at + 4 : end]) == int.from_bytes(content[end : end + 4], "big"):
            yield kind, content[at + 8 : end]
        if kind == b"IEND" or not is_whole:
            return
        at = end + 4


def _header(chunk: tuple[bytes, bytes]) -> _Header:
    kind, content = chunk
    if kind != b"IHDR" or len(content) != 13:
        raise DecodingError("no header")
    width, height, depth, color_type = struct.unpack(">IIBB", content[:10])
    header = _Header(width, height, depth, color_type, content[10:])
    if header.color_type not in _SAMPLES or not all(0 < side < 2**31 for side in header.size):
        raise DecodingError("unknown kind of pixels")
    return header


def _contents(chunks: Iterator[tuple[bytes, bytes]]) -> _Contents:
    found = _Contents()
    for kind, content in chunks:
        if kind == b"IDAT":
            found.data.append(content)
            if found.is_first_frame_default:
                found.frames[0].data.append(content)
        elif kind in {b"fcTL", b"fdAT"}:
            if not _add_to_frames(found, kind, content):
                break
        elif kind == b"tRNS" and len(content) > _MOST_TRANSPARENCY_BYTES:
            continue
        elif kind in _ONCE and not found.data and kind not in found.ancillary:
            found.ancillary[kind] = content
    return found


def _add_to_frames(found: _Contents, kind: bytes, content: bytes) -> bool:
    """Adds a chunk of an animation. Returns False if nothing behind it can be used.

    Nothing can if the chunk is malformed or out of order, or if enough frames were found.
    """
    if b"acTL" not in found.ancillary:
        return True
    is_control = kind == b"fcTL"
    if int.from_bytes(content[:4], "big") != found.sequence or len(content) < 4:
        return False
    found.sequence += 1
    if not is_control:
        if found.frames:
            found.frames[-1].data.append(content[4:])
        return True
    if len(content) != 26:
        return False
    if not found.data:
        found.is_first_frame_default = True
    found.frames.append(_FrameChunks(content[4:], []))
    return len(found.frames) <= MOST_MOVING_FRAMES + 1


def _frames(header: _Header, found: _Contents) -> list[Frame]:
    """Returns the frames up to the first one that is malformed, or none if the file is not an animation."""
    control = found.ancillary.get(b"acTL", b"")
    if len(control) != 8 or not int.from_bytes(control[:4], "big"):
        return []
    frames: list[Frame] = []
    for chunks in found.frames:
        width, height, x, y, delay, a_second, disposal, blending = struct.unpack(">IIIIHHBB", chunks.control)
        box = (x, y, x + width, y + height)
        if not (width and height and chunks.data) or box[2] > header.width or box[3] > header.height:
            break
        frames.append(
            Frame(
                partial(_frame_image, header, found, (width, height), b"".join(chunks.data)),
                box,
                _disposal(disposal, is_first=not frames),
                is_blended=blending == 1,
                duration=1000 * delay // (a_second or 100),
            )
        )
    return frames


def _disposal(code: int, *, is_first: bool) -> Disposal:
    if code == 2 and not is_first:
        return Disposal.RESTORE
    return Disposal.CLEAR if code in {1, 2} else Disposal.KEEP


def _frame_image(header: _Header, found: _Contents, size: tuple[int, int], data: bytes) -> Image.Image:
    return _decode(header, found, size, data, is_partial_accepted=False).image.convert("RGBA")


def _decode(
    header: _Header, found: _Contents, size: tuple[int, int], data: bytes, *, is_partial_accepted: bool
) -> Still:
    """Decodes pixels with Pillow. Raises what Pillow raises if too many of them are missing."""
    rows_decoded = 1.0
    image, error = _load(header, found, size, data)
    if error:
        rows_decoded, end = _share_of_rows(header, size, data)
        if rows_decoded < (LEAST_SHARE_DECODED if is_partial_accepted else 1):
            raise error
        # A wrong checksum would hide the last row, so it is cut off.
        data = data[:end]
        image, _ = _load(header, found, size, data)
    transparency = found.ancillary.get(b"tRNS", b"")
    key = _transparent_color(header, transparency)
    if key and image.mode == "RGB" and header.depth == 16:
        opaque = Image.new("L", size)
        _mark_other_colors(opaque, image, [value >> 8 for value in key])
        # Pillow decodes the upper bytes of the samples. The lower ones are decoded now, to be compared, too.
        lower, _ = _load(header, found, size, data, samples="RGB;16L")
        _mark_other_colors(opaque, lower, [value & 0xFF for value in key])
        del lower  # 160 MB of the largest picture
        image.putalpha(opaque)
        return Still(image, rows_decoded)
    return Still(_with_transparency(image, header, key), rows_decoded)


def _mark_other_colors(marks: Image.Image, image: Image.Image, color: list[int]) -> None:
    """Sets the marks to 255 where pixels do not have a color."""
    for number, value in enumerate(color):
        differs = image.getchannel(number).point([255 * (level != value) for level in range(256)])
        marks.paste(255, (0, 0), differs)


def _load(
    header: _Header, found: _Contents, size: tuple[int, int], data: bytes, *, samples: str | None = None
) -> tuple[Image.Image, OSError | None]:
    """Returns an image with the rows that could be decoded, and the error that ended it.

    `samples` is Pillow's name for the form of the samples, if it is not to choose that itself.
    """
    palette = found.ancillary.get(b"PLTE", b"")
    transparency = found.ancillary.get(b"tRNS", b"")
    chunks = [header.chunk(size)]
    if header.color_type == _PALETTE:
        chunks.append(_chunk(b"PLTE", palette))
        if transparency:
            chunks.append(_chunk(b"tRNS", transparency[: len(palette) // 3]))
    file = b"".join((SIGNATURE, *chunks, _chunk(b"IDAT", data), _chunk(b"IEND", b"")))
    with Image.open(io.BytesIO(file), formats=("PNG",)) as image:
        if samples:
            image.tile = [tile._replace(args=samples) for tile in image.tile]
        try:
            image.load()
        except OSError as error:
            image.tile = []  # otherwise it would be decoded once more
            return image, error
    return image, None


def _share_of_rows(header: _Header, size: tuple[int, int], data: bytes) -> tuple[float, int]:
    """Returns the share of the rows of a picture that can be decoded, and where its pixels end in the data.

    The rows end before the first one whose filter does not exist. The data are unpacked without their
    checksum, in parts so small that none takes more than 5 MB.
    """
    inflate = zlib.decompressobj(wbits=-15)
    passes = _passes(header, size)
    wanted = passes[-1].stop
    count = 0
    end = len(data)
    try:
        for at in range(2, len(data), _PART_BYTES):  # behind the head of zlib
            part = inflate.decompress(data[at : at + _PART_BYTES])
            wrong_filter = _wrong_filter(part, count, passes)
            if wrong_filter is not None:
                count = wrong_filter
                break
            count += len(part)
            if inflate.eof:
                end = min(at + _PART_BYTES, len(data)) - len(inflate.unused_data)
                break
            if count > wanted:  # what follows has no pixels, and may be a thousand times as long as its file
                break
    except zlib.error:
        pass
    if header.is_interlaced:  # a row is made of parts that are far from each other
        return float(count >= wanted), end
    return min(1.0, count // header.row_bytes(size[0]) / size[1]), end


def _passes(header: _Header, size: tuple[int, int]) -> list[range]:
    """Returns a range for each pass: the positions in the unpacked data at which its rows begin."""
    sizes = [_size_of_pass(size, *one_pass) for one_pass in _ADAM7] if header.is_interlaced else [size]
    passes: list[range] = []
    begin = 0
    for width, height in sizes:
        row_bytes = header.row_bytes(width)
        passes.append(range(begin, begin + row_bytes * height, row_bytes))
        begin = passes[-1].stop
    return passes


def _wrong_filter(part: bytes, begin: int, passes: list[range]) -> int | None:
    """Returns the position of the first filter that does not exist, or None if all of them exist.

    `part` is the part of the unpacked data that begins at the position `begin`. A row begins with its filter.
    """
    for rows in passes:
        first = max(rows.start, begin + (rows.start - begin) % rows.step)  # in this part
        filters = part[first - begin : max(0, rows.stop - begin) : rows.step]
        right = len(filters) - len(filters.lstrip(_FILTERS))
        if right < len(filters):
            return first + right * rows.step
    return None


def _size_of_pass(size: tuple[int, int], left: int, top: int, across: int, down: int) -> tuple[int, int]:
    """Returns the size of the picture that one pass of an interlaced one has, which begins at a pixel."""
    width = (size[0] - left + across - 1) // across
    height = (size[1] - top + down - 1) // down
    return (width, height) if width > 0 and height > 0 else (0, 0)


def _with_transparency(image: Image.Image, header: _Header, key: tuple[int, ...] | None) -> Image.Image:
    """Returns the image with a color that is transparent, and with samples of at most 8 bits."""
    if image.mode.startswith("I"):
        return _from_16_bits(image, key[0] if key else None)
    if key and header.color_type == _GRAY:
        # Pillow stretches 1, 2 and 4 bits to 8.
        image.info["transparency"] = key[0] * 255 // (2**header.depth - 1)
    elif key:
        image.info["transparency"] = key
    return image


def _transparent_color(header: _Header, transparency: bytes) -> tuple[int, ...] | None:
    wanted = {_GRAY: 2, _RGB: 6}.get(header.color_type)
    if not wanted or len(transparency) < wanted or (header.depth == 16 and len(transparency) > wanted):
        return None
    # Browsers compare the lower byte only, unless samples have 16 bits.
    mask = 0xFFFF if header.depth == 16 else 0xFF
    color = tuple(value & mask for value in struct.unpack_from(f">{wanted // 2}H", transparency))
    return color if max(color) < 2**header.depth else None


def _from_16_bits(image: Image.Image, transparent: int | None) -> Image.Image:
    # Pillow would clip the samples to 255 instead of dividing them.
    samples = image.convert("I")
    gray = samples.point(_upper_bits(), "L")
    if transparent is None:
        return gray
    alpha = samples.point([255 * (value != transparent) for value in range(65536)], "L")
    del samples  # 160 MB of the largest picture
    return Image.merge("LA", (gray, alpha))


@lru_cache(maxsize=1)
def _upper_bits() -> list[int]:
    return [value >> 8 for value in range(65536)]


def _icc(ancillary: dict[bytes, bytes]) -> bytes | None:
    """Returns the profile of the colors. The best description counts, in the order of PNG's third edition."""
    cicp = ancillary.get(b"cICP", b"")
    # RGB with the full range is the only form for PNG.
    if len(cicp) == 4 and cicp[2:] == b"\0\1" and are_supported(cicp[0], cicp[1]):
        return profile_of_codes(cicp[0], cicp[1])
    if b"iCCP" in ancillary and (profile := _profile_of_iccp(ancillary[b"iCCP"])):
        return profile
    srgb = ancillary.get(b"sRGB", b"")
    if len(srgb) == 1 and srgb[0] < 4:
        return None
    return _profile_of_numbers(ancillary.get(b"gAMA", b""), ancillary.get(b"cHRM", b""))


def _profile_of_iccp(content: bytes) -> bytes | None:
    name, _, packed = content.partition(b"\0")
    if not name or packed[:1] != b"\0":
        return None
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], MOST_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if not inflate.unconsumed_tail and is_profile(profile) else None


def _profile_of_numbers(gamma: bytes, chromaticities: bytes) -> bytes | None:
    """Returns the profile of gAMA and cHRM. Browsers ignore chromaticities without a gamma."""
    value = int.from_bytes(gamma, "big") if len(gamma) == 4 else 0
    if not 0 < value < 2**31:
        return None
    if len(chromaticities) != 32:
        return None if value == _GAMMA_OF_SRGB else matrix_profile(SRGB_PRIMARIES, gamma_curve(1e5 / value))
    x = [number / 1e5 for number in struct.unpack(">8i", chromaticities)]
    primaries = Primaries(white=(x[0], x[1]), red=(x[2], x[3]), green=(x[4], x[5]), blue=(x[6], x[7]))
    return matrix_profile(primaries, gamma_curve(1e5 / value))


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
