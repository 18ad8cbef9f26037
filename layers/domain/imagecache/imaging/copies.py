"""Says how large each stored copy of a picture is, and on which color a transparent picture can be seen."""

import math

from PIL import Image

from imagecache.model.image import SIZES

*_, LARGEST_FILLING, _LARGEST = sorted(SIZES)
_MOST_ELONGATED = 4  # a longer picture does not fill its square, so that its copy stays small
_BACKDROPS = ("#ffffff", "#202124", "#8a8a8a")  # the first is taken if several are equally good
_LEAST_CONTRAST = 1.6  # the ratio of WCAG 2; with less, a pixel hardly differs from what is behind it
_OPAQUE = 250  # alpha: compression with loss makes opaque pixels a little transparent
_FEW_PIXELS = 0.005


def copy_size(size: int, width: int, height: int) -> tuple[int, int]:
    """Returns the width and height of the copy of this size of a picture. No copy is larger than the picture.

    A copy of 96 or 192 has its size as its shortest side, so that it fills a square or a circle of that size
    sharply. Its longest side is at most four times as long. The largest copy is for looking at the whole
    picture: its longest side has its size, unless the copy of 192 is larger.
    """
    shortest, longest = sorted((width, height))
    filling = min(size, LARGEST_FILLING)
    share = min(filling / shortest, _MOST_ELONGATED * filling / longest)
    if size == _LARGEST:
        share = max(share, size / longest)
    share = min(share, 1)
    return max(1, round(width * share)), max(1, round(height * share))


def backdrop_of(image: Image.Image) -> str:
    """Returns the color behind a transparent picture on which most of it can be seen, as `#rrggbb`.

    `image` is in RGBA, and should be small. Returns an empty text for an opaque picture.
    """
    least_alpha, _ = image.getchannel("A").getextrema()
    if isinstance(least_alpha, int) and least_alpha >= _OPAQUE:  # as most pictures are
        return ""
    pixels = list(zip(*(band.tobytes() for band in image.split()), strict=True))
    if sum(alpha < _OPAQUE for *_, alpha in pixels) <= _FEW_PIXELS * len(pixels):
        return ""
    seen = [(_luminance(red, green, blue), alpha) for red, green, blue, alpha in pixels if alpha]

    def unseen(backdrop: str) -> int:
        red, green, blue = bytes.fromhex(backdrop[1:])
        ground = _luminance(red, green, blue)
        return sum(alpha for light, alpha in seen if _contrast(light, ground) < _LEAST_CONTRAST)

    return min(_BACKDROPS, key=unseen)


def _luminance(red: int, green: int, blue: int) -> float:
    """Returns the relative luminance of a color (WCAG 2), with a power in place of sRGB's exact curve."""
    red_light, green_light, blue_light = (math.pow(value / 255, 2.2) for value in (red, green, blue))
    return 0.2126 * red_light + 0.7152 * green_light + 0.0722 * blue_light


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
