"""Bytes that claim to be an image → what they are, and a WebP of each size. The only module that decodes.

Time and memory are bounded by what is let in: 5 MB of bytes (the sources' cap), 40 megapixels counted before
a pixel is decoded, the first frame only, and one decode above 4 megapixels at a time: at four bytes a pixel
160 MB, and twice that for the rare modes that must be converted. What still takes for ever ends with the
function's timeout, and with the third of those the image is recorded as crashed.
"""

import base64
import contextlib
import io
import threading

# By name: Pillow knows many more formats, some of which start other programs, and would load them all to
# look for one of these.
from PIL import (
    AvifImagePlugin,  # noqa: F401 - registers itself
    GifImagePlugin,  # noqa: F401 - registers itself
    Image,
    ImageOps,
    JpegImagePlugin,  # noqa: F401 - registers itself
    PngImagePlugin,  # noqa: F401 - registers itself
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401 - registers itself
)

from imagecache.errors import ImageFailedError
from imagecache.imaging.thumbhash import MOST_PIXELS_A_SIDE, thumbhash
from imagecache.model.image import SIZES, FailureReason, Picture

_CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what phones make: JPEGs with more JPEGs behind the first
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
}
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
_MAX_PIXELS = 40_000_000
_LARGE_PIXELS = 4_000_000
_one_large_image = threading.Lock()
Image.MAX_IMAGE_PIXELS = None  # checked below, once, before a pixel is decoded
# 16 ms instead of 37 ms of CPU an image at Pillow's default of 4; the files are hardly larger.
_WEBP_METHOD = 2
_WEBP_QUALITY = 80
_ORIENTATION = 0x0112

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def render(original: bytes) -> Picture:
    """Decode once, first frame, upright.

    Raises ImageFailedError (UNSUPPORTED, UNSUPPORTED_HEIC, UNSUPPORTED_SVG, UNDECODABLE, TOO_LARGE).
    """
    try:
        with Image.open(io.BytesIO(original), formats=_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > _MAX_PIXELS:
                raise ImageFailedError(FailureReason.TOO_LARGE, "too many pixels")
            with _one_large_image if pixels > _LARGE_PIXELS else contextlib.nullcontext():
                return _render(image)
    except ImageFailedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageFailedError(_what_it_is(original), "none of the accepted formats") from error
    except Exception as error:  # a decoder raises anything, not only OSError: the image's fault
        raise ImageFailedError(FailureReason.UNDECODABLE, type(error).__name__) from error


def _what_it_is(original: bytes) -> FailureReason:
    """Why Pillow did not know these bytes: another format, or one of ours whose head is broken."""
    if original.startswith(_MAGIC) or (original[:4] == b"RIFF" and original[8:12] == b"WEBP"):
        return FailureReason.UNDECODABLE
    if original[4:8] == b"ftyp":
        brand = original[8:12]
        if brand in {b"avif", b"avis"}:
            return FailureReason.UNDECODABLE
        return FailureReason.UNSUPPORTED_HEIC if brand in _HEIC_BRANDS else FailureReason.UNSUPPORTED
    is_svg = original.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in original[:4096].lower()
    return FailureReason.UNSUPPORTED_SVG if is_svg else FailureReason.UNSUPPORTED


def _render(image: Image.Image) -> Picture:
    content_type = _CONTENT_TYPES[image.format or ""]
    turn = image.getexif().get(_ORIENTATION, 1)
    width, height = (image.height, image.width) if turn in {5, 6, 7, 8} else image.size
    # JPEG can be decoded at a fraction of its size: no smaller than the largest thumbnail.
    image.draft("RGB", (max(SIZES), max(SIZES)))
    small = _plain(image)
    small.thumbnail((max(SIZES), max(SIZES)), Image.Resampling.LANCZOS, reducing_gap=2.0)
    # Turned when small: a copy of a large picture is the memory of another one.
    small.getexif()[_ORIENTATION] = turn
    upright = ImageOps.exif_transpose(small)
    thumbnails: dict[int, bytes] = {}
    for size in sorted(SIZES, reverse=True):
        upright.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
        thumbnails[size] = _webp(upright)
    placeholder, color = _first_paint(upright)
    return Picture(content_type, width, height, thumbnails, placeholder, color)


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where something shows through. Pillow would cut 16 bits off at the top, not the bottom."""
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    if image.mode == "I":
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    # What is in its mode already would be copied: 160 MB of the largest picture.
    return image if image.mode == mode else image.convert(mode)


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    # Not the metadata, which a resized image still carries.
    image.save(out, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue()


def _first_paint(image: Image.Image) -> tuple[str, str]:
    """ThumbHash in base64 and the dominant colour as `#rrggbb`, on white where something shows through."""
    small = image.convert("RGBA")
    small.thumbnail((MOST_PIXELS_A_SIDE, MOST_PIXELS_A_SIDE), Image.Resampling.BOX)
    placeholder = base64.b64encode(thumbhash(*small.size, small.tobytes())).decode()
    opaque = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")
    palette = opaque.quantize(colors=8, method=Image.Quantize.MEDIANCUT)
    counts = palette.getcolors() or []
    _, index = max((count, -number) for count, number in counts if isinstance(number, int))
    red, green, blue = (palette.getpalette() or [])[-3 * index : -3 * index + 3]
    return placeholder, f"#{red:02x}{green:02x}{blue:02x}"
