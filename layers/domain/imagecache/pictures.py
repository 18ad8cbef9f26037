"""Bytes that claim to be an image → what they are, and a WebP of each size. The only module that decodes."""

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from imagecache.errors import ImageFailedError
from imagecache.model import SIZES, FailureReason, Picture

# By name: Pillow knows many more formats, some of which start other programs.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
_MAX_PIXELS = 40_000_000
Image.MAX_IMAGE_PIXELS = None  # checked below, once, before a pixel is decoded
# 16 ms instead of 37 ms of CPU an image at Pillow's default of 4; the files are hardly larger.
_WEBP_METHOD = 2
_WEBP_QUALITY = 80


def render(original: bytes) -> Picture:
    """Decode once, first frame, upright. Raises ImageFailedError (UNSUPPORTED, UNDECODABLE, TOO_LARGE)."""
    try:
        with Image.open(io.BytesIO(original), formats=_FORMATS) as image:
            return _render(image)
    except ImageFailedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageFailedError(FailureReason.UNSUPPORTED, "none of the accepted formats") from error
    except Exception as error:  # a decoder raises anything, not only OSError: the image's fault
        raise ImageFailedError(FailureReason.UNDECODABLE, type(error).__name__) from error


def _render(image: Image.Image) -> Picture:
    if image.width * image.height > _MAX_PIXELS:
        raise ImageFailedError(FailureReason.TOO_LARGE, "too many pixels")
    content_type = Image.MIME[image.format or ""]
    # JPEG can be decoded at a fraction of its size: no smaller than the largest thumbnail.
    orientation_swaps = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
    width, height = (image.height, image.width) if orientation_swaps else (image.width, image.height)
    image.draft("RGB", (max(SIZES), max(SIZES)))
    upright = _plain(ImageOps.exif_transpose(image))
    thumbnails: dict[int, bytes] = {}
    for size in sorted(SIZES, reverse=True):
        upright.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
        thumbnails[size] = _webp(upright)
    return Picture(content_type, width, height, thumbnails)


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where something shows through."""
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
    return out.getvalue()
