"""Pictures that browsers show: the thumbnails show the same, at points that were read from Chromium 156."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagecache.imaging.pictures import render
from tests.color_difference import ciede2000, delta_e

FOLDER = Path(__file__).parent.parent / "fixtures" / "pictures" / "shown"
SHOWN: dict[str, dict[str, Any]] = json.loads(FOLDER.with_suffix(".json").read_text())

# Chromium leaves out the last row of blocks of a JPEG without its end, although all of its pixels are there.
NOT_AS_SHOWN = {("jpeg-no-eoi.jpg", 0.95, 0.95): (199, 120, 90, 255)}


def difference(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    """Returns how different two colors look on black and on white, where transparency is visible."""

    def on(ground: int, color: tuple[int, ...]) -> tuple[int, int, int]:
        red, green, blue = (round((c * color[3] + ground * (255 - color[3])) / 255) for c in color[:3])
        return red, green, blue

    return max(delta_e(on(ground, first), on(ground, second)) for ground in (0, 255))


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_looks_as_in_chromium(name: str) -> None:
    picture = render((FOLDER / name).read_bytes())
    shown = SHOWN[name]
    assert (picture.width, picture.height) == (shown["width"], shown["height"])
    with Image.open(io.BytesIO(picture.thumbnails[640])) as thumbnail:
        pixels = thumbnail.convert("RGBA")
    for x, y, in_chromium in shown["points"]:
        expected = NOT_AS_SHOWN.get((name, x, y), in_chromium)
        color = pixels.getpixel((int(x * pixels.width), int(y * pixels.height)))
        assert isinstance(color, tuple)
        assert difference(color, tuple(expected)) <= 2, (x, y, color, expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_differences_are_those_that_were_published(
    first: tuple[float, float, float], second: tuple[float, float, float], expected: float
) -> None:
    """Rows of the table with which Sharma, Wu and Dalal (2005) let implementations be checked."""
    assert ciede2000(first, second) == pytest.approx(expected, abs=0.0001)
