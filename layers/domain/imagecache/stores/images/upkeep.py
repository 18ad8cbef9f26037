"""Reads and writes of cachedImages for the nightly sweep."""

from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute

from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import deleted, updated
from imagecache.stores.dynamodb.scan import scan
from imagecache.stores.images.row import ImageRow, has_no_live_lease, image_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SWEPT_ATTRIBUTES = (
    "imageKey",
    "sourceUrl",
    "status",
    "blobId",
    "fileSize",
    "checkedAt",
    "refreshRequestedAt",
    "lookedUpAt",
    "orphanedAt",
)


class ImageUpkeep:
    """Rows of cachedImages. Every change is conditional: it is not made if the row has changed meanwhile.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", rows_per_page: int = 1000) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._rows_per_page = rows_per_page
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def page(self, *, after: str | None) -> tuple[list[ImageRecord], str | None]:
        """Returns the records of the next rows, in no order, and the key of the last one to continue after.

        `after` is such a key, None for the first page. The returned key is None after the last row. The
        records have only key, URL, status, blob id, file size, and the times of check, refresh request,
        look-up and orphan mark.
        """
        pages = scan(
            self._dynamodb,
            table_name=self._table_name,
            attributes=_SWEPT_ATTRIBUTES,
            after={"imageKey": {"S": after}} if after else None,
            limit=self._rows_per_page,
        )
        items, last_key = next(pages)
        return [image_record(item) for item in items], last_key["imageKey"]["S"] if last_key else None

    def mark_orphaned(self, image_key: str, *, now: int) -> bool:
        """Marks an image as an orphan since `now`. Returns False if it is marked, forgotten or gone."""
        markable = (
            ImageRow.image_key.exists()
            & ImageRow.orphaned_at.does_not_exist()
            & (ImageRow.status != ImageStatus.FORGOTTEN.value)
        )
        return updated(self._row(image_key), [ImageRow.orphaned_at.set(now)], markable)

    def delete(self, image_key: str, *, orphaned_at: int, now: int) -> bool:
        """Deletes the row. Returns False if it has another orphan mark or none, or if a worker has it."""
        return deleted(self._row(image_key), (ImageRow.orphaned_at == orphaned_at) & has_no_live_lease(now))

    def lose(self, image_key: str, *, blob_id: str, now: int) -> bool:
        """Makes an image pending because its objects are missing.

        Returns False if the row names other content by now, or if a worker has it.
        """
        removed: list[Attribute[Any]] = [
            ImageRow.blob_id,
            ImageRow.view,
            ImageRow.cached_at,
            ImageRow.checked_at,
            ImageRow.refresh_requested_at,
            ImageRow.etag,
            ImageRow.last_modified,
        ]
        actions = [
            ImageRow.status.set(ImageStatus.PENDING.value),
            *(attribute.remove() for attribute in removed),
        ]
        condition = (ImageRow.blob_id == blob_id) & has_no_live_lease(now)
        return updated(self._row(image_key), actions, condition)
