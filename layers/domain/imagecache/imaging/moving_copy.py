"""Makes the moving copy of an animation: a small animated WebP that plays for ever."""

import io
from collections.abc import Sequence

from PIL import Image, ImageChops

from imagecache.imaging.animation import SAME
from imagecache.imaging.copies import LARGEST_FILLING

MOST_BYTES = 300_000
_QUALITIES = (70, 30)
# With frames of noise, method 2 takes twice as long. Usual files are a tenth larger with this one.
_METHOD = 0
_FLAGS_AT, _HAS_ALPHA = 20, 0x10  # of the chunk VP8X, with which an animated WebP begins


def moving_size(width: int, height: int) -> tuple[int, int]:
    """Returns the size of the moving copy of a picture: no side is longer than 192 pixels."""
    share = min(LARGEST_FILLING / max(width, height), 1)
    return max(1, round(width * share)), max(1, round(height * share))


def without_alpha_if_opaque(image: Image.Image) -> Image.Image:
    """Returns an image in RGBA in RGB if it is opaque, which takes half the time to resize and compress."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def animated_webp(frames: Sequence[Image.Image], durations: Sequence[int]) -> bytes | None:
    """Returns an animated WebP of at most MOST_BYTES of these frames, each shown for its duration (ms).

    Returns None if nothing moves, or if the file would be larger.
    """
    if not any(_differ(frames[0], frame) for frame in frames[1:]):
        return None
    for quality in _QUALITIES:
        content = _encoded(frames, durations, quality)
        if len(content) <= MOST_BYTES:
            return content
        if len(content) > 2 * MOST_BYTES:  # a lower quality does not save that much
            return None
    return None


def _differ(first: Image.Image, second: Image.Image) -> bool:
    """Returns True if a difference between two frames can be seen."""
    difference = ImageChops.difference(first.convert("RGBA"), second.convert("RGBA"))
    return any(most > SAME for _, most in difference.getextrema())  # type: ignore[misc] # of four bands


def _encoded(frames: Sequence[Image.Image], durations: Sequence[int], quality: int) -> bytes:
    out = io.BytesIO()
    frames[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=list(durations),
        loop=0,
        quality=quality,
        alpha_quality=quality,
        method=_METHOD,
        # Nobody seeks in a file that plays for three seconds, and each frame is compressed once only.
        kmin=0,
        kmax=0,
        background=(0, 0, 0, 0),
        exif=b"",
        icc_profile=b"",
        xmp=b"",
    )
    content = bytearray(out.getvalue())
    if any(frame.mode == "RGBA" for frame in frames):
        # The encoder leaves the flag out if all that it draws is opaque, although it also clears areas.
        content[_FLAGS_AT] |= _HAS_ALPHA
    return bytes(content)
