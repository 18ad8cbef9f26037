"""Decodes an image of unknown origin, and makes a WebP of each size. No other module decodes images.

Time and memory are limited by what is accepted. The sources send at most 5 MB. The pixels are counted
before any of them is decoded, and only the first frame is decoded. Each picture first reserves as much
memory as its format may take, of an amount that all threads of the process share. An AVIF file can contain
a larger picture than it announces, or further frames that are not shown, which only
`imaging/memory_limit.py` stops. A picture that still takes too long is ended by the timeout of the function,
and in the end it is recorded as crashed.
"""

import base64
import io
from dataclasses import dataclass

# The formats are imported by name. Pillow knows many more, some of which start other programs, and it would
# load all of them to find the right one.
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,  # noqa: F401 - registers itself
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401 - registers itself
)

from imagecache.errors import ImageFailedError
from imagecache.imaging.reservations import MB, Reservations
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
_OTHER_FORMATS = ("JPEG", "PNG", "GIF", "AVIF")  # than WebP, of which the size is read here


@dataclass(frozen=True, slots=True)
class _Cost:
    """The most memory that a picture of a format takes while it is decoded, and how large it may be."""

    bytes_a_pixel: float
    most_pixels: int


# Measured with `python -m tests.hostile.decoding`: the growth of a fresh process's peak while `render` runs,
# at 4 to 40 megapixels, for every mode of pixels, of which the worst is here. That is for JPEG a progressive
# one in CMYK that is less than 640 pixels high (so that it is decoded at its full size), for PNG and GIF one
# with transparency, for WebP one without loss, and for AVIF a grid of one cell with 10 bits and film grain,
# whose alpha channel has colors, too. A format that takes much may have fewer pixels, so that each picture
# fits into `_SHARED_BYTES`.
_COSTS = {
    "JPEG": _Cost(12.2, 40_000_000),
    "PNG": _Cost(12.4, 40_000_000),
    "GIF": _Cost(9.6, 40_000_000),
    "WEBP": _Cost(16.5, 30_000_000),
    "AVIF": _Cost(42.5, 11_000_000),
}
_COSTS["MPO"] = _COSTS["JPEG"]
_FIXED_BYTES = 12 * MB  # for the thumbnails and their encoder
_COPIES_OF_FILE = 4  # decoders of WebP and AVIF copy the whole file, and metadata are copied once more
# Half of the functions' MemorySize. With the process itself and five downloads this stays below 70 %.
_SHARED_BYTES = 512 * MB
_reservations = Reservations(_SHARED_BYTES)

Image.MAX_IMAGE_PIXELS = None  # `render` counts the pixels itself, before any is decoded
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread of the decoder would keep frames of its own
# Texts are not used. 64 MB of them fit into a small file, and they would be unpacked before anything is
# reserved. Pillow passes over chunks for which it has no method.
for _kind in ("tEXt", "zTXt", "iTXt"):
    delattr(PngImagePlugin.PngStream, f"chunk_{_kind}")
# A JPEG of 5 MB can have a million segments before its first pixel. Pillow would keep them all, and copy the
# EXIF data once for each of its segments, before anything is reserved. Only the first segment of each kind
# that decoding needs is read.
_READ_SEGMENTS = {0xFFE0: "jfif", 0xFFE1: "exif", 0xFFEE: "adobe"}


def _read_segment(image: JpegImagePlugin.JpegImageFile, marker: int) -> None:
    name = _READ_SEGMENTS.get(marker)
    if name is None or name in image.info:
        JpegImagePlugin.Skip(image, marker)
        return
    JpegImagePlugin.APP(image, marker)
    image.app.clear()
    image.applist.clear()


for _marker in (*range(0xFFE0, 0xFFF0), 0xFFFE):
    _name, _description, _ = JpegImagePlugin.MARKER[_marker]
    JpegImagePlugin.MARKER[_marker] = (_name, _description, _read_segment)  # type: ignore[assignment] # names
# Takes 16 ms of CPU for an image instead of 37 ms with Pillow's default of 4. The files are hardly larger.
_WEBP_METHOD = 2
_WEBP_QUALITY = 80
_ORIENTATION = 0x0112

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def render(original: bytes) -> Picture:
    """Decodes the first frame of an image and turns it upright.

    Waits until as much memory as the image may take is free. Raises ImageFailedError if the bytes cannot be
    used, and MemoryError if the process has reached its limit, which another image may have caused.
    """
    try:
        # Opening a WebP allocates its canvas, so its size is read here.
        if size := _webp_size(original):
            with _reservations.reserve(_reserved_bytes("WEBP", size, original)):
                return _open_and_render(original, ("WEBP",))
        return _open_and_render(original, _OTHER_FORMATS)
    except (ImageFailedError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise ImageFailedError(_reason_unrecognised(original), "none of the accepted formats") from error
    except Exception as error:  # decoders raise exceptions of any type for broken bytes
        raise ImageFailedError(FailureReason.UNDECODABLE, type(error).__name__) from error


def _open_and_render(original: bytes, formats: tuple[str, ...]) -> Picture:
    with Image.open(io.BytesIO(original), formats=formats) as image:
        if image.format == "WEBP":  # the caller has reserved its memory
            return _render(image)
        with _reservations.reserve(_reserved_bytes(image.format or "", image.size, original)):
            return _render(image)


def _reserved_bytes(image_format: str, size: tuple[int, int], original: bytes) -> int:
    """Returns the bytes that decoding an image of this size may take. Raises ImageFailedError (TOO_LARGE)."""
    cost = _COSTS[image_format]
    width, height = size
    if width * height > cost.most_pixels:
        raise ImageFailedError(FailureReason.TOO_LARGE, "too many pixels")
    return _FIXED_BYTES + _COPIES_OF_FILE * len(original) + round(width * height * cost.bytes_a_pixel)


def _webp_size(original: bytes) -> tuple[int, int] | None:
    """Returns the size in the header of a WebP file, or None if the bytes do not begin with such a header.

    A file begins with one of three chunks, each of which has the size in a form of its own (RFC 9649).
    """
    head = original[:30]
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    match head[12:16]:
        case b"VP8 ":
            width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
            return width, height
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
            return width, height
    return None


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
    """Returns the ThumbHash in base64, and the dominant color as `#rrggbb`.

    For the color, transparent parts count as white.
    """
    small = image.convert("RGBA")
    small.thumbnail((MOST_PIXELS_A_SIDE, MOST_PIXELS_A_SIDE), Image.Resampling.BOX)
    placeholder = base64.b64encode(thumbhash(*small.size, small.tobytes())).decode()
    opaque = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")
    palette = opaque.quantize(colors=8, method=Image.Quantize.MEDIANCUT)
    counts = palette.getcolors() or []
    _, index = max((count, -number) for count, number in counts if isinstance(number, int))
    red, green, blue = (palette.getpalette() or [])[-3 * index : -3 * index + 3]
    return placeholder, f"#{red:02x}{green:02x}{blue:02x}"
