"""Reads JPEG files: the segments that decoding needs are written to a new file, which Pillow decodes.

Other segments can be damaged or many without harm to the pixels, so they are not given to Pillow. The profile
and the orientation are read here.
"""

import io
import random
import re
import struct
from collections.abc import Iterator
from functools import partial

from PIL import Image, ImageChops

from imagecache.imaging.exif import UPRIGHT, orientation_of
from imagecache.imaging.picture_file import LEAST_SHARE_DECODED, DecodingError, PictureFile, Still
from imagecache.model.image import SIZES

START = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_SCAN = 0xDA
_HEADS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of every kind
_PROGRESSIVE = 0xC2
_APPLICATION = range(0xE0, 0xF0)
_COMMENT = 0xFE
_WITHOUT_CONTENT = {0x00, 0x01, *range(0xD0, 0xD9), 0xFF}
# A marker that is no restart between blocks of pixels, where 0xFF is otherwise followed by 0.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_EXIF = b"Exif\0"  # and a byte of any value
_PROFILE = b"ICC_PROFILE\0"
_JFIF = b"JFIF\0"
_ADOBE = b"Adobe"
_MOST_SEGMENTS = 100_000  # of 5 MB, so that reading them takes less than half a second
_NOISE_BYTES = 4096
_FEW_BYTES = 96
_SMALL_SIDE = 128


class _Contents:
    """Holds the contents of the segments before the pixels. `needed` has the segments that decoding needs."""

    def __init__(self) -> None:
        self.needed: list[bytes] = []
        self.size = (0, 0)
        self.is_progressive = False
        self.components: tuple[int, ...] = ()
        self.exif: bytes | None = None
        self.profile_parts: dict[int, bytes] = {}
        self.profile_count = 0
        self.has_jfif = False
        self.has_adobe = False


def read_jpeg(content: bytes) -> PictureFile:
    """Reads a file that begins with START. Raises DecodingError if it has no picture."""
    found = _Contents()
    scans = b""
    for marker, at, body in _segments(content):
        if marker == _SCAN:
            scans = content[at:]
            break
        _add(found, marker, body)
    if not scans or not all(found.size):
        raise DecodingError("no pixels")
    head = b"".join((START[:2], *found.needed))
    return PictureFile(
        format="JPEG",
        size=found.size,
        decode=partial(_decode, found, head, scans),
        orientation=orientation_of(found.exif) if found.exif else UPRIGHT,
        icc=_icc(found),
    )


def _segments(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yields the marker, the place and the content of each segment, and passes over bytes between them.

    Raises DecodingError if there are too many segments.
    """
    at = 2
    count = 0
    while 0 <= (at := content.find(b"\xff", at)) < len(content) - 3:
        marker = content[at + 1]
        if marker in _WITHOUT_CONTENT:
            at += 1
            continue
        count += 1
        if count > _MOST_SEGMENTS:
            raise DecodingError("too many segments")
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield marker, at, content[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)


def _add(found: _Contents, marker: int, body: bytes) -> None:
    if marker in _APPLICATION:
        _add_application(found, marker, body)
    elif marker != _COMMENT:
        found.needed.append(_segment(marker, body))
    if marker in _HEADS:
        if len(body) < 6 or all(found.size):
            raise DecodingError("not one head")
        height, width = struct.unpack(">HH", body[1:5])
        found.size = (width, height)
        found.is_progressive = marker == _PROGRESSIVE
        found.components = tuple(body[6 : 6 + 3 * body[5] : 3])


def _add_application(found: _Contents, marker: int, body: bytes) -> None:
    """Keeps what says how colors are encoded, and the first of each kind of what is read here."""
    if marker == 0xE0 and body.startswith(_JFIF) and not found.has_jfif:
        found.has_jfif = True
        found.needed.append(_segment(marker, _JFIF + bytes((1, 1, 0, 0, 1, 0, 1, 0, 0))))
    elif marker == 0xE1 and body.startswith(_EXIF) and not found.exif:
        found.exif = body[len(_EXIF) + 1 :]
    elif marker == 0xE2 and body.startswith(_PROFILE) and len(body) > len(_PROFILE) + 2:
        number, count = body[len(_PROFILE) : len(_PROFILE) + 2]
        found.profile_parts.setdefault(number, body[len(_PROFILE) + 2 :])
        found.profile_count = found.profile_count or count
    elif marker == 0xEE and body.startswith(_ADOBE) and len(body) >= 12 and not found.has_adobe:
        found.has_adobe = True
        found.needed.append(_segment(marker, body[:12]))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _icc(found: _Contents) -> bytes | None:
    """Returns the profile, of which each segment has a part, or None unless every part is there."""
    numbers = range(1, found.profile_count + 1)
    if not numbers or set(found.profile_parts) != set(numbers):
        return None
    return b"".join(found.profile_parts[number] for number in numbers)


def _decode(found: _Contents, head: bytes, scans: bytes) -> Still:
    try:
        return Still(_load(head + scans, found.size, max(SIZES)))
    except OSError:
        if _END in scans:  # the file is not truncated, but damaged
            raise
    scans = scans.rstrip(b"\xff")  # which may be half of the end mark
    whole = _without_short_end(found, scans)
    missing_bits = _missing_bits(found, whole)
    # A scan of few bytes has the last bit of a few coefficients, which is hardly visible.
    if missing_bits > (1 if len(whole) < len(scans) else 0):
        raise DecodingError("scans are missing")
    rows_decoded = 1.0 if missing_bits else _share_of_rows(found, head + whole)
    image = _load(head + whole + _END, found.size, max(SIZES))
    # Scans after the first one only make a picture finer, so that all rows have pixels.
    is_one_scan = not found.is_progressive and len(_scans(whole)) == 1
    return Still(image, rows_decoded if is_one_scan else 1.0)


def _without_short_end(found: _Contents, scans: bytes) -> bytes:
    """Returns the scans of a truncated file without a segment that is cut off at their end.

    A further scan that has hardly begun is left out, too.
    """
    *_, (marker, start, end) = _marks(scans)
    is_further_scan = marker == _SCAN and start and found.is_progressive
    if end > len(scans) or (is_further_scan and len(scans) - end < _FEW_BYTES):
        return scans[:start]
    return scans


def _load(file: bytes, size: tuple[int, int], side: int) -> Image.Image:
    """Decodes an image at a fraction of its size, at least `side` pixels wide and high if it is larger."""
    with Image.open(io.BytesIO(file), formats=("JPEG",)) as image:
        if image.size != size:
            raise DecodingError("two sizes")
        image.draft("RGB", (side, side))
        image.load()
    return image


def _share_of_rows(found: _Contents, file: bytes) -> float:
    """Returns how much of the rows a truncated file has. Raises DecodingError if it is too little.

    The decoder does not say where the bytes ended. So the file is decoded with noise behind its last byte,
    and without: the first block that differs is the first one that is missing.
    """
    noise = random.Random(0).randbytes(_NOISE_BYTES).replace(b"\xff", b"\x55")
    whole = _load(file + _END, found.size, _SMALL_SIDE)
    noisy = _load(file + noise + _END, found.size, _SMALL_SIDE)
    difference = ImageChops.difference(whole, noisy)
    box = difference.getbbox(alpha_only=False)
    if box is None:
        return 1.0
    top = box[1]
    block = max(1, round(16 * whole.height / found.size[1]))
    row = difference.crop((0, top, whole.width, min(top + block, whole.height)))
    left = (row.getbbox(alpha_only=False) or (0,))[0]
    pixels = top * whole.width + left * row.height
    if pixels < LEAST_SHARE_DECODED * whole.width * whole.height:
        raise DecodingError("truncated")
    return top / whole.height


def _marks(scans: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields each marker from the first scan on, and where its segment begins and ends."""
    at = 0
    while match := _MARKER.search(scans, at):
        at = match.end() + max(2, int.from_bytes(scans[match.end() : match.end() + 2], "big"))
        yield match[1][0], match.start(), at


def _scans(scans: bytes) -> list[bytes]:
    """Returns the head of each scan of a file, from its first scan on."""
    return [scans[start + 4 : end] for marker, start, end in _marks(scans) if marker == _SCAN]


def _missing_bits(found: _Contents, scans: bytes) -> int:
    """Returns how many bits the scans that have begun leave out of some coefficient of some component.

    A coefficient of which there is nothing counts as more than all bits.
    """
    missing = {(component, k): 16 for component in found.components for k in range(64)}
    for head in _scans(scans):
        count = head[0] if head else 0
        if len(head) < 1 + 2 * count + 3:
            continue
        first, last, bits = head[1 + 2 * count : 4 + 2 * count]
        if not found.is_progressive:
            first, last, bits = 0, 63, 0
        for component in head[1 : 1 + 2 * count : 2]:
            for k in range(first, min(last, 63) + 1):
                missing[component, k] = min(missing.get((component, k), 16), bits & 0xF)
    return max(missing.values(), default=16)
