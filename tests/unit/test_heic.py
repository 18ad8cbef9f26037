"""HEIC, in which phones keep their pictures, is decoded as every other format is."""

import io
import struct
from typing import Any

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from imagecache.errors import ImageFailedError
from imagecache.imaging import pictures
from imagecache.imaging.matrix_profiles import profile_of_codes
from imagecache.imaging.pictures import render
from imagecache.model.image import FailureReason
from tests.color_difference import delta_e

LEFT, RIGHT = (200, 60, 40), (40, 90, 200)
DISPLAY_P3 = profile_of_codes(12, 13)


def halves(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (160, 80), LEFT)
    image.paste(RIGHT, (80, 0, 160, 80))
    return image.convert(mode)


def heic(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90, **options)
    return out.getvalue()


def at(original: bytes, x: float, y: float) -> tuple[int, int, int]:
    with Image.open(io.BytesIO(render(original).thumbnails[640])) as thumbnail:
        pixel = thumbnail.convert("RGB").getpixel((int(x * thumbnail.width), int(y * thumbnail.height)))
        assert isinstance(pixel, tuple)
        return pixel[0], pixel[1], pixel[2]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_heic_is_shown(mode: str) -> None:
    original = heic(halves(mode))
    picture = render(original)
    assert (picture.content_type, picture.width, picture.height) == ("image/heic", 160, 80)
    assert delta_e(at(original, 0.2, 0.5), LEFT) <= 3
    assert delta_e(at(original, 0.8, 0.5), RIGHT) <= 3


def test_ten_bits_are_reduced_to_eight() -> None:
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 64), b"\0\x80" * 64 * 64 * 3).save(out)
    assert delta_e(at(out.getvalue(), 0.5, 0.5), (128, 128, 128)) <= 2


def test_a_heic_is_turned_by_its_own_property_and_never_by_exif_data() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # for which the encoder writes the property, too
    turned = heic(halves(), exif=exif.tobytes())
    assert b"irot" in turned
    assert (render(turned).width, render(turned).height) == (80, 160)
    assert delta_e(at(turned, 0.5, 0.2), LEFT) <= 3
    exif[0x0112] = 1
    upright = heic(halves(), exif=exif.tobytes())
    stale = upright.replace(exif.tobytes()[6:], exif.tobytes()[6:].replace(b"\1\0\1\0\0", b"\1\0\6\0\0"))
    assert stale != upright
    assert render(stale).width == 160


def test_the_colors_of_a_phone_are_converted() -> None:
    image = Image.new("RGB", (64, 64), (200, 120, 90))
    assert DISPLAY_P3
    image.info["icc_profile"] = DISPLAY_P3
    assert delta_e(at(heic(image), 0.5, 0.5), (213, 116, 82)) <= 2.5
    named = heic(Image.new("RGB", (64, 64), (200, 120, 90)), color_primaries=12, save_nclx_profile=True)
    assert delta_e(at(named, 0.5, 0.5), (213, 116, 82)) <= 2.5


def test_a_broken_profile_is_ignored() -> None:
    image = Image.new("RGB", (64, 64), (200, 120, 90))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.info["icc_profile"] = srgb[:200] + bytes(len(srgb) - 200)
    assert delta_e(at(heic(image), 0.5, 0.5), (200, 120, 90)) <= 2.5


@settings(max_examples=40)
@given(
    exif=st.binary(min_size=300, max_size=300),
    xmp=st.binary(min_size=200, max_size=200),
    box=st.tuples(st.sampled_from([b"free", b"uuid", b"mdat", b"\0\xff~a"]), st.binary(max_size=40)),
    trailer=st.binary(max_size=7),
)
def test_damaged_metadata_of_a_heic_change_nothing(
    described: bytes, exif: bytes, xmp: bytes, box: tuple[bytes, bytes], trailer: bytes
) -> None:
    at_exif, at_xmp = described.index(b"x" * 300) - 20, described.index(b"<x/>")
    damaged = bytearray(described)
    damaged[at_exif : at_exif + 300] = exif
    damaged[at_xmp : at_xmp + 200] = xmp
    kind, content = box
    damaged += struct.pack(">I", 8 + len(content)) + kind + content + trailer
    assert render(bytes(damaged)) == render(described)


def test_metadata_of_a_heic_change_nothing(described: bytes) -> None:
    assert render(described) == render(heic(halves()))


@pytest.fixture(scope="module")
def described() -> bytes:
    """Returns a HEIC with a text of 300 bytes in its EXIF data, and XMP of 200 bytes."""
    exif = Image.Exif()
    exif[0x010E] = "x" * 300
    return heic(halves(), exif=exif.tobytes(), xmp=b"<x/>" * 50)


def test_a_heic_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    original = heic(halves())
    size = original.index(b"ispe") + 8
    huge = original[:size] + struct.pack(">II", 6001, 6000) + original[size + 8 :]
    with pytest.raises(ImageFailedError) as caught:
        render(huge)
    assert caught.value.reason is FailureReason.TOO_LARGE


def test_a_heic_that_contains_more_than_it_announces_is_refused() -> None:
    original = heic(Image.new("RGB", (640, 640)))
    size = original.index(b"ispe") + 8
    with pytest.raises(ImageFailedError) as caught:
        render(original[:size] + struct.pack(">II", 100, 100) + original[size + 8 :])
    assert caught.value.reason is FailureReason.UNDECODABLE


def test_a_deep_heic_reserves_more_memory() -> None:
    formats = {mode: pictures._read(heic(halves(mode))).format for mode in ("RGB", "RGBA")}
    assert formats == {"RGB": "HEIF", "RGBA": "HEIF_DEEP"}


def test_half_of_a_heic_is_refused() -> None:
    original = heic(Image.effect_noise((200, 200), 50).convert("RGB"))
    with pytest.raises(ImageFailedError) as caught:
        render(original[: len(original) // 2])
    assert caught.value.reason is FailureReason.UNDECODABLE
