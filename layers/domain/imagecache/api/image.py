"""A chosen picture → the `image` object of every answer."""

from imagecache.api import shapes
from imagecache.model.image import SIZES, ImageView
from imagecache.rules.image_choice import ShownImage, ShownStatus
from imagecache.stores.blobs import image_path


def image_json(shown: ShownImage, name: str | None, base_url: str) -> shapes.Image:
    """Everything the first paint needs, so that it takes no second request; `name` gives the initials."""
    view, paths = shown.view, sizes(shown.view, base_url)
    return {
        "status": shown.status,
        "source": None if shown.status is ShownStatus.NONE else shown.source,
        "url": paths.get("192"),
        "sizes": paths,
        "width": view.width if view else None,
        "height": view.height if view else None,
        "placeholder": view.placeholder if view else None,
        "color": view.color if view else None,
        "initials": initials(name),
        "reason": view.reason if view and shown.status is ShownStatus.FAILED else None,
    }


def sizes(view: ImageView | None, base_url: str) -> dict[str, str]:
    """URLs by the longest side in pixels; empty unless there is a copy."""
    if view is None or view.blob_id is None:
        return {}
    return {str(size): base_url + image_path(view.blob_id, size) for size in SIZES}


def initials(name: str | None) -> str:
    """The first letters of the first and the last word; empty for a number or nothing."""
    words = [word for word in (name or "").split() if word[0].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
