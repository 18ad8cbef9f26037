"""Colors are converted to sRGB: the expected ones are what Chromium 156 showed of the same pictures."""

import io
import itertools
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from imagecache.imaging.colors import fitting_profile, to_srgb
from imagecache.imaging.matrix_profiles import (
    SRGB_CURVE,
    SRGB_PRIMARIES,
    Primaries,
    gamma_curve,
    matrix_profile,
    profile_of_codes,
)
from imagecache.imaging.pictures import render
from tests.color_difference import delta_e

Rgb = tuple[int, int, int]
LEFT, RIGHT = (200, 120, 90), (30, 60, 200)
UNCHANGED = (LEFT, RIGHT)
P3_SHOWN = ((213, 115, 83), (17, 61, 208))
LINEAR_SHOWN = ((229, 183, 160), (96, 133, 229))
D65 = (0.3127, 0.3290)
D50_XYZ = (0.9642, 1.0, 0.8249)


def made(primaries: Primaries, curve: bytes) -> bytes:
    profile = matrix_profile(primaries, curve)
    assert profile
    return profile


DISPLAY_P3 = made(Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65), SRGB_CURVE)
ADOBE_RGB = made(Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65), gamma_curve(2.19921875))
PRO_PHOTO = made(
    Primaries((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585)), gamma_curve(1.8)
)
LINEAR = made(SRGB_PRIMARIES, gamma_curve(1.0))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile_of(space: bytes, kind: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Returns a profile of version 2."""
    body = b"".join(content + bytes(-len(content) % 4) for content in tags.values())
    at = 132 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, content in tags.items():
        table += name + struct.pack(">II", at, len(content))
        at += len(content) + -len(content) % 4
    head = struct.pack(">I4xI", at, 0x02400000) + kind + space + pcs + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(value * 65536) for value in D50_XYZ))
    return head.ljust(128, b"\0") + table + body


def gray_profile(gamma: float) -> bytes:
    white = b"XYZ " + struct.pack(">I3i", 0, *(round(value * 65536) for value in D50_XYZ))
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    return profile_of(b"GRAY", b"mntr", b"XYZ ", {b"wtpt": white, b"kTRC": curve})


def cmyk_profile() -> bytes:
    """Returns a profile by which black ink alone gives a dark blue, and which is linear in L* otherwise."""
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    corners = b""
    for cyan, magenta, yellow, black in itertools.product((0, 1), repeat=4):
        light = 255 - 60 * (cyan + magenta + yellow) - 50 * black
        corners += bytes((max(light, 20), 128 + 40 * magenta - 40 * cyan, 128 + 40 * yellow - 60 * black))
    table = b"mft1" + struct.pack(">IBBBx", 0, 4, 3, 2) + matrix + identity * 4 + corners + identity * 3
    return profile_of(b"CMYK", b"prtr", b"Lab ", {b"A2B0": table})


def halves(mode: str = "RGB", size: tuple[int, int] = (64, 32)) -> Image.Image:
    image = Image.new("RGB", size, LEFT)
    image.paste(RIGHT, (size[0] // 2, 0, *size))
    return image.convert(mode)


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    fine: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95} if image.mode == "CMYK" else {"quality": 95, "subsampling": 0},
        "AVIF": {"quality": 95, "subsampling": "4:4:4"},
        "WEBP": {"lossless": True},
        "PNG": {},
    }
    out = io.BytesIO()
    image.save(out, image_format, **fine[image_format], **options)
    return out.getvalue()


def shown(original: bytes) -> tuple[Rgb, Rgb]:
    """Returns the colors in the middle of the halves."""
    with Image.open(io.BytesIO(render(original).thumbnails[640])) as thumbnail:
        image = thumbnail.convert("RGB")
    colors = [image.getpixel((int(x * image.width), image.height // 2)) for x in (0.25, 0.75)]
    left, right = (color for color in colors if isinstance(color, tuple))
    return left[:3], right[:3]  # type: ignore[return-value] # three bands


def are_near(colors: tuple[Rgb, Rgb], expected: tuple[Rgb, Rgb], most: float = 2.0) -> bool:
    return all(delta_e(have, want) <= most for have, want in zip(colors, expected, strict=True))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (DISPLAY_P3, P3_SHOWN),
        (ADOBE_RGB, ((224, 121, 88), (0, 60, 203))),
        (PRO_PHOTO, ((255, 114, 102), (0, 68, 219))),
        (LINEAR, LINEAR_SHOWN),
        (SRGB, UNCHANGED),
    ],
    ids=["Display P3", "Adobe RGB", "ProPhoto", "linear", "sRGB"],
)
def test_a_profile_is_applied(image_format: str, profile: bytes, expected: tuple[Rgb, Rgb]) -> None:
    colors = shown(saved(halves(), image_format, icc_profile=profile))
    # The blue of the wide profiles is outside of sRGB, where clipping may differ.
    assert delta_e(colors[0], expected[0]) <= 2.5
    assert delta_e(colors[1], expected[1]) <= (2.5 if profile in {DISPLAY_P3, LINEAR, SRGB} else 8)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA"])
def test_a_profile_is_applied_in_every_mode(mode: str) -> None:
    gray = Image.new("RGB", (32, 32), (128, 128, 128))
    image = gray.quantize(4) if mode == "P" else gray.convert(mode)
    colors = shown(saved(image, "PNG", icc_profile=LINEAR))
    assert are_near(colors, ((188, 188, 188), (188, 188, 188)))


@pytest.mark.parametrize(("gamma", "expected"), [(1.8, 158), (2.2, 141)])
@pytest.mark.parametrize(("image_format", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA")])
def test_a_gray_profile_is_applied(gamma: float, expected: int, image_format: str, mode: str) -> None:
    original = saved(halves(mode), image_format, icc_profile=gray_profile(gamma))
    assert delta_e(shown(original)[0], (expected,) * 3) <= 1.5


def test_a_gray_profile_of_a_colored_picture_is_ignored() -> None:
    assert are_near(shown(saved(halves(), "PNG", icc_profile=gray_profile(1.0))), UNCHANGED)


def test_a_profile_for_printing_inks_is_applied() -> None:
    """Without one, black ink is black."""
    black = Image.new("CMYK", (64, 32), (0, 0, 0, 255))
    assert shown(saved(black, "JPEG"))[0] == (0, 0, 0)
    red, green, blue = shown(saved(black, "JPEG", icc_profile=cmyk_profile()))[0]
    assert blue > 200
    assert blue - max(red, green) > 40


BROKEN = {
    "empty": b"\0",
    "short": b"abc",
    "cut off": DISPLAY_P3[:300],
    "without tags": DISPLAY_P3[:128] + bytes(len(DISPLAY_P3) - 128),
    "without contents": DISPLAY_P3[:220] + bytes(len(DISPLAY_P3) - 220),
    "too long": b"\xff\xff\xff\xff" + DISPLAY_P3[4:],
    "million tags": DISPLAY_P3[:128] + struct.pack(">I", 1_000_000) + DISPLAY_P3[132:],
    "Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    "for inks": DISPLAY_P3[:16] + b"CMYK" + DISPLAY_P3[20:],
    "noise": DISPLAY_P3[:132] + bytes(range(256)) * 2,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_broken_profile_is_ignored(image_format: str, name: str) -> None:
    original = saved(halves(), image_format, icc_profile=BROKEN[name])
    assert are_near(shown(original), UNCHANGED, most=2.5)


def test_a_profile_in_several_segments_needs_all_of_them() -> None:
    long = DISPLAY_P3 + bytes(100_000)
    whole = saved(halves(), "JPEG", icc_profile=struct.pack(">I", len(long)) + long[4:])
    assert are_near(shown(whole), P3_SHOWN, most=2.5)
    assert are_near(shown(whole.replace(b"ICC_PROFILE\0\2", b"ICC_PROFILE\0\7")), UNCHANGED, most=2.5)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def chromaticities(*values: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def iccp(profile: bytes, name: bytes = b"x", method: bytes = b"\0") -> bytes:
    return chunk(b"iCCP", name + b"\0" + method + zlib.compress(profile))


def cicp(*values: int) -> bytes:
    return chunk(b"cICP", bytes(values))


P3_POINTS = chromaticities(*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
SRGB_CHUNK = chunk(b"sRGB", b"\0")
STATED: dict[str, tuple[bytes, tuple[Rgb, Rgb]]] = {
    "gamma of 1": (gamma(100_000), LINEAR_SHOWN),
    "gamma of 1.8": (gamma(55_556), ((210, 139, 109), (40, 77, 210))),
    "gamma of 2.5": (gamma(40_000), ((195, 109, 77), (15, 46, 195))),
    "gamma of sRGB": (gamma(45_455), UNCHANGED),
    "gamma of 0": (gamma(0), UNCHANGED),
    "primaries without a gamma": (P3_POINTS, UNCHANGED),
    "primaries with a gamma": (gamma(45_455) + P3_POINTS, ((214, 116, 82), (6, 58, 209))),
    "primaries of 0": (gamma(100_000) + chromaticities(*[0.0] * 8), UNCHANGED),
    "sRGB and gamma": (SRGB_CHUNK + gamma(100_000), UNCHANGED),
    "empty sRGB and gamma": (chunk(b"sRGB", b"") + gamma(100_000), LINEAR_SHOWN),
    "unknown sRGB and gamma": (chunk(b"sRGB", b"\x09") + gamma(100_000), LINEAR_SHOWN),
    "profile and gamma": (iccp(DISPLAY_P3) + gamma(100_000), P3_SHOWN),
    "packed in another way, and gamma": (iccp(DISPLAY_P3, method=b"\1") + gamma(100_000), LINEAR_SHOWN),
    "profile without a name": (iccp(DISPLAY_P3, name=b""), UNCHANGED),
    "profile of 6 MB": (iccp(DISPLAY_P3 + bytes(6_000_000)), UNCHANGED),
    "codes of sRGB": (cicp(1, 13, 0, 1), UNCHANGED),
    "codes of Display P3": (cicp(12, 13, 0, 1), P3_SHOWN),
    "codes of ITU-R BT.2020": (cicp(9, 13, 0, 1), ((236, 105, 82), (0, 60, 210))),
    "codes of XYZ": (cicp(10, 13, 0, 1), ((255, 0, 95), (0, 88, 212))),
    "curve of ITU-R BT.709": (cicp(12, 1, 0, 1), ((210, 107, 73), (1, 50, 205))),
    "curve of 2.2": (cicp(12, 4, 0, 1), ((214, 116, 82), (6, 58, 209))),
    "curve of 2.8": (cicp(12, 5, 0, 1), ((202, 91, 56), (0, 36, 196))),
    "curve of SMPTE 240M": (cicp(12, 7, 0, 1), ((219, 130, 100), (38, 78, 214))),
    "curve of 1": (cicp(12, 8, 0, 1), ((238, 180, 157), (85, 134, 236))),
    "curve of cinemas": (cicp(12, 17, 0, 1), ((214, 103, 67), (0, 45, 209))),
    "codes with a limited range": (cicp(12, 13, 0, 0), UNCHANGED),
    "three codes": (cicp(12, 13, 0), UNCHANGED),
    "codes that mean nothing": (cicp(99, 13, 0, 1), UNCHANGED),
    "codes of sRGB and a profile": (cicp(1, 13, 0, 1) + iccp(DISPLAY_P3), UNCHANGED),
    "codes that mean nothing and a profile": (cicp(99, 13, 0, 1) + iccp(DISPLAY_P3), P3_SHOWN),
}


@pytest.mark.parametrize("name", STATED)
def test_what_a_png_states_about_its_colors_is_applied(name: str) -> None:
    chunks, expected = STATED[name]
    png = saved(halves(), "PNG")
    assert are_near(shown(png[:33] + chunks + png[33:]), expected)
    assert are_near(shown(png[:-12] + chunks + png[-12:]), UNCHANGED), "behind the pixels it has no effect"


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((12, 13), (213, 116, 83)),
        ((12, 2), (213, 116, 83)),
        ((9, 1), (236, 106, 82)),
        ((2, 8), (229, 183, 160)),
        ((1, 4), (201, 122, 90)),
        ((1, 13), (200, 120, 90)),
    ],
)
def test_the_codes_of_an_avif_are_applied(codes: tuple[int, int], expected: Rgb) -> None:
    avif = saved(halves(), "AVIF")
    at = avif.index(b"nclx") + 4
    changed = avif[:at] + struct.pack(">HH", *codes) + avif[at + 4 :]
    assert delta_e(shown(changed)[0], expected) <= 2


def test_bright_light_is_dimmed_to_what_a_display_shows() -> None:
    """The reference white of PQ and of HLG has half of the light of white."""
    for transfer, signal in ((16, 148), (18, 191)):
        png = saved(Image.new("RGB", (8, 8), (signal,) * 3), "PNG")
        assert delta_e(shown(png[:33] + cicp(1, transfer, 0, 1) + png[33:])[0], (188, 188, 188)) <= 1.5


def test_the_placeholder_and_the_dominant_color_are_converted_too() -> None:
    plain = Image.new("RGB", (32, 32), LEFT)
    picture = render(saved(plain, "PNG", icc_profile=DISPLAY_P3))
    converted = render(saved(Image.new("RGB", (32, 32), (213, 115, 83)), "PNG"))
    color = int(picture.color[1:3], 16), int(picture.color[3:5], 16), int(picture.color[5:], 16)
    assert delta_e(color, (213, 115, 83)) <= 2
    assert picture.placeholder == converted.placeholder


def test_codes_of_srgb_need_no_profile() -> None:
    assert profile_of_codes(1, 13) is None
    assert profile_of_codes(99, 13) is None


def test_a_profile_of_srgb_costs_no_conversion() -> None:
    rgb = Image.new("RGB", (8, 8), LEFT)
    profile = fitting_profile(rgb, SRGB)
    assert profile
    assert to_srgb(rgb, profile) is rgb
