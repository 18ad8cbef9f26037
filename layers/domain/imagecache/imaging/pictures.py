"""Decodes an image of unknown origin, and makes a WebP of each size. No other module decodes images.

A module for each format reads the head of a file, and gives to the decoder only what the pixels need.

Time and memory are limited by what is accepted. The sources send at most 5 MB. The pixels are counted
before any of them is decoded, and of an animation only as many frames as `imaging/animation.py` looks at.
Each picture first reserves as much memory as its format may take, of an amount that all threads of the
process share. An AVIF file can contain a larger picture than it announces, or further frames that are not
shown, which only `imaging/memory_limit.py` stops. A picture that still takes too long is ended by the timeout
of the function, and in the end it is recorded as crashed.
"""

import base64
import io
from dataclasses import dataclass

# The formats are imported by name. Pillow knows many more, some of which start other programs, and it would
# load all of them to find the right one.
from PIL import (
    GifImagePlugin,  # noqa: F401 - registers itself
    Image,
    ImageOps,
    JpegImagePlugin,  # noqa: F401 - registers itself
    PngImagePlugin,  # noqa: F401 - registers itself
    WebPImagePlugin,  # noqa: F401 - registers itself
)

from imagecache.errors import ImageFailedError
from imagecache.imaging import avif, gif, heif, iso_media, jpeg, png, webp
from imagecache.imaging.animation import Animation
from imagecache.imaging.colors import MOST_CACHED_BYTES, Profile, fitting_profile, to_srgb
from imagecache.imaging.copies import backdrop_of, copy_size
from imagecache.imaging.exif import UPRIGHT
from imagecache.imaging.moving_copy import animated_webp, moving_size, without_alpha_if_opaque
from imagecache.imaging.picture_file import PictureFile, Still
from imagecache.imaging.reservations import MB, Reservations
from imagecache.imaging.thumbhash import MOST_PIXELS_A_SIDE, thumbhash
from imagecache.model.image import SIZES, FailureReason, Picture

_CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "HEIF_DEEP": "image/heic",
}


@dataclass(frozen=True, slots=True)
class _Cost:
    """The most memory that a picture of a format takes while it is decoded, and how large it may be."""

    bytes_a_pixel: float
    most_pixels: int


# Measured with `python -m tests.hostile.decoding`: the growth of a fresh process's peak while `render` runs,
# at 4 to 40 megapixels, for every mode of pixels, of which the worst is here. That is for JPEG a progressive
# one in CMYK that is less than 640 pixels high (so that it is decoded at its full size), for PNG and GIF one
# with transparency, for WebP one without loss, and for AVIF a grid of one cell with 10 bits and film grain,
# whose alpha channel has colors, too. A HEIF takes 10.4 bytes a pixel, or 21 if it is deep. The rest is for a
# grid of one cell, which is decoded beside the whole picture, and for colors of the alpha channel. A format
# that takes much may have fewer pixels, so that each picture fits into `_SHARED_BYTES`.
_COSTS = {
    "JPEG": _Cost(12.2, 40_000_000),
    "PNG": _Cost(12.4, 40_000_000),
    "GIF": _Cost(9.6, 40_000_000),
    "WEBP": _Cost(16.5, 30_000_000),
    "AVIF": _Cost(42.5, 11_000_000),
    "HEIF": _Cost(13.0, 36_000_000),
    "HEIF_DEEP": _Cost(36.0, 13_000_000),
}
_ANIMATED_BYTES_A_PIXEL = 12  # more than that, if frames are drawn on each other
_FIXED_BYTES = 12 * MB  # for the thumbnails and their encoder
_MOVING_BYTES = 32 * MB  # for the frames of the moving copy and their encoder
_COPIES_OF_FILE = 4  # decoders of WebP and AVIF copy the whole file, and metadata are copied once more
# Half of the functions' MemorySize. With the process itself and ten downloads this stays below 70 %.
_SHARED_BYTES = 512 * MB
_reservations = Reservations(_SHARED_BYTES)

Image.MAX_IMAGE_PIXELS = None  # `render` counts the pixels itself, before any is decoded
# How much the encoder tries, from 0 to 6: Pillow's default of 4 takes twice the time of 2. A large copy takes
# most of the time, and pages seldom load it. With 0 it takes two thirds of the time of 2, has a sixth more
# bytes, and looks the same.
_WEBP_METHOD = 2
_WEBP_METHOD_OF_LARGE = 0
_LARGE_PIXELS = 150_000  # the copy of 192 pixels is always smaller
_WEBP_QUALITY = 80
# With a smaller gap, resizing begins with a quick reduction to a whole fraction. Of 20 photos, the copies of
# 192 pixels differ by 50 dB (PSNR) from those of a gap of 2, which takes three times as long.
_REDUCING_GAP = 1.5
# A drawing of so few colors is mostly smaller without loss, and its edges keep their colors.
_FEW_COLORS = 16
_ORIENTATION = 0x0112


def render(original: bytes) -> Picture:
    """Decodes one picture of an image, converts it to sRGB and turns it upright.

    Waits until as much memory as the image may take is free. Raises ImageFailedError if the bytes cannot be
    used, and MemoryError if the process has reached its limit, which another image may have caused.
    """
    try:
        file = _read(original)
        with _reservations.reserve(_reserved_bytes(file.format, file.size, original, frames=file.frames)):
            return _render(file)
    except (ImageFailedError, MemoryError):
        raise
    except Exception as error:  # decoders raise exceptions of any type for broken bytes
        raise ImageFailedError(FailureReason.UNDECODABLE, type(error).__name__) from error


def _read(original: bytes) -> PictureFile:
    """Reads the head of a file in one of the accepted formats. Raises ImageFailedError for any other."""
    if original.startswith(jpeg.START):
        return jpeg.read_jpeg(original)
    if original.startswith(png.SIGNATURE):
        return png.read_png(original)
    if original.startswith(gif.SIGNATURES):
        return gif.read_gif(original)
    if webp.is_webp(original):
        return webp.read_webp(original)
    brands = iso_media.brands(original)
    if brands & avif.BRANDS:
        return avif.read_avif(original)
    if brands & heif.BRANDS:
        return heif.read_heif(original)
    raise ImageFailedError(_reason_unrecognised(original), "none of the accepted formats")


def _reserved_bytes(image_format: str, size: tuple[int, int], original: bytes, *, frames: int = 1) -> int:
    """Returns the bytes that decoding an image of this size may take. Raises ImageFailedError (TOO_LARGE).

    `frames` is the number of frames that may be decoded to find the one that is shown.
    """
    cost = _COSTS[image_format]
    width, height = size
    if width * height > cost.most_pixels:
        raise ImageFailedError(FailureReason.TOO_LARGE, "too many pixels")
    a_pixel = cost.bytes_a_pixel + (_ANIMATED_BYTES_A_PIXEL if frames > 1 else 0)
    fixed = _FIXED_BYTES + (_MOVING_BYTES if frames > 1 else 0)
    return fixed + _COPIES_OF_FILE * len(original) + round(width * height * a_pixel)


def _reason_unrecognised(original: bytes) -> FailureReason:
    """Returns the name of a format that is not accepted, as far as it is told apart."""
    is_svg = original.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in original[:4096].lower()
    return FailureReason.UNSUPPORTED_SVG if is_svg else FailureReason.UNSUPPORTED


def _render(file: PictureFile) -> Picture:
    upright = _upright_still(file)
    width, height = file.size if file.orientation < 5 else file.size[::-1]
    thumbnails: dict[int, bytes] = {}
    for size in sorted(SIZES, reverse=True):
        upright = _resized(upright, copy_size(size, width, height))
        thumbnails[size] = _webp(upright)
    placeholder, color, backdrop = _first_paint(upright)
    return Picture(
        _CONTENT_TYPES[file.format],
        width,
        height,
        thumbnails,
        placeholder,
        color,
        backdrop,
        animated=_moving_copy(file, file.animation) if file.animation else None,
    )


def _upright_still(file: PictureFile) -> Image.Image:
    """Decodes a picture, and returns it in the size of its largest copy, but for its orientation."""
    still = file.decode()
    small = _shrunk(still.image, file, copy_size(max(SIZES), *file.size), Image.Resampling.LANCZOS)
    whole = _with_missing_rows(small, still)
    return whole if file.orientation == UPRIGHT else _turned(whole, file)


def _moving_copy(file: PictureFile, animation: Animation) -> bytes | None:
    """Returns an animated WebP, or None if the animation gets none or is damaged. Raises nothing."""
    if file.icc and len(file.icc) > MOST_CACHED_BYTES:  # its conversion would be computed for each frame
        return None
    size = moving_size(*file.size)
    try:
        frames = [
            # With Lanczos, resizing takes twice as long.
            _turned(_shrunk(without_alpha_if_opaque(frame), file, size, Image.Resampling.HAMMING), file)
            for frame in animation.frames()
        ]
        return animated_webp(frames, animation.durations)
    except Exception:  # noqa: BLE001 - decoders raise exceptions of any type for broken bytes
        return None


def _turned(small: Image.Image, file: PictureFile) -> Image.Image:
    """Returns an upright copy of an image. It should be small."""
    small.getexif()[_ORIENTATION] = file.orientation
    return ImageOps.exif_transpose(small)


def _shrunk(
    image: Image.Image, file: PictureFile, size: tuple[int, int], resampling: Image.Resampling
) -> Image.Image:
    """Returns the image of a file in this size and in sRGB, in the mode RGB or RGBA."""
    profile = fitting_profile(image, file.icc)
    small = _in_mode_of(image, profile, size, resampling)
    # Few pixels are left here, which are converted in little time.
    return to_srgb(small, profile) if profile else small


def _in_mode_of(
    image: Image.Image, profile: Profile | None, size: tuple[int, int], resampling: Image.Resampling
) -> Image.Image:
    """Returns the image in this size.

    The mode is RGBA if the image has transparency. Otherwise it is the mode of the profile, or RGB without a
    profile.
    """
    mode = "RGBA" if image.has_transparency_data else profile.mode if profile else "RGB"
    # `convert` would copy an image even if it has this mode already: 160 MB for the largest one.
    small = image if image.mode == mode else image.convert(mode)
    return _resized(small, size, resampling)


def _resized(
    image: Image.Image, size: tuple[int, int], resampling: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    """Returns the image in this size, which may be its own."""
    if image.size == size:
        return image
    return image.resize(size, resampling, reducing_gap=_REDUCING_GAP)


def _with_missing_rows(image: Image.Image, still: Still) -> Image.Image:
    """Returns the image with those rows transparent that its truncated file does not have."""
    first_missing = int(still.rows_decoded * image.height)
    if first_missing >= image.height:
        return image
    image = image.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, first_missing, image.width, image.height))
    return image


def _webp(image: Image.Image) -> bytes:
    lossy = _encoded(image, lossless=False)
    # A dithered picture has few colors, too. It is larger without loss, and takes long to compress.
    is_busy = len(lossy) > 300 + image.width * image.height // 16
    if is_busy or image.getcolors(_FEW_COLORS) is None:
        return lossy
    return min(_encoded(image, lossless=True), lossy, key=len)


def _encoded(image: Image.Image, *, lossless: bool) -> bytes:
    out = io.BytesIO()
    is_large = image.width * image.height > _LARGE_PIXELS
    # A resized image still has the metadata of the original, so they are replaced by nothing.
    image.save(
        out,
        "WEBP",
        lossless=lossless,
        quality=_WEBP_QUALITY,
        method=_WEBP_METHOD_OF_LARGE if is_large else _WEBP_METHOD,
        exif=b"",
        icc_profile=b"",
        xmp=b"",
    )
    return out.getvalue()


def _first_paint(image: Image.Image) -> tuple[str, str, str]:
    """Returns the ThumbHash in base64, the dominant color as `#rrggbb`, and the backdrop.

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
    return placeholder, f"#{red:02x}{green:02x}{blue:02x}", backdrop_of(small)
