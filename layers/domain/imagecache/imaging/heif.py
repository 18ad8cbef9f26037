"""Reads HEIC and other HEIF files with pillow-heif, which gets them without their EXIF data and XMP.

A HEIF is turned by its own properties, which the decoder applies, and never by EXIF data (ISO/IEC 23008-12).
"""

import io
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from PIL import Image

from imagecache.errors import ImageFailedError
from imagecache.imaging import iso_media
from imagecache.imaging.matrix_profiles import profile_of_video_codes
from imagecache.imaging.picture_file import DecodingError, PictureFile, Still
from imagecache.model.image import FailureReason

BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_HEVC = b"hvc1"
_MOST_PROFILE_BYTES = 32 * 1024 * 1024


def read_heif(content: bytes) -> PictureFile:
    """Reads a file with one of BRANDS. Raises what pillow-heif raises if it has no picture.

    Raises ImageFailedError (UNSUPPORTED_HEIC) if no picture in it is compressed with HEVC.
    """
    iso_media.check_items(content)
    kinds = iso_media.item_kinds(content)
    if _HEVC not in kinds:
        raise ImageFailedError(FailureReason.UNSUPPORTED_HEIC, "no picture in HEVC")
    # The library copies the profile for each picture in the file, before anything is reserved.
    if len(kinds) * iso_media.largest_profile(content) > _MOST_PROFILE_BYTES:
        raise DecodingError("too many profiles")
    file = _library().open_heif(io.BytesIO(iso_media.without_metadata(content)))
    primary = file[file.primary_index]
    codes = iso_media.color_codes(content)
    is_deep = primary.has_alpha or primary.info["bit_depth"] > 8
    return PictureFile(
        format="HEIF_DEEP" if is_deep else "HEIF",
        size=primary.size,
        decode=partial(_decode, primary),
        icc=primary.info.get("icc_profile") or (profile_of_video_codes(*codes) if codes else None),
    )


def _decode(primary: Any) -> Still:
    image = Image.frombytes(primary.mode, primary.size, primary.data, "raw", primary.mode, primary.stride)
    return Still(image.convert("RGBA") if image.mode == "RGBa" else image)


def _library() -> ModuleType:
    """Returns pillow-heif, which is loaded for the first HEIF, so that other pictures do not wait for it."""
    library = import_module("pillow_heif")
    options = library.options
    # Each thread of the decoder would decode a tile of its own, and take memory for it.
    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    return library
