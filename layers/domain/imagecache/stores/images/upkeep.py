"""The cachedImages table as the sweep uses it: reads every row, and changes some."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute

from imagecache.model.image import ImageStatus
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import deleted, updated
from imagecache.stores.dynamodb.scan import Item, scan
from imagecache.stores.images.row import ImageRow, nobody_works_on_it

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTRIBUTES = (
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


@dataclass(frozen=True, slots=True)
class SweptRow:
    """The part of a row that the sweep looks at. Times are in ms, 0 for never."""

    image_key: str
    source_url: str
    status: ImageStatus
    blob_id: str | None = None
    file_size: int = 0
    checked_at: int = 0
    refresh_requested_at: int = 0
    looked_up_at: int = 0
    orphaned_at: int = 0


class ImageUpkeep:
    """Reads and changes rows of cachedImages, conditionally, so that what has happened meanwhile counts.

    Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", rows_per_page: int = 1000) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._rows_per_page = rows_per_page
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def page(self, *, after: str | None) -> tuple[list[SweptRow], str | None]:
        """Returns the next rows in no order, and the key of the last one, None if there are no more.

        `after` is such a key, or None for the first page. Raises StoreUnavailableError.
        """
        pages = scan(
            self._dynamodb,
            table_name=self._table_name,
            attributes=_ATTRIBUTES,
            after={"imageKey": {"S": after}} if after else None,
            limit=self._rows_per_page,
        )
        items, last_key = next(pages)
        return [_swept(item) for item in items], last_key["imageKey"]["S"] if last_key else None

    def mark_orphaned(self, image_key: str, *, now: int) -> bool:
        """Marks a row as an orphan's. Returns False if it is marked already, forgotten, or gone."""
        markable = (
            ImageRow.image_key.exists()
            & ImageRow.orphaned_at.does_not_exist()
            & (ImageRow.status != ImageStatus.FORGOTTEN.value)
        )
        return updated(self._row(image_key), [ImageRow.orphaned_at.set(now)], markable)

    def delete(self, image_key: str, *, orphaned_at: int, now: int) -> bool:
        """Deletes a row. Returns False if it no longer has this very mark, or if a worker has claimed it."""
        is_unchanged = (ImageRow.orphaned_at == orphaned_at) & nobody_works_on_it(now)
        return deleted(self._row(image_key), is_unchanged)

    def lose(self, image_key: str, *, blob_id: str, now: int) -> bool:
        """Resets a row to pending because the objects of its blob are missing.

        Returns False if it names another blob by now, or if a worker has claimed it.
        """
        gone: list[Attribute[Any]] = [
            ImageRow.blob_id,
            ImageRow.view,
            ImageRow.cached_at,
            ImageRow.checked_at,
            ImageRow.refresh_requested_at,
            ImageRow.etag,
            ImageRow.last_modified,
        ]
        actions = [ImageRow.status.set(ImageStatus.PENDING.value), *(one.remove() for one in gone)]
        return updated(self._row(image_key), actions, (ImageRow.blob_id == blob_id) & nobody_works_on_it(now))


def _swept(item: Item) -> SweptRow:
    def text(name: str) -> str:
        return str(item.get(name, {}).get("S", ""))

    def number(name: str) -> int:
        return int(item.get(name, {}).get("N", 0))

    return SweptRow(
        image_key=text("imageKey"),
        source_url=text("sourceUrl"),
        status=ImageStatus(text("status")),
        blob_id=text("blobId") or None,
        file_size=number("fileSize"),
        checked_at=number("checkedAt"),
        refresh_requested_at=number("refreshRequestedAt"),
        looked_up_at=number("lookedUpAt"),
        orphaned_at=number("orphanedAt"),
    )
