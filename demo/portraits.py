"""Makes the bytes of photo-like pictures. The same seed and image key always give the same bytes."""

import io
from enum import StrEnum
from functools import lru_cache
from random import Random

from PIL import Image, ImageEnhance

from demo.painting import paint

EXIF_ORIENTATION = 0x0112


class Finish(StrEnum):
    """The file format of a picture, including unusual features that decoders may fail on."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    PALETTE_PNG = "palette png"
    CMYK_JPEG = "cmyk jpeg"
    ROTATED_JPEG = "jpeg lying on its side, with the EXIF orientation that sets it upright"
    ANIMATED_GIF = "animated gif"


COMMON_FINISHES = (*[Finish.JPEG] * 7, Finish.PNG, *[Finish.WEBP] * 2)
"""The formats of most pictures. A common format is in this list several times."""


@lru_cache(maxsize=64)  # at most 100 KB each
def portrait(seed: int, subject: str, finish: Finish | None = None) -> bytes:
    """Returns the picture of a subject, in a common format if `finish` is None."""
    rng = Random(f"{seed}/{subject}")
    # Chosen even if it is not used, so that the same random numbers follow and the picture is the same.
    common_finish = rng.choice(COMMON_FINISHES)
    return _encode(paint(rng), finish or common_finish)


def _encode(picture: Image.Image, finish: Finish) -> bytes:
    encoded = io.BytesIO()
    match finish:
        case Finish.JPEG:
            picture.save(encoded, "JPEG", quality=85)
        case Finish.CMYK_JPEG:
            picture.convert("CMYK").save(encoded, "JPEG", quality=85)
        case Finish.ROTATED_JPEG:
            exif = Image.Exif()
            exif[EXIF_ORIENTATION] = 6
            picture.rotate(90, expand=True).save(encoded, "JPEG", quality=85, exif=exif)
        case Finish.WEBP:
            picture.save(encoded, "WEBP", quality=85, method=2)
        case Finish.PNG:
            _at_most(160, picture).save(encoded, "PNG")
        case Finish.PALETTE_PNG:
            _at_most(200, picture).quantize(64).save(encoded, "PNG")
        case Finish.ANIMATED_GIF:
            frames = [_frame(picture, brightness) for brightness in (1.0, 1.1, 1.2, 1.1)]
            frames[0].save(encoded, "GIF", save_all=True, append_images=frames[1:], duration=150, loop=0)
    return encoded.getvalue()


def _at_most(side: int, picture: Image.Image) -> Image.Image:
    """Returns the picture with sides of at most `side` pixels."""
    # Grain does not compress well without loss: larger lossless pictures would have more than 100 KB.
    return picture.resize((side, side)) if picture.width > side else picture


def _frame(picture: Image.Image, brightness: float) -> Image.Image:
    return ImageEnhance.Brightness(_at_most(128, picture)).enhance(brightness).quantize(32)
