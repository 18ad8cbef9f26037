"""The cachedImages table for the sweep: every row once, and the few changes that it makes to some."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute
from pynamodb.exceptions import DeleteError

from imagecache.model.image import ImageStatus
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import is_refusal, updated
from imagecache.stores.dynamodb.scan import Item, scan
from imagecache.stores.images.row import ImageRow, nobody_works_on_it

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ROWS_A_PAGE = 1000
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
    """What the sweep looks at. Times in ms, 0 for never."""

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
    """Rows of cachedImages. Every change is conditional: what has happened meanwhile counts."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def pages(self, *, after: str | None) -> Iterator[tuple[list[SweptRow], str | None]]:
        """Every row in no order, and after each page where to go on (None at the end)."""
        key = {"imageKey": {"S": after}} if after else None
        pages = scan(
            self._dynamodb,
            table_name=self._table_name,
            attributes=_ATTRIBUTES,
            after=key,
            limit=_ROWS_A_PAGE,
        )
        for items, end in pages:
            yield [_swept(item) for item in items], end["imageKey"]["S"] if end else None

    def mark_orphaned(self, image_key: str, *, now: int) -> bool:
        """From now on nobody shows it. Whether it was not marked before, nor forgotten."""
        markable = (
            ImageRow.image_key.exists()
            & ImageRow.orphaned_at.does_not_exist()
            & (ImageRow.status != ImageStatus.FORGOTTEN.value)
        )
        return updated(self._row(image_key), [ImageRow.orphaned_at.set(now)], markable)

    def delete(self, image_key: str, *, orphaned_at: int, now: int) -> bool:
        """Whether it still had this very mark, and nobody was working on it."""
        try:
            self._row(image_key).delete(
                condition=(ImageRow.orphaned_at == orphaned_at) & nobody_works_on_it(now)
            )
        except DeleteError as error:
            if is_refusal(error):
                return False
            raise
        return True

    def lose(self, image_key: str, *, blob_id: str, now: int) -> bool:
        """Its objects are gone: it is to be fetched anew. Whether it still names that blob, in peace."""
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
