"""The cachedImages table for operators: one image with all that is known of it, lists, and what it holds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynamodb.exceptions import DoesNotExist

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.image import Attempt, ImageStatus
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.scan import scan
from imagecache.stores.images.row import ImageRow, lease_ends_at

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Rows looked at for a page of a status that has no index: DynamoDB ends a Scan at 1 MB anyway.
_LOOKED_AT = 500
_MOST_SCANS = 4

Position = list[Any]
"""The key after which a list goes on, as JSON can carry it."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """A row as a person asks about it; lists leave out what their index does not have. Times in ms, or 0."""

    image_key: str
    source_url: str | None
    status: ImageStatus
    reason: str | None = None
    queued_at: int = 0
    held_until: int = 0
    failed_at: int = 0
    next_attempt_at: int = 0
    cached_at: int = 0
    failures: int = 0
    history: tuple[Attempt, ...] = ()
    blob_id: str | None = None
    content_type: str | None = None
    file_size: int | None = None


class ImageCatalogue:
    """Reads rows of cachedImages, and changes none."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def facts(self, image_key: str) -> ImageFacts | None:
        """None when there is no such row."""
        try:
            return _facts(self._row.get(image_key, consistent_read=True))
        except DoesNotExist:
            return None

    def by_status(
        self, status: ImageStatus, *, limit: int, after: Position | None
    ) -> tuple[list[ImageFacts], Position | None]:
        """At most `limit` of them, and where the list goes on; the next to be tried first.

        Only pending and failed rows have an index. The others are found by a scan that may end early.
        """
        if status in {ImageStatus.PENDING, ImageStatus.FAILED}:
            start = _attention_key(status, after) if after else None
            query = self._row.by_attention.query(status.value, limit=limit, last_evaluated_key=start)
            found = [_facts(row) for row in query]
            end = query.last_evaluated_key
            return found, [end["imageKey"]["S"], int(end["nextAttemptAt"]["N"])] if end else None
        return self._scan(status, limit=limit, after=after)

    def _scan(
        self, status: ImageStatus, *, limit: int, after: Position | None
    ) -> tuple[list[ImageFacts], Position | None]:
        found: list[ImageFacts] = []
        for _ in range(_MOST_SCANS):
            start: Any = {"ExclusiveStartKey": {"imageKey": {"S": after[0]}}} if after else {}
            answer = self._dynamodb.scan(
                TableName=self._table_name,
                Limit=_LOOKED_AT,
                FilterExpression="#status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": status.value}},
                **start,
            )
            found += [_facts(self._row.from_raw_data(item)) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            after = [last["imageKey"]["S"]] if last else None
            if len(found) > limit:
                return found[:limit], [found[limit - 1].image_key]
            if after is None or len(found) == limit:
                break
        return found, after

    @aws_errors_translated()
    def naming(self, blob_id: str) -> list[str]:
        """Returns the keys of the images whose rows name this blob. Raises StoreUnavailableError."""
        return [row.image_key for row in self._row.by_blob.query(blob_id)]

    def storage(self) -> Iterator[tuple[str, str, int]]:
        """(image key, blob id, bytes of the original) of every cached image, by a scan of a small index."""
        attributes = ("imageKey", "blobId", "fileSize")
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=attributes, index="byBlob")
        for items, _ in pages:
            for item in items:
                size = int(item.get("fileSize", {}).get("N", 0))
                yield item["imageKey"]["S"], item["blobId"]["S"], size

    def needing_attention(self, status: ImageStatus) -> Iterator[ImageFacts]:
        """Every pending, or every failed image, as far as the index knows it."""
        return (_facts(row) for row in self._row.by_attention.query(status.value))


def _attention_key(status: ImageStatus, after: Position) -> dict[str, Any]:
    key, moment = after
    return {"imageKey": {"S": key}, "status": {"S": status.value}, "nextAttemptAt": {"N": str(moment)}}


def _facts(row: ImageRow) -> ImageFacts:
    history = json.loads(row.history or "[]")
    return ImageFacts(
        image_key=row.image_key,
        source_url=row.source_url,
        status=ImageStatus(row.status),
        reason=row.reason,
        queued_at=int(row.queued_at or 0),
        held_until=lease_ends_at(row.lease) if row.lease else 0,
        failed_at=int(row.failed_at or 0),
        next_attempt_at=int(row.next_attempt_at or 0),
        cached_at=int(row.cached_at or 0),
        failures=int(row.failures or 0),
        history=tuple(Attempt(*entry) for entry in history),
        blob_id=row.blob_id,
        content_type=row.content_type,
        file_size=int(row.file_size) if row.file_size else None,
    )
