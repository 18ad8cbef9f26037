"""A file that lacks only its last bytes is shown, and half a file is refused."""

import io
import time
import zlib
from random import Random

import pytest
from PIL import Image, ImageChops

from imagecache.errors import ImageFailedError
from imagecache.imaging.pictures import render
from imagecache.model.image import FailureReason
from tests.unit.test_animations import png_of

_RANDOM = Random(0)
NOISE = Image.frombytes(
    "L", (120, 120), bytes(min(255, max(0, round(_RANDOM.gauss(128, 60)))) for _ in range(120 * 120))
).convert("RGB")
PLAIN = Image.new("RGB", (120, 120), (200, 120, 90))
PLAIN.paste((90, 60, 200), (30, 30, 90, 90))
JPEGS: dict[str, dict[str, object]] = {
    "baseline": {},
    "without subsampling": {"subsampling": 0},
    "restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
    "progressive, fine": {"progressive": True, "quality": 95, "subsampling": 0},
}


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def pixels(original: bytes) -> Image.Image:
    with Image.open(io.BytesIO(render(original).thumbnails[640])) as thumbnail:
        return thumbnail.convert("RGBA")


def is_refused(original: bytes) -> bool:
    with pytest.raises(ImageFailedError) as caught:
        render(original)
    return caught.value.reason is FailureReason.UNDECODABLE


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_last_bytes_is_shown(kind: str, mode: str) -> None:
    for image in (NOISE, PLAIN):
        whole = saved(image.convert(mode), "JPEG", **JPEGS[kind])
        upper = (0, 0, 120, 90)
        expected = pixels(whole).crop(upper)
        for missing in (1, 3, 10):
            shown = pixels(whole[:-missing]).crop(upper)
            changed = sum(abs(a - b) > 24 for a, b in zip(shown.tobytes(), expected.tobytes(), strict=True))
            assert changed < 0.02 * len(expected.tobytes()), missing


def test_all_rows_of_a_jpeg_are_shown_if_only_its_end_mark_is_missing() -> None:
    whole = saved(PLAIN, "JPEG")
    assert pixels(whole[:-2]).tobytes() == pixels(whole).tobytes()


def test_missing_rows_of_a_jpeg_are_transparent() -> None:
    shown = pixels(saved(NOISE, "JPEG")[:-40])
    alpha = shown.getchannel("A")
    assert alpha.crop((0, 0, 120, 100)).getextrema() == (255, 255)
    assert alpha.crop((0, 114, 120, 120)).getextrema() == (0, 0)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_half_a_jpeg_is_refused(kind: str, share: float) -> None:
    whole = saved(NOISE, "JPEG", **JPEGS[kind])
    assert is_refused(whole[: int(share * len(whole))])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_whose_rows_are_all_there_is_shown(mode: str) -> None:
    """Its data end with a checksum of 4 bytes. Then follow that of the chunk, and the end of 12 bytes."""
    image = NOISE.convert("L").convert("I;16") if mode == "I;16" else NOISE.convert(mode)
    whole = saved(image, "PNG")
    expected = pixels(whole)
    for missing in (1, 4, 12, 13, 16, 17, 20):
        assert pixels(whole[:-missing]).tobytes() == expected.tobytes(), missing
    wrong = bytearray(whole)
    wrong[-20] ^= 1
    assert pixels(bytes(wrong)).tobytes() == expected.tobytes()


def test_missing_rows_of_a_png_are_transparent() -> None:
    alpha = pixels(saved(NOISE, "PNG")[:-2000]).getchannel("A")
    assert alpha.crop((0, 0, 120, 105)).getextrema() == (255, 255)
    assert alpha.crop((0, 119, 120, 120)).getextrema() == (0, 0)


def test_missing_rows_of_the_first_frame_of_an_animated_png_are_transparent() -> None:
    whole = saved(NOISE, "PNG", save_all=True, append_images=[PLAIN])
    second = whole.index(b"fcTL", whole.index(b"IDAT"))
    alpha = pixels(whole[: second - 2000]).getchannel("A")
    assert alpha.crop((0, 0, 120, 105)).getextrema() == (255, 255)
    assert alpha.crop((0, 119, 120, 120)).getextrema() == (0, 0)
    assert is_refused(whole[: second // 2])


def test_an_interlaced_png_must_have_all_its_bytes() -> None:
    rows = b"".join(b"\0" + bytes(width) for width, count in ADAM7 for _ in range(count))
    whole = png_of(0, 8, rows, b"", interlace=1)
    assert pixels(whole).size == (16, 16)
    assert pixels(png_of(0, 8, rows, b"", interlace=1, data=zlib.compress(rows)[:-1])).size == (16, 16)
    assert is_refused(png_of(0, 8, rows[:-20], b"", interlace=1))


ADAM7 = ((2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))
"""The width of a row and the number of rows of each pass, for 16 x 16 pixels."""


def test_what_follows_the_rows_of_a_damaged_png_is_not_unpacked() -> None:
    """4 MB of data become 4 GB. The second row has a filter that does not exist."""
    pack = zlib.compressobj()
    rows = (b"\0" + bytes(16)) + (b"\x09" + bytes(16)) * 15
    data = pack.compress(rows) + pack.flush(zlib.Z_FULL_FLUSH)
    zeros = pack.compress(bytes(1_000_000)) + pack.flush(zlib.Z_FULL_FLUSH)
    original = png_of(0, 8, b"", b"", data=data + zeros * 4000)
    started = time.thread_time()
    assert is_refused(original)
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_png_is_refused_if_half_of_its_rows_follow_a_filter_that_does_not_exist(interlace: int) -> None:
    widths = [width for width, count in ADAM7 for _ in range(count)] if interlace else [16] * 16
    rows = [b"\0" + bytes(width) for width in widths]
    assert pixels(png_of(0, 8, b"".join(rows), b"", interlace=interlace)).size == (16, 16)
    rows[len(rows) // 2] = b"\x05" + bytes(widths[len(rows) // 2])
    assert is_refused(png_of(0, 8, b"".join(rows), b"", interlace=interlace))


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 10, 100])
def test_a_gif_whose_data_end_early_is_shown(missing: int) -> None:
    whole = saved(NOISE.convert("P"), "GIF")
    upper = (0, 0, 120, 100)
    difference = ImageChops.difference(pixels(whole[:-missing]).crop(upper), pixels(whole).crop(upper))
    # Thumbnails are compressed with loss, so that the missing pixels change others by a little.
    assert max(difference.tobytes()) < 32


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "WEBP", "AVIF"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_half_a_picture_is_refused(image_format: str, share: float) -> None:
    whole = saved(NOISE, image_format)
    assert is_refused(whole[: int(share * len(whole))])
