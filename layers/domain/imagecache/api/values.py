"""The JSON of pictures and times, which many answers contain."""

from datetime import UTC, datetime

from imagecache.api import shapes
from imagecache.model.image import SIZES, ImageView
from imagecache.rules.image_choice import ShownImage, ShownStatus
from imagecache.rules.initials import initials as initials  # noqa: PLC0414 - also used as this module's
from imagecache.stores.blobs import image_path, moving_path


def image_json(shown: ShownImage, name: str | None, base_url: str) -> shapes.Image:
    """Converts a picture to JSON, with all fields that a page needs to draw it without another request.

    `name` is the name of the person or chat. Its initials are shown if there is no picture.
    """
    view = shown.view
    urls = _urls(view, base_url)
    return {
        "status": shown.status,
        "source": None if shown.status is ShownStatus.NONE else shown.shown_for,
        "url": urls.get("192"),
        "sizes": urls,
        "width": view.width if view else None,
        "height": view.height if view else None,
        "placeholder": view.placeholder if view else None,
        "color": view.color if view else None,
        "backdrop": view.backdrop if view else None,
        "animated": _moving_url(view, base_url),
        "initials": initials(name),
        "reason": shown.reason,
    }


def _urls(view: ImageView | None, base_url: str) -> dict[str, str]:
    """Returns the URLs of the WebP files by their size in pixels, or an empty dict without a stored copy."""
    if view is None or view.blob_id is None:
        return {}
    return {str(size): base_url + image_path(view.blob_id, size) for size in SIZES}


def _moving_url(view: ImageView | None, base_url: str) -> str | None:
    if view is None or view.blob_id is None or not view.is_animated:
        return None
    return base_url + moving_path(view.blob_id)


def iso8601(milliseconds: int | None) -> str | None:
    """Returns the time as ISO 8601 in UTC, or None if it is 0, None or after the year 9999."""
    if not milliseconds:
        return None
    try:
        return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return None
