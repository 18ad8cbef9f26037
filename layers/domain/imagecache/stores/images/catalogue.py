"""Reads of cachedImages for operators and jobs: one image, images by status, and which content is stored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pynamodb.exceptions import DoesNotExist

from imagecache.aws_errors import aws_errors_translated
from imagecache.model.image import ImageRecord, ImageStatus
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.scan import scan
from imagecache.stores.images.row import ImageRow, image_record, record_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB ends a scan after 1 MB anyway, which is about 1,400 rows.
_ROWS_A_SCAN = 500
_MOST_SCANS = 4

Position = list[Any]
"""The key after which a list continues, in a form that JSON can carry."""


class ImageCatalogue:
    """Reads rows of cachedImages and changes none. All times are in ms."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def record(self, image_key: str) -> ImageRecord | None:
        """Returns the whole record of an image, or None if it has no row. The read is consistent."""
        try:
            return record_of(self._row.get(image_key, consistent_read=True))
        except DoesNotExist:
            return None

    def by_status(
        self, status: ImageStatus, *, limit: int, after: Position | None
    ) -> tuple[list[ImageRecord], Position | None]:
        """Returns at most `limit` records of that status, and where the list continues (None at the end).

        Pending and failed images come from an index, the next due first, and have only the attributes that
        `needing_attention` names. The others are found by a scan, in no order and whole. A page of them may
        be short, or even empty, although there are more.
        """
        if status in {ImageStatus.PENDING, ImageStatus.FAILED}:
            start = _attention_key(status, after) if after else None
            query = self._row.by_attention.query(status.value, limit=limit, last_evaluated_key=start)
            records = [record_of(row) for row in query]
            end = query.last_evaluated_key
            return records, [end["imageKey"]["S"], int(end["nextAttemptAt"]["N"])] if end else None
        return self._scan(status, limit=limit, after=after)

    def _scan(
        self, status: ImageStatus, *, limit: int, after: Position | None
    ) -> tuple[list[ImageRecord], Position | None]:
        records: list[ImageRecord] = []
        for _ in range(_MOST_SCANS):
            start: Any = {"ExclusiveStartKey": {"imageKey": {"S": after[0]}}} if after else {}
            answer = self._dynamodb.scan(
                TableName=self._table_name,
                Limit=_ROWS_A_SCAN,
                FilterExpression="#status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": status.value}},
                **start,
            )
            records += [image_record(item) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            after = [last["imageKey"]["S"]] if last else None
            if len(records) > limit:
                return records[:limit], [records[limit - 1].image_key]
            if after is None or len(records) == limit:
                break
        return records, after

    @aws_errors_translated()
    def naming(self, blob_id: str) -> list[str]:
        """Returns the keys of the images whose rows name this content. Raises StoreUnavailableError."""
        return [row.image_key for row in self._row.by_blob.query(blob_id)]

    def storage(self) -> Iterator[tuple[str, str, int]]:
        """Yields (image key, blob id, bytes of the original) for each image with stored content.

        Scans a small index, which may lag behind the table by a moment.
        """
        attributes = ("imageKey", "blobId", "fileSize")
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=attributes, index="byBlob")
        for items, _ in pages:
            for item in items:
                size = int(item.get("fileSize", {}).get("N", 0))
                yield item["imageKey"]["S"], item["blobId"]["S"], size

    def needing_attention(self, status: ImageStatus) -> Iterator[ImageRecord]:
        """Returns the records of all pending or all failed images, from an index that may lag by a moment.

        They have only key, status, URL, reason, and the times of queueing, failure and next attempt.
        """
        return (record_of(row) for row in self._row.by_attention.query(status.value))


def _attention_key(status: ImageStatus, after: Position) -> dict[str, Any]:
    image_key, next_attempt_at = after
    return {
        "imageKey": {"S": image_key},
        "status": {"S": status.value},
        "nextAttemptAt": {"N": str(next_attempt_at)},
    }
