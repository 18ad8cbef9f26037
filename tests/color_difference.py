"""Computes how different two colors look: CIEDE2000 (ISO/CIE 11664-6), for which 1 is just visible."""

from math import atan2, cos, degrees, exp, hypot, radians, sin

Rgb = tuple[int, int, int]
_MATRIX = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
_WHITE = (0.95047, 1.0, 1.08883)


def delta_e(first: Rgb, second: Rgb) -> float:
    """Returns the difference of two colors of sRGB."""
    return ciede2000(_lab(first), _lab(second))


def ciede2000(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """Returns the difference of two colors of CIELAB, as Sharma, Wu and Dalal write it (2005)."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean_7 = ((hypot(a1, b1) + hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * (mean_7 / (mean_7 + 25**7)) ** 0.5
    c1, c2 = hypot(a1 * stretch, b1), hypot(a2 * stretch, b2)
    h1, h2 = (degrees(atan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 and c2 else 0.0
    d_l, d_c, d_h = l2 - l1, c2 - c1, 2 * (c1 * c2) ** 0.5 * sin(radians(turn / 2))
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2
    h_mean = (h1 + turn / 2) % 360 if c1 and c2 else h1 + h2
    t = 1 - 0.17 * cos(radians(h_mean - 30)) + 0.24 * cos(radians(2 * h_mean))
    t += 0.32 * cos(radians(3 * h_mean + 6)) - 0.20 * cos(radians(4 * h_mean - 63))
    s_l = 1 + 0.015 * (l_mean - 50) ** 2 / (20 + (l_mean - 50) ** 2) ** 0.5
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t
    turned = -2 * (c_mean**7 / (c_mean**7 + 25**7)) ** 0.5
    turned *= sin(radians(60 * exp(-(((h_mean - 275) / 25) ** 2))))
    light, chroma, hue = d_l / s_l, d_c / s_c, d_h / s_h
    return float((light**2 + chroma**2 + hue**2 + turned * chroma * hue) ** 0.5)


def _lab(color: Rgb) -> tuple[float, float, float]:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in color)]
    xyz = [
        sum(m * v for m, v in zip(row, linear, strict=True)) / w
        for row, w in zip(_MATRIX, _WHITE, strict=True)
    ]
    x, y, z = (v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
