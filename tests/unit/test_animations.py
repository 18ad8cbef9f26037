"""The still of an animation is a frame that shows something, with the transparency that a browser shows."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from imagecache.errors import ImageFailedError
from imagecache.imaging import animation
from imagecache.imaging.pictures import render

FOLDER = Path(__file__).parent.parent / "fixtures" / "pictures" / "shown"
Pixel = tuple[int, ...]


def frame(ground: str, spot: str | None = None) -> Image.Image:
    image = Image.new("RGBA", (60, 60), ground)
    if spot:
        ImageDraw.Draw(image).rectangle((20, 20, 39, 39), fill=spot)
    return image


BLANK, BLACK, RED, BLUE = frame("#0000"), frame("black"), frame("white", "red"), frame("white", "blue")


def saved(image_format: str, frames: list[Image.Image], **options: object) -> bytes:
    out = io.BytesIO()
    lossless = {"lossless": True} if image_format == "WEBP" else {}
    frames[0].save(
        out, image_format, save_all=True, append_images=frames[1:], duration=100, **lossless, **options
    )
    return out.getvalue()


def at(original: bytes, x: int, y: int) -> Pixel:
    with Image.open(io.BytesIO(render(original).thumbnails[640])) as thumbnail:
        pixel = thumbnail.convert("RGBA").getpixel((x, y))
        assert isinstance(pixel, tuple)
        return pixel


def is_near(pixel: Pixel, expected: Pixel) -> bool:
    return all(abs(have - want) <= 12 for have, want in zip(pixel, expected, strict=True))


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("first", [BLANK, BLACK, frame("white")], ids=["blank", "black", "white"])
def test_an_animation_shows_its_first_frame_that_shows_something(
    image_format: str, first: Image.Image
) -> None:
    original = saved(image_format, [first, first.copy(), RED, BLUE])
    assert is_near(at(original, 30, 30), (255, 0, 0, 255))


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_first_frame_that_shows_something_is_shown(image_format: str) -> None:
    assert is_near(at(saved(image_format, [BLUE, RED]), 30, 30), (0, 0, 255, 255))


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_an_animation_of_plain_colors_shows_its_first_color(image_format: str) -> None:
    """Neither black nor white counts as a color, because pictures fade in from them."""
    original = saved(image_format, [BLACK, frame("#008000"), frame("blue")])
    assert is_near(at(original, 30, 30), (0, 128, 0, 255))


def test_no_more_than_ten_frames_are_looked_at() -> None:
    grays = [frame(f"rgb({n}, {n}, {n})") for n in range(10)]
    assert is_near(at(saved("WEBP", [*grays[:9], RED]), 30, 30), (255, 0, 0, 255))
    assert is_near(at(saved("WEBP", [*grays, RED]), 30, 30), (0, 0, 0, 255))


def test_no_more_pixels_are_decoded_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "MOST_PIXELS", 60 * 60 * 2)
    assert is_near(at(saved("GIF", [BLACK, RED]), 30, 30), (255, 0, 0, 255))
    assert is_near(at(saved("GIF", [BLACK, frame("navy"), RED]), 30, 30), (0, 0, 128, 255))


@pytest.mark.parametrize(
    "name",
    [
        "gif-first-frame-blank.gif",
        "gif-fade-in-black.gif",
        "apng-first-frame-blank.png",
        "apng-default-image.png",
        "gif-zero-frame-first.gif",
    ],
)
def test_a_reported_animation_shows_what_follows_its_blank_frame(name: str) -> None:
    """All their frames are of one color."""
    assert is_near(at((FOLDER / name).read_bytes(), 30, 30), (220, 20, 20, 255))


@pytest.mark.parametrize("image_format", ["GIF", "PNG"])
def test_a_frame_that_is_cut_off_does_not_hide_the_color_before_it(image_format: str) -> None:
    noise = Image.effect_noise((60, 60), 80).convert("RGB").convert("RGBA")
    original = saved(image_format, [BLACK, frame("#008000"), noise, RED])
    assert len(original) > 2500  # most of which is the noise
    assert is_near(at(original[:1200], 30, 30), (0, 128, 0, 255))
    # Without any color, nothing but a blank picture would be shown.
    with pytest.raises(ImageFailedError):
        render(saved(image_format, [BLANK, noise])[:1200])


def test_the_default_image_of_an_animated_png_is_no_part_of_it() -> None:
    """Neither is it shown, nor is anything drawn onto it."""
    hidden = frame("lime")
    spot = frame("#0000", "red")
    original = saved("PNG", [hidden, spot, BLUE], default_image=True)
    assert is_near(at(original, 30, 30), (255, 0, 0, 255))
    assert at(original, 3, 3)[3] == 0


def test_a_frame_smaller_than_its_canvas_is_transparent_around_it() -> None:
    gif = saved("GIF", [frame("white", "red")])
    screen = struct.pack("<HH", 100, 80)
    wider = gif[:6] + screen + gif[10:]
    assert render(wider).width == 100
    assert is_near(at(wider, 30, 30), (255, 0, 0, 255))
    assert at(wider, 90, 70)[3] == 0


def test_a_frame_that_is_cleared_or_restored_leaves_nothing() -> None:
    spot = frame("#0000", "red")
    for disposal in (2, 3):
        # The first frame is of one color, and is gone before the second one is drawn.
        original = saved("GIF", [BLACK, spot], disposal=disposal)
        assert is_near(at(original, 30, 30), (255, 0, 0, 255))
        assert at(original, 3, 3)[3] == 0


def png_of(
    color_type: int,
    depth: int,
    rows: bytes,
    transparency: bytes,
    palette: bytes = b"",
    *,
    interlace: int = 0,
    data: bytes | None = None,
) -> bytes:
    """Returns a PNG of 16 x 16 pixels. `data` are other compressed rows than `rows`."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 16, 16, depth, color_type, 0, 0, interlace)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + (chunk(b"PLTE", palette) if palette else b"")
        + (chunk(b"tRNS", transparency) if transparency else b"")
        + chunk(b"IDAT", zlib.compress(rows) if data is None else data)
        + chunk(b"IEND", b"")
    )


def halves(left: bytes, right: bytes, count: int) -> bytes:
    """Returns 16 rows, each with `count` times the one byte string, and as often the other."""
    return (b"\0" + left * count + right * count) * 16


@pytest.mark.parametrize(
    ("color_type", "depth", "rows", "transparency"),
    [
        (0, 1, halves(b"\xff", b"\x00", 1), b"\0\x01"),
        (0, 2, halves(b"\xaa", b"\x55", 2), b"\0\x02"),
        (0, 4, halves(b"\x33", b"\xcc", 4), b"\0\x03"),
        (0, 8, halves(b"\x10", b"\xc0", 8), b"\0\x10"),
        (0, 16, halves(b"\x12\x34", b"\x12\x35", 8), b"\x12\x34"),
        (2, 8, halves(b"\1\2\3", b"\xc0\xc0\xc0", 8), b"\0\1\0\2\0\3"),
        (2, 16, halves(b"\1\2\3\4\5\6", b"\x40\0\x40\0\x40\0", 8), b"\1\2\3\4\5\6"),
        (2, 16, halves(b"\1\2\3\4\5\6", b"\1\2\3\4\5\7", 8), b"\1\2\3\4\5\6"),
        (3, 8, halves(b"\0", b"\1", 8), b"\0"),
        (3, 1, halves(b"\0", b"\xff", 1), b"\0\xff"),
        (3, 2, halves(b"\0", b"\x55", 2), b"\0"),
    ],
)
def test_transparency_survives_in_every_mode(
    color_type: int, depth: int, rows: bytes, transparency: bytes
) -> None:
    palette = bytes(range(6)) if color_type == 3 else b""
    original = png_of(color_type, depth, rows, transparency, palette)
    assert at(original, 2, 8)[3] == 0
    assert at(original, 13, 8)[3] == 255


@pytest.mark.parametrize(
    ("color_type", "length"), [(0, 0), (0, 1), (2, 0), (2, 1), (2, 5), (3, 0), (0, 257), (2, 257), (3, 257)]
)
def test_transparency_of_no_possible_length_is_ignored(color_type: int, length: int) -> None:
    samples = 3 if color_type == 2 else 1
    palette = bytes(range(3)) if color_type == 3 else b""
    original = png_of(color_type, 8, halves(b"\0" * samples, b"\0" * samples, 8), bytes(length), palette)
    assert at(original, 2, 8)[3] == 255


@pytest.mark.parametrize(("color_type", "length"), [(0, 3), (0, 100), (2, 7), (3, 3), (3, 256)])
def test_what_is_too_much_of_a_transparency_is_ignored(color_type: int, length: int) -> None:
    samples = 3 if color_type == 2 else 1
    palette = bytes(range(6)) if color_type == 3 else b""
    rows = halves(b"\0" * samples, b"\1" * samples, 8)
    original = png_of(color_type, 8, rows, bytes([0, 0, 0, 0, 0, 0, 9] * 50)[:length], palette)
    assert at(original, 2, 8)[3] == 0
    if color_type != 3:
        assert at(original, 13, 8)[3] == 255


def test_a_transparent_color_that_no_sample_can_have_is_ignored() -> None:
    assert at(png_of(0, 1, halves(b"\xff", b"\xff", 1), b"\0\xff"), 2, 8)[3] == 255


def test_a_picture_without_its_palette_is_refused() -> None:
    with pytest.raises(ImageFailedError):
        render(png_of(3, 8, halves(b"\0", b"\1", 8), b""))
