"""Makes photos for benchmarks: like those of a camera in size, sharpness and colors, and always the same."""

import io
import random

from PIL import Image, ImageDraw

_SIDE = 640
_QUALITY = 85
# As in photos, finer structures have less contrast: cells on a side, and the weight of their layer.
_LAYERS = ((3, 1.0), (6, 0.4), (14, 0.3), (32, 0.22), (80, 0.16), (200, 0.12), (_SIDE, 0.08))
_SHAPES = 12  # with hard edges


def photo(number: int) -> bytes:
    """Returns the JPEG file with this number: 640 x 640 pixels and about 70 KB."""
    random_numbers = random.Random(number)
    picture = Image.new("RGB", (_SIDE, _SIDE))
    for cells, weight in _LAYERS:
        noise = Image.frombytes("RGB", (cells, cells), random_numbers.randbytes(3 * cells * cells))
        picture = Image.blend(picture, noise.resize(picture.size, Image.Resampling.BICUBIC), weight)
    for _ in range(_SHAPES):
        _add_shape(picture, random_numbers)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _add_shape(picture: Image.Image, random_numbers: random.Random) -> None:
    """Tints an ellipse of the picture."""
    left, top = (random_numbers.randrange(-_SIDE // 4, _SIDE) for _ in range(2))
    width, height = (random_numbers.randrange(30, _SIDE // 2) for _ in range(2))
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((left, top, left + width, top + height), fill=255)
    color = Image.new("RGB", picture.size, tuple(random_numbers.randbytes(3)))
    picture.paste(Image.blend(picture, color, 0.6), mask=mask)
