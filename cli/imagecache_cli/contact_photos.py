"""Photos that are embedded in vCards, as the `data:` URLs that the API accepts."""

import base64
import importlib
import io

_MOST_CHARS = 65_536
"""The API's limit for the URL of a picture."""

# Larger ones would take seconds and hundreds of megabytes to decode.
_MOST_PIXELS = 50_000_000
# The cache serves copies of up to 640 px. The first size and quality that fit into a URL are used.
_SIZES = ((640, 85), (512, 80), (384, 75), (256, 70))
# The profile of iPhones has about 500 bytes.
_MOST_PROFILE_BYTES = 4096
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class PhotoError(Exception):
    """A photo cannot be sent. The message says why, and what to do."""


def photo_url(content: bytes) -> str:
    """Returns the photo as a `data:` URL, made smaller if it is too long for the API. Raises PhotoError."""
    if not content:
        raise PhotoError("the photo is empty: export the card again, or remove its photo")
    media_type = next((name for sign, name in _SIGNATURES if content.startswith(sign)), "image/jpeg")
    url = _url(media_type, content)
    return url if len(url) <= _MOST_CHARS else _smaller(content)


def _url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _smaller(content: bytes) -> str:
    try:
        # Pillow is an extra of the command line, because nothing else there needs it.
        image, image_ops = map(importlib.import_module, ("PIL.Image", "PIL.ImageOps"))
    except ImportError as error:
        raise PhotoError(
            "the photo has more than 48 KB, and Pillow, which would make it smaller, is not installed:"
            " install the command with `pip install .[photos]`"
        ) from error
    try:
        with image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise PhotoError("the photo has more than 50 million pixels: make it smaller, or remove it")
            picture = image_ops.exif_transpose(opened)
            profile = picture.info.get("icc_profile")
            picture.thumbnail((640, 640))
            if picture.mode not in {"RGB", "L"}:
                # JPEG has no transparency.
                layer = picture.convert("RGBA")
                picture = image.new("RGB", layer.size, "white")
                picture.paste(layer, mask=layer)
    except PhotoError:
        raise
    except Exception as error:  # Pillow raises many types for damaged files
        raise PhotoError(
            "the photo has more than 48 KB and is not a picture that can be made smaller here: remove it"
        ) from error
    for size, quality in _SIZES:
        picture.thumbnail((size, size))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, icc_profile=_profile_to_keep(profile, picture.mode))
        url = _url("image/jpeg", file.getvalue())
        if len(url) <= _MOST_CHARS:
            return url
    raise PhotoError("the photo cannot be made small enough: remove it")


def _profile_to_keep(profile: bytes | None, mode: str) -> bytes | None:
    """Returns the colour profile if the smaller picture still has its colours, and it needs little space."""
    if profile and profile[16:20] == b"RGB " and mode == "RGB" and len(profile) < _MOST_PROFILE_BYTES:
        return profile
    return None
