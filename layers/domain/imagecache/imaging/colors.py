"""Converts pixels to sRGB, the colors of the web, with LittleCMS."""

import io
from functools import lru_cache
from importlib import import_module
from itertools import chain, product
from types import ModuleType
from typing import Any, NamedTuple

from PIL import Image, ImageChops

_HEADER_BYTES = 128
MOST_CACHED_BYTES = 64 * 1024
"""The longest profile whose conversion is computed only once."""
_MOST_TAGS = 100  # which LittleCMS accepts
_SAMPLES = bytes(chain.from_iterable(product(range(0, 256, 51), repeat=3)))
"""Colors by which a profile for sRGB is recognised: there are many, and their pictures need no conversion."""
_CLASSES = {b"mntr", b"scnr", b"prtr", b"spac"}
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}


class Profile(NamedTuple):
    """A color profile, and the mode of the pixels that it is for: RGB, L or CMYK."""

    icc: bytes
    mode: str


def is_profile(icc: bytes) -> bool:
    """Returns whether bytes have the head and the tags of a profile for pixels."""
    if len(icc) < _HEADER_BYTES + 4 or icc[36:40] != b"acsp" or icc[12:16] not in _CLASSES:
        return False
    length, tags = (int.from_bytes(icc[at : at + 4], "big") for at in (0, _HEADER_BYTES))
    return length <= len(icc) and 0 < tags <= _MOST_TAGS


def fitting_profile(image: Image.Image, icc: bytes | None) -> Profile | None:
    """Returns the profile if it is for pixels of this kind. A gray image may have one for RGB, too."""
    if icc is None or not is_profile(icc):
        return None
    match _MODES.get(icc[16:20]), image.mode:
        case ("CMYK", "CMYK"):
            return Profile(icc, "CMYK")
        case ("L", "1" | "L" | "LA"):
            return Profile(icc, "L")
        case ("RGB", mode) if mode != "CMYK":
            return Profile(icc, "RGB")
    return None


def to_srgb(image: Image.Image, profile: Profile) -> Image.Image:
    """Converts an image in the mode of its profile, or in RGBA, to RGB or RGBA.

    If the profile is broken, the numbers stay as they are.
    """
    if image.mode != "RGBA":
        return _converted(image, profile) or (image if image.mode == "RGB" else image.convert("RGB"))
    colors = image.getchannel(0) if profile.mode == "L" else image.convert("RGB")
    converted = _converted(colors, profile)
    if converted is None:
        return image
    converted.putalpha(image.getchannel("A"))
    return converted


def _converted(image: Image.Image, profile: Profile) -> Image.Image | None:
    is_small = len(profile.icc) <= MOST_CACHED_BYTES
    transform = _cached_transform(profile) if is_small else _transform(profile)
    try:
        converted: Image.Image | None = transform and _cms().applyTransform(image, transform)
    except (_cms().PyCMSError, OSError, ValueError):
        return None
    return converted


@lru_cache(maxsize=4)
def _cached_transform(profile: Profile) -> Any:
    """Returns the conversion of a profile. Most pictures have one of few, and threads may share it."""
    return _transform(profile)


def _transform(profile: Profile) -> Any:
    """Returns LittleCMS's conversion to sRGB, or None if the profile is broken or is that of sRGB itself."""
    cms = _cms()
    # A full table for four inks takes 60 ms to compute.
    flags = cms.Flags.LOWRESPRECALC if profile.mode == "CMYK" else cms.Flags.NONE
    try:
        source = cms.ImageCmsProfile(io.BytesIO(profile.icc))
        target = cms.createProfile("sRGB")
        transform = cms.buildTransform(source, target, profile.mode, "RGB", cms.Intent.PERCEPTUAL, flags)
        samples = Image.frombytes("RGB", (len(_SAMPLES) // 3, 1), _SAMPLES)
        is_srgb = profile.mode == "RGB" and _differ_little(samples, cms.applyTransform(samples, transform))
    except (cms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if is_srgb else transform


def _differ_little(first: Image.Image, second: Image.Image) -> bool:
    extrema = ImageChops.difference(first, second).getextrema()
    return all(most <= 1 for _, most in extrema)  # type: ignore[misc] # of three bands


def _cms() -> ModuleType:
    """Returns Pillow's interface to LittleCMS, which is loaded for the first picture that has a profile."""
    return import_module("PIL.ImageCms")
