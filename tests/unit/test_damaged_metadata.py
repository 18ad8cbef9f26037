"""What a file says about its picture can be damaged or huge: the pixels are shown all the same."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imagecache.imaging.pictures import render
from imagecache.model.image import Picture

Pieces = Sequence[tuple[bytes, bool]]

PLAIN = Image.new("RGB", (24, 16), (200, 120, 90))
PLAIN.paste((90, 60, 200), (6, 4, 18, 12))
EXIF = Image.Exif()
EXIF[0x010E] = "x" * 300  # a description
A_FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
PACKED = zlib.compress(bytes(3_000_000))
ANY_BYTES = st.one_of(
    st.binary(max_size=80),
    st.binary(max_size=8).map(lambda some: some + b"\0\0" + PACKED),
    st.sampled_from([b"", b"\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0"]),
)


def saved(image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    PLAIN.save(out, image_format, **options)
    return out.getvalue()


@cache
def undamaged(image_format: str) -> Picture:
    return render(saved(image_format))


def chunk(kind: bytes, content: bytes, *, damage: int = 0) -> bytes:
    """Returns a chunk of a PNG, whose checksum is wrong if there is `damage`."""
    checksum = zlib.crc32(kind + content) ^ damage
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


# Of the kinds that change how pixels look, only those that are malformed are made.
COLOR_KINDS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"acTL": 8, b"fcTL": 26}
OTHER_KINDS = [b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"tIME", b"bKGD", b"sBIT", b"hIST", b"sPLT", b"iCCP"]
OTHER_KINDS += [b"eXIf", b"iDOT", b"vpAg", b"caBX", b"a~\xff1"]


@st.composite
def png_chunks(draw: st.DrawFn) -> tuple[bytes, bool]:
    kind = draw(st.sampled_from([*COLOR_KINDS, *OTHER_KINDS, b"tRNS"]))
    content = draw(ANY_BYTES)
    is_wrong = draw(st.booleans()) or len(content) == COLOR_KINDS.get(kind, -1)
    if kind == b"tRNS":  # six bytes choose a color, and what follows them is ignored
        content = content[:5] if is_wrong else bytes(257)
    return chunk(kind, content, damage=is_wrong), draw(st.booleans())


@A_FEW
@given(st.lists(png_chunks(), max_size=4))
def test_chunks_of_a_png_that_are_not_needed_change_nothing(pieces: Pieces) -> None:
    png = saved("PNG")
    end_of_header = 33
    before = b"".join(piece for piece, is_early in pieces if is_early)
    after = b"".join(piece for piece, is_early in pieces if not is_early)
    damaged = png[:end_of_header] + before + png[end_of_header:-12] + after + png[-12:]
    assert render(damaged) == undamaged("PNG")


@st.composite
def jpeg_segments(draw: st.DrawFn) -> bytes:
    marker = draw(st.sampled_from([*range(0xE0, 0xEE), 0xEF, 0xFE]))
    signatures = [b"", b"JFIF\0", b"Exif\0\0", b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\3\0", b"MPF\0"]
    signatures += [b"Photoshop 3.0\0008BIM\x03\xed", b"http://ns.adobe.com/xap/1.0/\0", b"FPXR\0", b"JFXX\0"]
    content = (draw(st.sampled_from(signatures)) + draw(ANY_BYTES))[:65_000]
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


@A_FEW
@given(
    st.lists(jpeg_segments(), max_size=4), st.binary(max_size=40).map(lambda some: some.replace(b"\xff", b""))
)
def test_segments_of_a_jpeg_that_are_not_needed_change_nothing(segments: list[bytes], trailer: bytes) -> None:
    jpeg = saved("JPEG")
    assert render(jpeg[:2] + b"".join(segments) + jpeg[2:] + trailer) == undamaged("JPEG")


@st.composite
def webp_chunks(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([b"ICCP", b"EXIF", b"XMP ", b"JUNK", b"exif"]))
    content = draw(ANY_BYTES)
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


@A_FEW
@given(
    st.lists(webp_chunks(), max_size=3),
    st.lists(webp_chunks(), max_size=3),
    st.integers(0, 0xFF),
    st.integers(0, 20),
)
def test_chunks_of_a_webp_that_are_not_needed_change_nothing(
    before: list[bytes], after: list[bytes], flags: int, cut: int
) -> None:
    """Its flags may announce what is not there, but neither frames nor transparency."""
    webp = saved("WEBP")
    sides = (PLAIN.width - 1).to_bytes(3, "little") + (PLAIN.height - 1).to_bytes(3, "little")
    head = b"VP8X" + struct.pack("<I", 10) + bytes((flags & ~0x12, 0, 0, 0)) + sides
    body = head + b"".join(before) + webp[12:] + b"".join(after)
    file = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    assert render(file[: len(file) - cut] if after and cut < len(after[-1]) else file) == undamaged("WEBP")


@st.composite
def gif_extensions(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([0x01, 0xCE, 0xFE, 0xFF, 0xF9]))
    blocks = draw(st.lists(st.binary(min_size=1, max_size=255), max_size=4))
    if kind == 0xF9:  # one of the right size would choose what is transparent
        blocks = [block for block in blocks if len(block) != 4]
    return bytes((0x21, kind)) + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


@A_FEW
@given(st.lists(gif_extensions(), max_size=4), st.binary(max_size=40))
def test_extensions_of_a_gif_that_are_not_needed_change_nothing(
    extensions: list[bytes], trailer: bytes
) -> None:
    gif = saved("GIF")
    at = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    assert render(gif[:at] + b"".join(extensions) + gif[at:] + trailer) == undamaged("GIF")


@A_FEW
@given(st.binary(min_size=300, max_size=300), st.binary(min_size=1, max_size=300))
def test_metadata_of_an_avif_change_nothing(exif: bytes, xmp: bytes) -> None:
    avif = saved("AVIF", exif=EXIF, xmp=xmp)
    at = avif.index(b"x" * 300) - 40
    assert render(avif[:at] + exif + avif[at + 300 :]) == undamaged("AVIF")


def texts() -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000)))


def long_segments() -> bytes:
    return (b"\xff\xed\xff\xff" + bytes(65_533)) * 20


@pytest.mark.parametrize(("image_format", "at", "huge"), [("PNG", 33, texts), ("JPEG", 2, long_segments)])
def test_huge_metadata_change_nothing(image_format: str, at: int, huge: Callable[[], bytes]) -> None:
    file = saved(image_format)
    assert render(file[:at] + huge() + file[at:]) == undamaged(image_format)
