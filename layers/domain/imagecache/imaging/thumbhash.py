"""RGBA pixels → ThumbHash: about 25 bytes that a browser turns into a blurred preview before any image loads.

The algorithm is Evan Wallace's (https://evanw.github.io/thumbhash/, MIT): a few cosine coefficients of
luminance, two colour differences and, where something shows through, alpha, each in four bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, pi
from operator import mul

MOST_PIXELS_A_SIDE = 24
"""More make it slower and no better: at most 7 waves are kept of each side. The format allows 100."""


@dataclass(frozen=True, slots=True)
class _Channel:
    """`steady` is the mean; `waves` are 0 to 1 around 0.5, in units of `scale`."""

    steady: float
    waves: list[float]
    scale: float


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """The hash of `width` x `height` pixels: at most 100 a side, four bytes each, not premultiplied."""
    alpha = [value / 255 for value in rgba[3::4]]
    red, green, blue = (_on_average(rgba[index::4], alpha) for index in range(3))
    has_alpha = any(value != 255 for value in rgba[3::4])
    limit = 5 if has_alpha else 7
    across = max(1, _round(limit * width / max(width, height)))
    down = max(1, _round(limit * height / max(width, height)))

    luminance = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow_blue = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    red_green = [r - g for r, g in zip(red, green, strict=True)]
    size = (width, height)
    light = _encode(luminance, size, max(3, across), max(3, down))
    warmth = _encode(yellow_blue, size, 3, 3)
    tint = _encode(red_green, size, 3, 3)
    channels = [light, warmth, tint]

    is_landscape = width > height
    head = _round(63 * light.steady) | _round(31.5 + 31.5 * warmth.steady) << 6
    head |= _round(31.5 + 31.5 * tint.steady) << 12 | _round(31 * light.scale) << 18 | has_alpha << 23
    tail = (down if is_landscape else across) | _round(63 * warmth.scale) << 3
    tail |= _round(63 * tint.scale) << 9 | is_landscape << 15
    out = bytearray(head.to_bytes(3, "little") + tail.to_bytes(2, "little"))
    if has_alpha:
        veil = _encode(alpha, size, 5, 5)
        out.append(_round(15 * veil.steady) | _round(15 * veil.scale) << 4)
        channels.append(veil)
    return bytes(out) + _packed([wave for channel in channels for wave in channel.waves])


def _on_average(values: bytes, alpha: Sequence[float]) -> list[float]:
    """One colour, 0 to 1, laid over its own mean where something shows through."""
    visible = sum(alpha)
    mean = sum(value * a for value, a in zip(values, alpha, strict=True)) / 255 / visible if visible else 0.0
    return [mean * (1 - a) + a / 255 * value for value, a in zip(values, alpha, strict=True)]


def _encode(values: Sequence[float], size: tuple[int, int], across: int, down: int) -> _Channel:
    """A discrete cosine transform of which the lower triangle is kept."""
    width, height = size
    columns = [[cos(pi / width * wave * (x + 0.5)) for x in range(width)] for wave in range(across)]
    rows = [values[y * width : (y + 1) * width] for y in range(height)]
    # Along each row first: then every coefficient costs one pass over the rows and not over the pixels.
    along = [[sum(map(mul, row, column)) for row in rows] for column in columns]
    kept: list[float] = []
    for wave_down in range(down):
        line = [cos(pi / height * wave_down * (y + 0.5)) for y in range(height)]
        kept += [
            sum(map(mul, along[wave_across], line)) / (width * height)
            for wave_across in range(across)
            if wave_across * down < across * (down - wave_down)
        ]
    steady, *waves = kept
    scale = max(map(abs, waves), default=0.0)
    return _Channel(steady, [0.5 + 0.5 / scale * wave for wave in waves] if scale else waves, scale)


def _packed(waves: Sequence[float]) -> bytes:
    """Four bits each, the first one in the lower half."""
    nibbles = [_round(15 * wave) for wave in waves] + [0] * (len(waves) % 2)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _round(value: float) -> int:
    """As JavaScript rounds: Python's own rounds halves to even."""
    return floor(value + 0.5)
