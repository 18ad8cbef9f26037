"""The sizes of the stored copies, and the color behind a transparent picture."""

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imagecache.imaging.copies import backdrop_of, copy_size
from imagecache.imaging.pictures import render
from imagecache.model.image import SIZES


@pytest.mark.parametrize(
    ("width", "height", "sizes"),
    [
        (1000, 1000, [(96, 96), (192, 192), (640, 640)]),
        (1000, 500, [(192, 96), (384, 192), (640, 320)]),
        (900, 300, [(288, 96), (576, 192), (640, 213)]),
        (500, 2000, [(96, 384), (192, 768), (192, 768)]),
        (2000, 200, [(384, 38), (768, 77), (768, 77)]),
        (100, 50, [(100, 50), (100, 50), (100, 50)]),
        (300, 100, [(288, 96), (300, 100), (300, 100)]),
        (40_000, 1, [(384, 1), (768, 1), (768, 1)]),
    ],
)
def test_copies_of_96_and_192_fill_a_square_of_their_size(
    width: int, height: int, sizes: list[tuple[int, int]]
) -> None:
    assert [copy_size(size, width, height) for size in SIZES] == sizes


@given(st.integers(1, 40_000), st.integers(1, 40_000))
def test_no_copy_is_larger_than_the_next_one_or_than_the_picture(width: int, height: int) -> None:
    copies = [copy_size(size, width, height) for size in SIZES]
    for smaller, larger in pairwise([*copies, (width, height)]):
        assert smaller[0] <= larger[0]
        assert smaller[1] <= larger[1]
    assert all(max(copy) <= 768 for copy in copies)


@pytest.mark.parametrize("size", [(900, 300), (300, 900), (768, 192)])
def test_a_wide_or_tall_picture_is_stored_in_the_sizes_that_fill_a_circle(size: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "JPEG")
    for stored_size, content in render(out.getvalue()).thumbnails.items():
        with Image.open(io.BytesIO(content)) as copy:
            assert copy.size == copy_size(stored_size, *size)
            assert min(copy.size) >= min(stored_size, 192)


def logo(color: str, other: str | None = None, *, ground: str | None = None) -> Image.Image:
    image = Image.new("RGBA", (64, 64), ground or (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rectangle((16, 16, 31, 47), fill=color)
    draw.rectangle((32, 16, 47, 47), fill=other or color)
    return image


@pytest.mark.parametrize("color", ["black", "#202124", "navy", "#00a884", "red", "#777777"])
def test_a_dark_or_colored_logo_is_on_white(color: str) -> None:
    assert backdrop_of(logo(color)) == "#ffffff"


@pytest.mark.parametrize("color", ["white", "#f0f0f0", "yellow", "#ccffcc"])
def test_a_light_logo_is_on_a_dark_color(color: str) -> None:
    assert backdrop_of(logo(color)) == "#202124"


def test_a_logo_in_black_and_white_is_on_gray() -> None:
    assert backdrop_of(logo("black", "white")) == "#8a8a8a"


def test_an_opaque_picture_has_no_backdrop() -> None:
    assert backdrop_of(logo("black", ground="white")) == ""


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "GIF"])
def test_a_transparent_picture_of_each_format_has_a_backdrop(image_format: str) -> None:
    out = io.BytesIO()
    logo("#123456").save(out, image_format)
    assert render(out.getvalue()).backdrop == "#ffffff"


def test_a_jpeg_has_no_backdrop() -> None:
    out = io.BytesIO()
    logo("#123456").convert("RGB").save(out, "JPEG")
    assert render(out.getvalue()).backdrop == ""
