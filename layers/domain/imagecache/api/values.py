"""The JSON of pictures and times, which many answers contain."""

from datetime import UTC, datetime
from enum import Enum, auto
from functools import lru_cache

from imagecache.api import shapes
from imagecache.model.image import ImageView
from imagecache.rules import initials as initials_rule
from imagecache.rules.image_choice import ShownImage, ShownStatus
from imagecache.stores.blobs import image_path

# The initials of a name never change. These are the names of a few pages of chats.
initials = lru_cache(maxsize=4096)(initials_rule.initials)


class FirstPaint(Enum):
    """Says what an answer has of a cached picture beside its URL, to be drawn until the picture has loaded.

    `FULL` has the placeholder, the color and the original's size. `COLOR` has the color only, which is enough
    for the small faces of a group.
    """

    NOTHING = auto()
    COLOR = auto()
    FULL = auto()


def image_json(
    shown: ShownImage, name: str | None, base_url: str, first_paint: FirstPaint = FirstPaint.FULL
) -> shapes.Image:
    """Converts a picture to JSON, with all fields that a page needs to draw it without another request.

    Fields without a value are left out. `name` is the name of the person or chat. Its initials are shown if
    there is no picture.
    """
    status = shown.status
    image: shapes.Image = {"status": status}
    if shown.shown_for and status is not ShownStatus.NONE:
        image["source"] = shown.shown_for
    view = shown.view
    if view and view.blob_id:
        image["url"] = base_url + image_path(view.blob_id, 192)
        if view.backdrop:
            image["backdrop"] = view.backdrop
        if view.is_animated:
            image["isAnimated"] = True
        if first_paint is not FirstPaint.NOTHING:
            _add_first_paint(image, view, first_paint)
        return image
    if letters := initials(name or ""):
        image["initials"] = letters
    if reason := shown.reason:
        image["reason"] = reason
    return image


def _add_first_paint(image: shapes.Image, view: ImageView, first_paint: FirstPaint) -> None:
    if view.color:
        image["color"] = view.color
    if first_paint is FirstPaint.FULL:
        if view.placeholder:
            image["placeholder"] = view.placeholder
        if view.width and view.height:
            image["width"] = view.width
            image["height"] = view.height


def iso8601(milliseconds: int | None) -> str | None:
    """Returns the time as ISO 8601 in UTC, or None if it is 0, None or after the year 9999."""
    if not milliseconds:
        return None
    try:
        # strftime would take ten times as long.
        return f"{datetime.fromtimestamp(milliseconds // 1000, UTC).replace(tzinfo=None).isoformat()}Z"
    except (ValueError, OverflowError, OSError):
        return None
