"""Computes ThumbHashes: about 25 bytes from which a browser paints a blurred preview of an image.

The algorithm is by Evan Wallace (https://evanw.github.io/thumbhash/, MIT). It keeps a few cosine
coefficients of luminance, of two color differences and, if the image has transparency, of alpha, each in
four bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, floor, pi
from operator import add, mul, sub

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
    has_alpha = min(rgba[3::4]) != 255
    alpha = [value / 255 for value in rgba[3::4]] if has_alpha else None
    red, green, blue = (_composed_on_mean(rgba[index::4], alpha) for index in range(3))
    most_waves = 5 if has_alpha else 7
    across = max(1, _round(most_waves * width / max(width, height)))
    down = max(1, _round(most_waves * height / max(width, height)))

    # `map` with functions of `operator` takes half the time of a loop over the pixels.
    size = (width, height)
    yellow = list(map(add, red, green))
    luminance = _encode(list(map(add, yellow, blue)), 3 * 255, size, max(3, across), max(3, down))
    yellow_blue = _encode(list(map(sub, yellow, map(add, blue, blue))), 2 * 255, size, 3, 3)
    red_green = _encode(list(map(sub, red, green)), 255, size, 3, 3)
    channels = [luminance, yellow_blue, red_green]

    # The header: means, scales and numbers of waves in as few bits as possible.
    is_landscape = width > height
    head = _round(63 * luminance.mean) | _round(31.5 + 31.5 * yellow_blue.mean) << 6
    head |= _round(31.5 + 31.5 * red_green.mean) << 12 | _round(31 * luminance.scale) << 18 | has_alpha << 23
    tail = (down if is_landscape else across) | _round(63 * yellow_blue.scale) << 3
    tail |= _round(63 * red_green.scale) << 9 | is_landscape << 15
    out = bytearray(head.to_bytes(3, "little") + tail.to_bytes(2, "little"))
    if alpha:
        transparency = _encode(alpha, 1, size, 5, 5)
        out.append(_round(15 * transparency.mean) | _round(15 * transparency.scale) << 4)
        channels.append(transparency)
    return bytes(out) + _pack([wave for channel in channels for wave in channel.waves])


def _composed_on_mean(values: bytes, alpha: Sequence[float] | None) -> list[float]:
    """Returns one color from 0 to 255. Transparent pixels get the mean of the visible ones.

    `alpha` is None if all pixels are opaque.
    """
    if alpha is None:
        return list(map(float, values))
    visible = sum(alpha)
    mean = sum(map(mul, values, alpha)) / visible if visible else 0.0
    return [mean * (1 - a) + a * value for value, a in zip(values, alpha, strict=True)]


def _encode(values: Sequence[float], unit: float, size: tuple[int, int], across: int, down: int) -> _Channel:
    """Returns a discrete cosine transform, of which the lower triangle is kept. `unit` is the value of 1."""
    width, height = size
    rows = [values[y * width : (y + 1) * width] for y in range(height)]
    # The rows are transformed first. Then each coefficient takes one pass over the rows, not over the pixels.
    along = [[sum(map(mul, row, wave)) for row in rows] for wave in _waves(width, across)]
    kept = [
        sum(map(mul, along[wave_across], wave)) / (width * height * unit)
        for wave_down, wave in enumerate(_waves(height, down))
        for wave_across in range(across)
        if wave_across * down < across * (down - wave_down)
    ]
    mean, *waves = kept
    scale = max(map(abs, waves), default=0.0)
    return _Channel(mean, [0.5 + 0.5 / scale * wave for wave in waves] if scale else waves, scale)


@lru_cache(maxsize=64)
def _waves(pixels: int, count: int) -> list[list[float]]:
    """Returns cosine waves along a side of this many pixels: the constant one, half a wave, and so on."""
    return [[cos(pi / pixels * wave * (x + 0.5)) for x in range(pixels)] for wave in range(count)]


def _pack(waves: Sequence[float]) -> bytes:
    """Packs each wave into four bits, the first one of two into the lower half of the byte."""
    nibbles = [_round(15 * wave) for wave in waves] + [0] * (len(waves) % 2)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _round(value: float) -> int:
    """Rounds halves up, as JavaScript does. Python's own function rounds them to even numbers."""
    return floor(value + 0.5)
