"""A short animation gets a moving copy, which plays as the original does in a browser."""

import io
import random
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from imagecache.imaging import animation, moving_copy
from imagecache.imaging.moving_copy import moving_size
from imagecache.imaging.pictures import render
from tests.unit.test_animations import BLUE, FOLDER, RED, frame, is_near

FORMATS = ("GIF", "PNG", "WEBP")
Pixel = tuple[int, ...]


def saved(
    image_format: str, frames: Sequence[Image.Image], duration: int | list[int] = 100, **options: object
) -> bytes:
    out = io.BytesIO()
    if image_format == "WEBP":
        options |= {"lossless": True, "kmin": 0, "kmax": 0}
    frames[0].save(
        out, image_format, save_all=True, append_images=frames[1:], duration=duration, loop=1, **options
    )
    return out.getvalue()


def noise(size: int, count: int) -> list[Image.Image]:
    source = random.Random(5)
    pixels = size * size * 3
    return [Image.frombytes("RGB", (size, size), source.randbytes(pixels)) for _ in range(count)]


def shown(webp: bytes | None) -> list[tuple[int, Image.Image]]:
    """Returns the frames of a moving copy, each with its duration (ms)."""
    assert webp is not None
    with Image.open(io.BytesIO(webp)) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            frames.append((image.info["duration"], image.convert("RGBA")))
        return frames


def at(image: Image.Image, x: int, y: int) -> Pixel:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize("image_format", FORMATS)
def test_the_frames_keep_their_colors_and_durations(image_format: str) -> None:
    frames = shown(render(saved(image_format, [RED, BLUE], [700, 240])).animated)
    assert [duration for duration, _ in frames] == [700, 240]
    assert is_near(at(frames[0][1], 30, 30), (255, 0, 0, 255))
    assert is_near(at(frames[1][1], 30, 30), (0, 0, 255, 255))
    assert all(is_near(at(image, 4, 4), (255, 255, 255, 255)) for _, image in frames)


def test_the_moving_copy_plays_for_ever_and_has_no_metadata() -> None:
    copy = render(saved("PNG", [RED, BLUE], exif=b"Exif\0\0secret", icc_profile=SRGB)).animated
    assert copy is not None
    with Image.open(io.BytesIO(copy)) as image:
        assert image.info["loop"] == 0
    assert not any(kind in copy for kind in (b"EXIF", b"XMP ", b"ICCP", b"secret"))


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@settings(max_examples=25, deadline=None)
@given(
    image_format=st.sampled_from(FORMATS),
    durations=st.lists(st.sampled_from([0, 10, 20, 30, 100, 330]), min_size=2, max_size=8),
)
def test_frames_of_10_ms_or_less_are_shown_for_100_ms_as_in_browsers(
    image_format: str, durations: list[int]
) -> None:
    pair = [image.resize((8, 8)) for image in (RED, BLUE)]
    frames = [pair[number % 2] for number in range(len(durations))]
    copy = render(saved(image_format, frames, durations)).animated
    assert [duration for duration, _ in shown(copy)] == [each if each > 10 else 100 for each in durations]


@pytest.mark.parametrize("image_format", FORMATS)
def test_an_animation_of_more_than_three_seconds_has_no_moving_copy(image_format: str) -> None:
    assert render(saved(image_format, [RED, BLUE], [2000, 1000])).animated
    assert render(saved(image_format, [RED, BLUE], [2000, 1010])).animated is None


@pytest.mark.parametrize("image_format", FORMATS)
def test_equal_frames_have_no_moving_copy(image_format: str) -> None:
    """The frames of these files differ by less than compression may change."""
    nearly = RED.copy()
    ImageDraw.Draw(nearly).point((5, 5), "#fbfbfb")
    original = saved(image_format, [RED, nearly])
    with Image.open(io.BytesIO(original)) as image:
        assert getattr(image, "n_frames", 1) == 2
    assert render(original).animated is None


@pytest.mark.parametrize("image_format", [*FORMATS, "JPEG", "AVIF"])
def test_a_picture_of_one_frame_has_no_moving_copy(image_format: str) -> None:
    out = io.BytesIO()
    RED.convert("RGB").save(out, image_format)
    assert render(out.getvalue()).animated is None


def test_an_animation_of_more_frames_than_the_limit_has_no_moving_copy() -> None:
    pair = [image.resize((8, 8)) for image in (RED, BLUE)]
    frames = [pair[number % 2] for number in range(91)]
    for image_format in FORMATS:
        assert len(shown(render(saved(image_format, frames[:90], 30)).animated)) == 90
        assert render(saved(image_format, frames, 30)).animated is None


def test_an_animation_of_more_pixels_than_the_limit_has_no_moving_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(animation, "MOST_PIXELS", 60 * 60 * 3)
    assert render(saved("GIF", [RED, BLUE, RED])).animated
    assert render(saved("GIF", [RED, BLUE, RED, BLUE])).animated is None


def test_a_moving_copy_that_would_be_too_large_is_tried_with_a_lower_quality_or_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frames of noise hardly shrink: a few of them fit, more fit with a lower quality, and many do not."""
    original = saved("WEBP", noise(48, 6), 20)
    whole = render(original).animated
    assert whole is not None
    for share in (1.0, 0.8, 0.4):
        monkeypatch.setattr(moving_copy, "MOST_BYTES", int(len(whole) * share))
        copy = render(original).animated
        if share == 1.0:
            assert copy == whole
        elif share == 0.8:
            assert copy is not None
            assert len(copy) <= len(whole) * share
        else:
            assert copy is None


def test_a_moving_copy_has_at_most_300_kb() -> None:
    assert moving_copy.MOST_BYTES == 300_000
    assert render(saved("WEBP", noise(192, 30), 20)).animated is None


def test_no_side_of_a_moving_copy_is_longer_than_192_pixels() -> None:
    assert moving_size(400, 200) == (192, 96)
    assert moving_size(200, 400) == (96, 192)
    assert moving_size(191, 50) == (191, 50)
    assert moving_size(5000, 1) == (192, 1)
    wide = [image.resize((400, 200)) for image in (RED, BLUE)]
    assert shown(render(saved("GIF", wide)).animated)[0][1].size == (192, 96)


SPOTS = [frame("white", "red")]
for _color, _box in (("blue", (0, 0, 9, 9)), ("lime", (50, 50, 59, 59)), ("black", (5, 5, 14, 14))):
    SPOTS.append(frame("#0000"))
    ImageDraw.Draw(SPOTS[-1]).rectangle(_box, fill=_color)
RED_PIXEL, BLUE_PIXEL, NO_PIXEL = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
WHITE_PIXEL = (255, 255, 255, 255)


@pytest.mark.parametrize(
    ("disposal", "middle", "corner"),
    [
        # At the middle, where the first frame has a spot, and in the corner, where the second one has it.
        (1, [RED_PIXEL, RED_PIXEL, RED_PIXEL], [WHITE_PIXEL, BLUE_PIXEL, BLUE_PIXEL]),
        (2, [RED_PIXEL, NO_PIXEL, NO_PIXEL], [WHITE_PIXEL, BLUE_PIXEL, NO_PIXEL]),
        ([1, 3, 1, 1], [RED_PIXEL, RED_PIXEL, RED_PIXEL], [WHITE_PIXEL, BLUE_PIXEL, WHITE_PIXEL]),
    ],
    ids=["kept", "cleared", "restored"],
)
def test_frames_are_drawn_on_what_their_disposal_leaves(
    disposal: int | list[int], middle: list[Pixel], corner: list[Pixel]
) -> None:
    frames = [image for _, image in shown(render(saved("GIF", SPOTS, disposal=disposal)).animated)]
    assert len(frames) == len(SPOTS)
    for image, at_middle, at_corner in zip(frames, middle, corner, strict=False):
        assert is_near(at(image, 30, 30), at_middle) or at_middle[3] == at(image, 30, 30)[3] == 0
        assert is_near(at(image, 3, 3), at_corner) or at_corner[3] == at(image, 3, 3)[3] == 0


@pytest.mark.parametrize(("blend", "under"), [(1, (255, 0, 0, 255)), (0, NO_PIXEL)])
def test_a_frame_of_a_png_replaces_what_is_below_it_unless_it_is_blended(blend: int, under: Pixel) -> None:
    frames = shown(render(saved("PNG", SPOTS[:2], blend=blend, disposal=0)).animated)
    assert is_near(at(frames[1][1], 3, 3), BLUE_PIXEL)
    assert at(frames[1][1], 30, 30)[3] == under[3]


def test_the_moving_copy_has_the_colors_and_the_orientation_of_the_still() -> None:
    """The first frame is the still. Its numbers are for a gamma of 1.0, and it is turned by 90 degrees."""
    first, second = (Image.new("RGB", (60, 40), color) for color in ("#404040", "#0000c0"))
    ImageDraw.Draw(first).rectangle((0, 0, 20, 39), fill="#806040")
    plain = saved("PNG", [first, second])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved("PNG", [first, second], exif=exif.tobytes())
    gamma = b"gAMA" + (100_000).to_bytes(4, "big")
    at_chunk = turned.index(b"acTL") - 4
    linear = turned[:at_chunk] + chunk(gamma) + turned[at_chunk:]
    for original in (plain, turned, linear):
        picture = render(original)
        with Image.open(io.BytesIO(picture.thumbnails[96])) as still:
            moving = shown(picture.animated)[0][1]
            assert moving.size == still.size == (picture.width, picture.height)
            for x, y in ((10, 10), (30, 30)):
                assert is_near(at(moving, x, y), at(still.convert("RGBA"), x, y))
    assert is_near(at(shown(render(linear).animated)[0][1], 5, 50), (137, 137, 137, 255))


def chunk(kind_and_content: bytes) -> bytes:
    length = (len(kind_and_content) - 4).to_bytes(4, "big")
    return length + kind_and_content + zlib.crc32(kind_and_content).to_bytes(4, "big")


@pytest.mark.parametrize(("image_format", "frames_left"), [("GIF", 0), ("PNG", 0), ("WEBP", 2)])
def test_a_truncated_frame_costs_the_moving_copy_and_not_the_still(
    image_format: str, frames_left: int
) -> None:
    """The chunks of a WebP say where a frame ends, so the truncated one is left out."""
    original = saved(image_format, [RED, *noise(60, 2), BLUE])
    picture, whole = render(original[: len(original) * 2 // 3]), render(original)
    assert len(shown(whole.animated)) == 4
    assert picture.thumbnails == whole.thumbnails
    assert (len(shown(picture.animated)) if picture.animated else 0) == frames_left


def test_no_error_of_the_moving_copy_reaches_the_still(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bytes:
        raise MemoryError

    original = saved("GIF", [RED, BLUE])
    monkeypatch.setattr("imagecache.imaging.pictures.animated_webp", fails)
    picture = render(original)
    assert picture.animated is None
    assert picture.thumbnails


@pytest.mark.parametrize(
    ("name", "durations"),
    [
        ("gif-first-frame-blank.gif", [20, 1000]),
        ("gif-fade-in-black.gif", [20, 500]),
        ("apng-first-frame-blank.png", [20, 1000]),
    ],
)
def test_a_reported_animation_moves_although_its_still_is_the_second_frame(
    name: str, durations: list[int]
) -> None:
    frames = shown(render((FOLDER / name).read_bytes()).animated)
    assert [duration for duration, _ in frames] == durations
    assert is_near(at(frames[1][1], 30, 30), (220, 20, 20, 255))
