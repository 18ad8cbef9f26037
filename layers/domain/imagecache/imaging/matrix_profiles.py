"""Writes ICC profiles for colors that are described by numbers: three primaries, a white point and a curve.

PNG and AVIF can describe their colors without a profile, and LittleCMS, which converts colors, reads profiles
only. The profiles have the form that ICC.1:2010 calls a three-component matrix-based display profile.
"""

import struct
from collections.abc import Mapping, Sequence
from math import exp, log
from typing import NamedTuple

Point = tuple[float, float]
"""The x and y of a color in the CIE diagram."""
Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


class Primaries(NamedTuple):
    """The chromaticities of red, green, blue and white."""

    red: Point
    green: Point
    blue: Point
    white: Point


_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)
SRGB_PRIMARIES = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_SMPTE_170M = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_PRIMARIES: Mapping[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: Primaries((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""The primaries of ITU-T H.273, by their code points."""


def _parametric(*values: float) -> bytes:
    """Returns a curve: `(g,)` is a power, `(g, a, b, c, d)` has a straight part below `d`."""
    function = {1: 0, 5: 3}[len(values)]
    return b"para" + struct.pack(f">IHH{len(values)}i", 0, function, 0, *map(_fixed, values))


def _table(values: Sequence[float]) -> bytes:
    samples = [round(65535 * min(max(value, 0.0), 1.0)) for value in values]
    return b"curv" + struct.pack(f">II{len(samples)}H", 0, len(samples), *samples)


def _fixed(value: float) -> int:
    return round(value * 65536)


SRGB_CURVE = _parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CINEMA_CURVE = _parametric(2.6, (52.37 / 48) ** (1 / 2.6), 0.0, 0.0, 0.0)  # SMPTE ST 428-1
_SMPTE_240M_CURVE = _parametric(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913)
_TABLE_SIZE = 4096
_REFERENCE_WHITE = 203 / 10_000  # ITU-R BT.2408: the white of ordinary content, of PQ's 10,000 cd/m²
_BRIGHTEST = 1000 / 203  # in units of the reference white


def _pq(signal: float) -> float:
    """Returns the light of SMPTE ST 2084 in units of the reference white."""
    root = signal ** (1 / 78.84375)
    light = (max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return float(light / _REFERENCE_WHITE)


def _hlg(signal: float) -> float:
    """Returns the light of ARIB STD-B67, for which a signal of 0.75 is the reference white."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073

    def scene(value: float) -> float:
        return value * value / 3 if value <= 0.5 else (exp((value - c) / a) + b) / 12

    return float((scene(signal) / scene(0.75)) ** 1.2)


def _dimmed(light: float) -> float:
    """Returns the light that a display for ordinary content shows instead, in units of its white.

    The reference white gets half of it, and brighter light the rest, as was measured in Chromium 156.
    """
    if light <= 1:
        return light / 2
    above = min((light - 1) / (_BRIGHTEST - 1), 1.0)
    return 0.5 + 0.5 * log(1 + 7 * above) / log(8)


def gamma_curve(exponent: float) -> bytes:
    """Returns the curve of a power, which is limited to what a profile can hold."""
    return _parametric(min(max(exponent, 0.0001), 32767.0))


def _curve_of_code(transfer: int) -> bytes | None:
    """Returns the curve of a code point of ITU-T H.273, or None if it is not supported."""
    match transfer:
        case 1 | 6 | 11 | 14 | 15:  # the curves of cameras, which displays answer with that of ITU-R BT.1886
            return gamma_curve(2.4)
        case 16 | 18:
            to_light = _pq if transfer == 16 else _hlg
            return _table([_dimmed(to_light(index / (_TABLE_SIZE - 1))) for index in range(_TABLE_SIZE)])
    gammas = {4: 2.2, 5: 2.8, 8: 1.0}
    others = {7: _SMPTE_240M_CURVE, 13: SRGB_CURVE, 17: _CINEMA_CURVE}
    return gamma_curve(gammas[transfer]) if transfer in gammas else others.get(transfer)


def are_supported(primaries: int, transfer: int) -> bool:
    """Returns whether two code points of ITU-T H.273 say what colors mean."""
    return primaries in _PRIMARIES and _curve_of_code(transfer) is not None


def profile_of_codes(primaries: int, transfer: int) -> bytes | None:
    """Returns a profile for two code points of ITU-T H.273. Returns None for sRGB and unsupported ones."""
    curve = _curve_of_code(transfer)
    if primaries not in _PRIMARIES or curve is None:
        return None
    return matrix_profile(_PRIMARIES[primaries], curve)


def profile_of_video_codes(primaries: int, transfer: int) -> bytes | None:
    """Returns a profile like `profile_of_codes`, for the code points of a frame of a video format.

    The code point 2 means "unspecified". Browsers then use sRGB, so this function does, too. Browsers also
    use the curve of sRGB in place of the curves of television, which are made for dark rooms.
    """
    is_ordinary = transfer in {1, 2, 6, 14, 15}
    return profile_of_codes(1 if primaries == 2 else primaries, 13 if is_ordinary else transfer)


def matrix_profile(primaries: Primaries, curve: bytes) -> bytes | None:
    """Returns a profile, or None for sRGB itself and for primaries of which no color can be made."""
    if primaries == SRGB_PRIMARIES and curve == SRGB_CURVE:
        return None
    try:
        red, green, blue = _columns(_to_d50(primaries))
        colorants = [b"XYZ " + struct.pack(">I3i", 0, *map(_fixed, column)) for column in (red, green, blue)]
    except (ZeroDivisionError, struct.error):
        return None
    white = b"XYZ " + struct.pack(">I3i", 0, *map(_fixed, _D50))
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True))
    tags |= {b"wtpt": white, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _file(tags)


_D50: Vector = (0.9642, 1.0, 0.8249)
_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def _to_d50(primaries: Primaries) -> Matrix:
    """Returns the matrix from linear RGB to XYZ, adapted to D50, the white point of all ICC profiles."""
    points = (primaries.red, primaries.green, primaries.blue)
    unscaled = _columns(tuple(_xyz(point) for point in points))  # type: ignore[arg-type] # three of them
    white = _xyz(primaries.white)
    white = (white[0] / white[1], 1.0, white[2] / white[1])
    scale = _apply(_inverse(unscaled), white)
    to_xyz: Matrix = tuple(tuple(v * s for v, s in zip(row, scale, strict=True)) for row in unscaled)  # type: ignore[assignment] # three of three
    have, want = _apply(_BRADFORD, white), _apply(_BRADFORD, _D50)
    cones: Matrix = tuple(
        tuple(value * w / h for value in row) for row, w, h in zip(_BRADFORD, want, have, strict=True)
    )  # type: ignore[assignment] # three of three
    return _multiply(_multiply(_inverse(_BRADFORD), cones), to_xyz)


def _xyz(point: Point) -> Vector:
    x, y = point
    return x, y, 1 - x - y


def _columns(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))  # type: ignore[return-value] # three of three


def _apply(matrix: Matrix, vector: Vector) -> Vector:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _multiply(left: Matrix, right: Matrix) -> Matrix:
    return _columns(tuple(_apply(left, column) for column in _columns(right)))  # type: ignore[arg-type] # three of three


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    adjugate = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple(tuple(value / determinant for value in row) for row in adjugate)  # type: ignore[return-value] # three of three


def _file(tags: Mapping[bytes, bytes]) -> bytes:
    """Returns a profile of version 4 with these tags. Equal tags share their bytes."""
    start = 128 + 4 + 12 * len(tags)
    body = b""
    offsets: dict[bytes, int] = {}
    table = struct.pack(">I", len(tags))
    for name, content in tags.items():
        if content not in offsets:
            offsets[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", offsets[content], len(content))
    header = struct.pack(">I4xI", start + len(body), 0x04300000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">3i", *map(_fixed, _D50))
    return header.ljust(128, b"\0") + table + body
