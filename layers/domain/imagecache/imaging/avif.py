"""Reads AVIF files with Pillow, which gets them without their EXIF data and XMP.

An AVIF is turned by its own properties (`irot`, `imir`), and never by EXIF data (ISO/IEC 23000-22).
"""

import io
from functools import partial

from PIL import AvifImagePlugin, Image

from imagecache.imaging import iso_media
from imagecache.imaging.animation import first_shown_of, frames_looked_at
from imagecache.imaging.exif import orientation_of
from imagecache.imaging.matrix_profiles import profile_of_video_codes
from imagecache.imaging.picture_file import PictureFile, Still

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread of the decoder would keep frames of its own
BRANDS = {b"avif", b"avis"}
_EXIF = b"Exif\0\0"


def read_avif(content: bytes) -> PictureFile:
    """Reads a file with one of BRANDS. Raises DecodingError or what Pillow raises if it has no picture."""
    iso_media.check_items(content)
    image = Image.open(io.BytesIO(iso_media.without_metadata(content)), formats=("AVIF",))
    frames = frames_looked_at(image.size, getattr(image, "n_frames", 1))
    # Pillow describes the properties as EXIF data of its own.
    orientation = orientation_of(image.info.get("exif", b"").removeprefix(_EXIF))
    return PictureFile(
        format="AVIF",
        size=image.size,
        decode=partial(_decode, image, frames),
        orientation=orientation,
        icc=image.info.get("icc_profile") or _profile_of_codes(content),
        frames=frames,
    )


def _decode(image: Image.Image, frames: int) -> Still:
    with image:
        return Still(first_shown_of(image, frames))


def _profile_of_codes(content: bytes) -> bytes | None:
    codes = iso_media.color_codes(content)
    return profile_of_video_codes(*codes) if codes else None
