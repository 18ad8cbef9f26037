"""Bytes that claim to be an image: what they are is decided once, from the bytes."""

import contextlib
import io
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from imagecache.errors import ImageFailedError
from imagecache.imaging import pictures
from imagecache.imaging.pictures import render
from imagecache.model.image import FailureReason
from tests.hostile.malformed import png_of


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def size_of(webp: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(webp), formats=["WEBP"]) as image:
        return image.size


def webp_canvas(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + sides + bytes(10)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def lossy_webp(width: int, height: int) -> bytes:
    frame = b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(10)
    body = b"VP8 " + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def lossless_webp(width: int, height: int) -> bytes:
    bits = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(19)
    body = b"VP8L" + struct.pack("<I", len(bits)) + bits
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


@pytest.mark.parametrize(
    ("image_format", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
    ],
)
def test_every_accepted_format_becomes_a_webp_of_each_size(image_format: str, content_type: str) -> None:
    picture = render(encoded(Image.effect_noise((800, 400), 50).convert("RGB"), image_format))
    assert (picture.content_type, picture.width, picture.height) == (content_type, 800, 400)
    assert {size: size_of(webp) for size, webp in picture.thumbnails.items()} == {
        96: (192, 96),
        192: (384, 192),
        640: (640, 320),
    }


def test_a_small_picture_is_never_enlarged() -> None:
    picture = render(encoded(Image.new("RGB", (48, 48), "teal"), "PNG"))
    assert {size_of(webp) for webp in picture.thumbnails.values()} == {(48, 48)}


def test_a_picture_held_sideways_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to show
    picture = render(encoded(Image.new("RGB", (400, 200), "teal"), "JPEG", exif=exif))
    assert (picture.width, picture.height) == (200, 400)
    assert size_of(picture.thumbnails[96]) == (96, 192)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_recorded_size_is_that_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation  # 5 to 8 are turned by a quarter
    picture = render(encoded(Image.new("RGB", (60, 30)), "JPEG", exif=exif))
    recorded = (picture.width, picture.height)
    assert recorded == size_of(picture.thumbnails[96]) == ((60, 30) if orientation < 5 else (30, 60))


def test_nothing_of_the_original_but_its_pixels_is_served() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    original = encoded(Image.new("RGB", (400, 200), "teal"), "JPEG", exif=exif) + b"<script>trailer</script>"
    served = b"".join(render(original).thumbnails.values())
    assert b"secret" not in served
    assert b"script" not in served


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "1"])
def test_every_mode_of_pixels_is_understood(mode: str) -> None:
    image_format = "JPEG" if mode == "CMYK" else "PNG"
    picture = render(encoded(Image.new(mode, (300, 300)), image_format))
    assert size_of(picture.thumbnails[192]) == (192, 192)


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    picture = render(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    with Image.open(io.BytesIO(picture.thumbnails[96])) as shown:
        red, _, blue = shown.convert("RGB").getpixel((48, 48))  # type: ignore[misc] # three bands
    assert (red > 200, blue < 50) == (True, True)


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><title>error code: 1033</title>",
        b"%PDF-1.7 ...",
        encoded(Image.new("RGB", (10, 10)), "TIFF"),
        encoded(Image.new("RGB", (32, 32)), "ICO"),
        encoded(Image.new("RGB", (10, 10)), "BMP"),
        b"",
    ],
    ids=["html", "pdf", "tiff", "ico", "bmp", "empty"],
)
def test_what_is_not_of_an_accepted_format_is_unsupported(content: bytes) -> None:
    with pytest.raises(ImageFailedError) as caught:
        render(content)
    assert caught.value.reason is FailureReason.UNSUPPORTED


def test_a_truncated_image_is_undecodable() -> None:
    whole = encoded(Image.effect_noise((400, 400), 50).convert("RGB"), "JPEG")
    with pytest.raises(ImageFailedError) as caught:
        render(whole[: len(whole) // 2])
    assert caught.value.reason is FailureReason.UNDECODABLE


def test_one_pixel_more_than_forty_million_is_too_large() -> None:
    with pytest.raises(ImageFailedError) as caught:
        render(png_of(40_000_001, 1))
    assert caught.value.reason is FailureReason.TOO_LARGE
    with pytest.raises(ImageFailedError) as caught:
        render(png_of(40_000_000, 1))
    assert caught.value.reason is FailureReason.UNDECODABLE  # there are no pixels in it


def test_a_bomb_is_refused_before_a_pixel_is_decoded() -> None:
    with pytest.raises(ImageFailedError) as caught:
        render(png_of(60_000, 60_000))
    assert caught.value.reason is FailureReason.TOO_LARGE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", FailureReason.UNSUPPORTED_SVG),
        (
            b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -->\n<SVG onload='alert(1)'/>",
            FailureReason.UNSUPPORTED_SVG,
        ),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 200, FailureReason.UNSUPPORTED_HEIC),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 200, FailureReason.UNSUPPORTED),
        (b"\x89PNG\r\n\x1a\n", FailureReason.UNDECODABLE),
        (b"\xff\xd8\xff", FailureReason.UNDECODABLE),
    ],
)
def test_what_is_wrong_with_the_bytes_is_named(content: bytes, reason: FailureReason) -> None:
    with pytest.raises(ImageFailedError) as caught:
        render(content)
    assert caught.value.reason is reason


def center(webp: bytes) -> tuple[int, ...]:
    with Image.open(io.BytesIO(webp), formats=["WEBP"]) as image:
        pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
        assert isinstance(pixel, tuple)
        return pixel


def test_sixteen_bits_keep_their_brightness() -> None:
    picture = render(encoded(Image.new("I;16", (100, 100), 0x8000), "PNG"))
    assert all(abs(band - 128) < 4 for band in center(picture.thumbnails[96]))


def test_the_second_jpeg_of_a_phone_is_ignored() -> None:
    frames = [Image.new("RGB", (64, 64), color) for color in ("teal", "red")]
    picture = render(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert (picture.content_type, picture.color[:5]) == ("image/jpeg", "#0080")


def test_an_animated_png_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (64, 64), color) for color in ("teal", "red")]
    picture = render(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    assert picture.color == "#008080"


def test_the_dominant_color_is_that_of_most_pixels() -> None:
    image = Image.new("RGB", (90, 90), "#204060")
    image.paste("#ffcc00", (0, 0, 30, 90))
    color = render(encoded(image, "PNG")).color
    assert all(abs(int(color[i : i + 2], 16) - want) < 8 for i, want in ((1, 0x20), (3, 0x40), (5, 0x60)))


@pytest.mark.parametrize(("size", "most_at_once"), [((5000, 5000), 1), ((3500, 3500), 3), ((100, 100), 4)])
def test_pictures_are_decoded_at_once_as_far_as_their_pixels_leave_memory(
    size: tuple[int, int], most_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    running = [0]
    all_here = threading.Barrier(most_at_once)

    def counted(_: Image.Image) -> None:
        running[0] += 1
        at_once.append(running[0])
        with contextlib.suppress(threading.BrokenBarrierError):
            all_here.wait(0.2)
        running[0] -= 1

    monkeypatch.setattr(pictures, "_render", counted)
    original = png_of(*size)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(render, [original] * 4))
    assert max(at_once) == most_at_once


@pytest.mark.parametrize(
    ("head", "most"),
    [
        (webp_canvas, 30_000_000),
        (lossless_webp, 30_000_000),
        (lossy_webp, 30_000_000),
        (png_of, 40_000_000),
    ],
)
def test_a_format_that_takes_more_memory_may_have_fewer_pixels(
    head: Callable[[int, int], bytes], most: int
) -> None:
    width = most // 3000
    with pytest.raises(ImageFailedError) as caught:
        render(head(width + 1, 3000))
    assert caught.value.reason is FailureReason.TOO_LARGE
    with pytest.raises(ImageFailedError) as caught:
        render(head(width, 3000))
    assert caught.value.reason is FailureReason.UNDECODABLE  # there are no pixels in it


def test_a_webp_whose_size_is_not_read_is_not_opened() -> None:
    """Opening it would take memory that nothing has reserved."""
    with pytest.raises(ImageFailedError) as caught:
        render(b"RIFF\x20\0\0\0WEBPJUNK\2\0\0\0\0\0" + webp_canvas(10, 10)[12:])
    assert caught.value.reason is FailureReason.UNDECODABLE


def test_a_process_without_memory_does_not_call_the_picture_undecodable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(_: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr(pictures, "_render", exhausted)
    with pytest.raises(MemoryError):
        render(png_of(10, 10))


def opened_by(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Returns a list to which each file is added that Pillow opens from now on."""
    files: list[bytes] = []
    open_image = Image.open

    def opened(file: io.BytesIO, **options: Any) -> Image.Image:
        files.append(file.getvalue())
        return open_image(file, **options)

    monkeypatch.setattr(Image, "open", opened)
    return files


def test_only_the_segments_of_a_jpeg_that_are_needed_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow would keep each of them, and copy the EXIF data as often as there are segments of it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    jpeg = encoded(Image.new("RGB", (64, 32), "red"), "JPEG", exif=exif)
    unused = b"\xff\xe5\x00\x02" * 40_000
    more_exif = (b"\xff\xe1" + struct.pack(">H", 18) + b"Exif\0\0" + bytes(10)) * 40_000
    # Behind the first segment of EXIF data, before the tables of the decoder.
    end = jpeg.index(b"\xff\xdb")
    hostile = jpeg[:end] + unused + more_exif + jpeg[end:]

    decoded = opened_by(monkeypatch)
    render(hostile)
    [file] = decoded
    assert len(file) < len(jpeg)
    assert b"Exif" not in file
    monkeypatch.undo()
    assert (render(hostile).width, render(hostile).height) == (render(jpeg).width, render(jpeg).height)
    assert size_of(render(hostile).thumbnails[96]) == (32, 64), "it is turned all the same"
