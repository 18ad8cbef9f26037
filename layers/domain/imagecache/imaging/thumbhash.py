"""Computes ThumbHashes: about 25 bytes from which a browser paints a blurred preview of an image.

The algorithm is by Evan Wallace (https://evanw.github.io/thumbhash/, MIT). It keeps a few cosine
coefficients of luminance, of two color differences and, if the image has transparency, of alpha, each in
four bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, pi
from operator import mul

MOST_PIXELS_A_SIDE = 24
"""The most pixels on a side that make the hash better: it keeps at most 7 waves of each side."""


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel in the frequency domain: its mean, and its waves from 0 to 1 in units of `scale`."""

    mean: float
    waves: list[float]
    scale: float


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """Returns the hash of `width` x `height` pixels, of four bytes each, not premultiplied with alpha.

    The format allows at most 100 pixels on a side.
    """
    alpha = [value / 255 for value in rgba[3::4]]
    red, green, blue = (_composed_on_mean(rgba[index::4], alpha) for index in range(3))
    has_alpha = any(value != 255 for value in rgba[3::4])
    most_waves = 5 if has_alpha else 7
    across = max(1, _round(most_waves * width / max(width, height)))
    down = max(1, _round(most_waves * height / max(width, height)))

    size = (width, height)
    pixels = list(zip(red, green, blue, strict=True))
    luminance = _encode([(r + g + b) / 3 for r, g, b in pixels], size, max(3, across), max(3, down))
    yellow_blue = _encode([(r + g) / 2 - b for r, g, b in pixels], size, 3, 3)
    red_green = _encode([r - g for r, g, _ in pixels], size, 3, 3)
    channels = [luminance, yellow_blue, red_green]

    # The header: means, scales and numbers of waves in as few bits as possible.
    is_landscape = width > height
    head = _round(63 * luminance.mean) | _round(31.5 + 31.5 * yellow_blue.mean) << 6
    head |= _round(31.5 + 31.5 * red_green.mean) << 12 | _round(31 * luminance.scale) << 18 | has_alpha << 23
    tail = (down if is_landscape else across) | _round(63 * yellow_blue.scale) << 3
    tail |= _round(63 * red_green.scale) << 9 | is_landscape << 15
    out = bytearray(head.to_bytes(3, "little") + tail.to_bytes(2, "little"))
    if has_alpha:
        transparency = _encode(alpha, size, 5, 5)
        out.append(_round(15 * transparency.mean) | _round(15 * transparency.scale) << 4)
        channels.append(transparency)
    return bytes(out) + _pack([wave for channel in channels for wave in channel.waves])


def _composed_on_mean(values: bytes, alpha: Sequence[float]) -> list[float]:
    """Returns one color from 0 to 1. Transparent pixels get the mean of the visible ones."""
    visible = sum(alpha)
    mean = sum(value * a for value, a in zip(values, alpha, strict=True)) / 255 / visible if visible else 0.0
    return [mean * (1 - a) + a / 255 * value for value, a in zip(values, alpha, strict=True)]


def _encode(values: Sequence[float], size: tuple[int, int], across: int, down: int) -> _Channel:
    """Returns a discrete cosine transform, of which the lower triangle is kept."""
    width, height = size
    columns = [[cos(pi / width * wave * (x + 0.5)) for x in range(width)] for wave in range(across)]
    rows = [values[y * width : (y + 1) * width] for y in range(height)]
    # The rows are transformed first. Then each coefficient takes one pass over the rows, not over the pixels.
    along = [[sum(map(mul, row, column)) for row in rows] for column in columns]
    kept: list[float] = []
    for wave_down in range(down):
        line = [cos(pi / height * wave_down * (y + 0.5)) for y in range(height)]
        kept += [
            sum(map(mul, along[wave_across], line)) / (width * height)
            for wave_across in range(across)
            if wave_across * down < across * (down - wave_down)
        ]
    mean, *waves = kept
    scale = max(map(abs, waves), default=0.0)
    return _Channel(mean, [0.5 + 0.5 / scale * wave for wave in waves] if scale else waves, scale)


def _pack(waves: Sequence[float]) -> bytes:
    """Packs each wave into four bits, the first one of two into the lower half of the byte."""
    nibbles = [_round(15 * wave) for wave in waves] + [0] * (len(waves) % 2)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _round(value: float) -> int:
    """Rounds halves up, as JavaScript does. Python's own function rounds them to even numbers."""
    return floor(value + 0.5)
