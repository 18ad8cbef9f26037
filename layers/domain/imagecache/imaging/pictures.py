"""Decodes an image of unknown origin, and makes a WebP of each size. No other module decodes images.

Time and memory are limited by what is accepted. The sources send at most 5 MB. The pixels are counted
before any of them is decoded, and there may be 40 million of them. Only the first frame is decoded, and
only one picture above 4 megapixels at a time. The largest picture takes 160 MB at four bytes a pixel, and
twice that in the rare modes that have to be converted. A picture that still takes too long is ended by the
timeout of the function, and after the second time it is recorded as crashed.
"""

import base64
import contextlib
import io
import threading

# The formats are imported by name. Pillow knows many more, some of which start other programs, and it would
# load all of them to find the right one.
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
    "MPO": "image/jpeg",  # a JPEG of a phone, with more JPEGs behind the first one
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
}
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
_MAX_PIXELS = 40_000_000
_LARGE_PIXELS = 4_000_000
_one_large_image = threading.Lock()
Image.MAX_IMAGE_PIXELS = None  # `render` counts the pixels itself, before any is decoded
# Takes 16 ms of CPU for an image instead of 37 ms with Pillow's default of 4. The files are hardly larger.
_WEBP_METHOD = 2
_WEBP_QUALITY = 80
_ORIENTATION = 0x0112

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def render(original: bytes) -> Picture:
    """Decodes the first frame of an image and turns it upright.

    Raises ImageFailedError, with the reason that the bytes themselves give.
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
        raise ImageFailedError(_reason_unrecognised(original), "none of the accepted formats") from error
    except Exception as error:  # decoders raise exceptions of any type for broken bytes
        raise ImageFailedError(FailureReason.UNDECODABLE, type(error).__name__) from error


def _reason_unrecognised(original: bytes) -> FailureReason:
    """Returns why Pillow did not recognise the bytes: another format, or a broken head."""
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
    # A JPEG can be decoded at a fraction of its size. This one is at least as large as the largest thumbnail.
    image.draft("RGB", (max(SIZES), max(SIZES)))
    small = _to_rgb(image)
    small.thumbnail((max(SIZES), max(SIZES)), Image.Resampling.LANCZOS, reducing_gap=2.0)
    # The picture is turned when it is small, because turning makes a copy.
    small.getexif()[_ORIENTATION] = turn
    upright = ImageOps.exif_transpose(small)
    thumbnails: dict[int, bytes] = {}
    for size in sorted(SIZES, reverse=True):
        upright.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
        thumbnails[size] = _webp(upright)
    placeholder, color = _first_paint(upright)
    return Picture(content_type, width, height, thumbnails, placeholder, color)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Converts to RGB, or to RGBA if the image has transparency.

    Samples of 16 bits are divided by 256 here, because Pillow would clip them to 255 instead.
    """
    if image.mode.startswith("I;16"):
        image = image.convert("I")
    if image.mode == "I":
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    # `convert` would copy an image even if it has this mode already: 160 MB for the largest one.
    return image if image.mode == mode else image.convert(mode)


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    # A resized image still has the metadata of the original, so they are replaced by nothing.
    image.save(out, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue()


def _first_paint(image: Image.Image) -> tuple[str, str]:
    """Returns ThumbHash in base64 and dominant color as `#rrggbb`. Transparent parts count as white."""
    small = image.convert("RGBA")
    small.thumbnail((MOST_PIXELS_A_SIDE, MOST_PIXELS_A_SIDE), Image.Resampling.BOX)
    placeholder = base64.b64encode(thumbhash(*small.size, small.tobytes())).decode()
    opaque = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")
    palette = opaque.quantize(colors=8, method=Image.Quantize.MEDIANCUT)
    counts = palette.getcolors() or []
    _, index = max((count, -number) for count, number in counts if isinstance(number, int))
    red, green, blue = (palette.getpalette() or [])[-3 * index : -3 * index + 3]
    return placeholder, f"#{red:02x}{green:02x}{blue:02x}"
