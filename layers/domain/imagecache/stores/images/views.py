"""What pages show of images. Only this is needed for a page, so it is read without PynamoDB's models."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from imagecache.model.image import Blob, ImageStatus, ImageView
from imagecache.stores.bulk_reads import batch_get

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_VIEW_ATTRIBUTES = ("imageKey", "status", "view", "reason")


class ImageViews:
    """Reads from cachedImages what pages show."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb

    def views(self, image_keys: Iterable[str]) -> dict[str, ImageView]:
        """Returns what a page shows of each of these images that has a row, by image key.

        Raises StoreUnavailableError if DynamoDB does not answer.
        """
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=_VIEW_ATTRIBUTES,
        )
        return {item["imageKey"]["S"]: _image_view(item) for item in items}


def _image_view(item: Mapping[str, Any]) -> ImageView:
    """Converts the attributes of a row, as DynamoDB's JSON, to a view.

    If the row has a stored copy and is not forgotten, the status of the view is CACHED: a pending retry or a
    failure must not hide the copy.
    """
    status = item["status"]["S"]
    if "view" not in item or status == ImageStatus.FORGOTTEN:
        return ImageView(ImageStatus(status), reason=item["reason"]["S"] if "reason" in item else None)
    return _cached_view(item["view"]["S"])


# A content never changes under its text. A page has up to 1,000 contents; each takes about 400 bytes here.
@lru_cache(maxsize=4096)
def _cached_view(text: str) -> ImageView:
    """Returns what `view_text` has written."""
    blob_id, width, height, *first_paint = orjson.loads(text)
    # Rows of earlier versions end earlier: the first version had none of the four.
    placeholder, color, backdrop, is_animated = (*first_paint, None, None, None, None)[:4]
    return ImageView(
        ImageStatus.CACHED,
        blob_id,
        width,
        height,
        placeholder=placeholder or None,
        color=color or None,
        backdrop=backdrop or None,
        is_animated=bool(is_animated),
    )


def view_text(blob: Blob) -> str:
    """Returns the value of the attribute `view`: a JSON list of what pages show of the blob."""
    first_paint = [blob.placeholder, blob.color, blob.backdrop]
    fields = [blob.blob_id, blob.width, blob.height, *first_paint, int(blob.is_animated)]
    return json.dumps(fields, separators=(",", ":"))
