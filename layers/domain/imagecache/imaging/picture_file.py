"""What the modules for the file formats return: a file that is understood, and the picture that is in it.

Most classes of this package are tuples, because each frozen dataclass adds a millisecond to a cold start.
"""

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

from imagecache.imaging.animation import Animation
from imagecache.imaging.exif import UPRIGHT

LEAST_SHARE_DECODED = 7 / 8
"""The share of its pixels that the picture of a truncated file must still have."""


class DecodingError(Exception):
    """The bytes are not a picture. `render` reports it as an image that cannot be decoded."""


class Still(NamedTuple):
    """A decoded picture, not yet turned upright.

    If its file is truncated, `rows_decoded` is the share of its rows that have pixels. The others are
    transparent when it is shown, as they are in Chromium.
    """

    image: Image.Image
    rows_decoded: float = 1.0


class PictureFile(NamedTuple):
    """A file whose head was read: its size in pixels is known, and no pixel is decoded yet.

    `format` is the name that Pillow has for it, or HEIF, or HEIF_DEEP for one with alpha or more than 8 bits.
    `orientation` is as in EXIF. `icc` is a color profile, or None for sRGB. `frames` is the number of frames
    that may be decoded to find the one that is shown. `decode` returns it. `animation` is None for a picture
    that gets no moving copy.
    """

    format: str
    size: tuple[int, int]
    decode: Callable[[], Still]
    orientation: int = UPRIGHT
    icc: bytes | None = None
    frames: int = 1
    animation: Animation | None = None
