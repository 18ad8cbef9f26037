"""Reads and writes of cachedImages for the nightly sweep."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute
from pynamodb.exceptions import DeleteError

from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import is_refusal, updated
from imagecache.stores.dynamodb.scan import scan
from imagecache.stores.images.row import ImageRow, has_no_live_lease, image_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ROWS_A_PAGE = 1000
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
    """Rows of cachedImages. Every change is conditional: it is not made if the row has changed meanwhile."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def pages(self, *, after: str | None) -> Iterator[tuple[list[ImageRecord], str | None]]:
        """Yields the records of all rows in pages, in no order, each with the key to continue after.

        That key is None at the end. The records have only key, URL, status, blob id, file size, and the times
        of check, refresh request, look-up and orphan mark.
        """
        key = {"imageKey": {"S": after}} if after else None
        pages = scan(
            self._dynamodb,
            table_name=self._table_name,
            attributes=_SWEPT_ATTRIBUTES,
            after=key,
            limit=_ROWS_A_PAGE,
        )
        for items, end in pages:
            yield [image_record(item) for item in items], end["imageKey"]["S"] if end else None

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
        try:
            self._row(image_key).delete(
                condition=(ImageRow.orphaned_at == orphaned_at) & has_no_live_lease(now)
            )
        except DeleteError as error:
            if is_refusal(error):
                return False
            raise
        return True

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
