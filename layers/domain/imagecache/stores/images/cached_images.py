"""The cachedImages table: reads, and every write but those of workers, which are in claims.py."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pynamodb.attributes import Attribute
from pynamodb.exceptions import DoesNotExist

from imagecache.aws_errors import aws_errors_translated
from imagecache.clock import HOUR
from imagecache.model.image import (
    NO_VALIDATORS,
    ImageMessage,
    ImageRecord,
    ImageSource,
    ImageStatus,
)
from imagecache.stores.batches import Statement, execute, insert, item_of
from imagecache.stores.bulk_reads import batch_get, has_entry, scan
from imagecache.stores.dynamodb import bound, deleted, updated
from imagecache.stores.images.row import (
    ImageRow,
    has_no_live_lease,
    image_record,
    record_of,
    set_validators,
)
from imagecache.stores.images.views import ImageViews

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MESSAGE_LIFETIME_MS = 3 * HOUR
"""A message older than this (ms) counts as lost, so that the image may be queued again.

A pending image whose message was lost would otherwise never be downloaded.
"""


@dataclass(frozen=True, slots=True)
class Position:
    """The last image of a page of images of one status, after which the next page begins.

    The list of pending or failed images is sorted by `next_attempt_at` (ms), which is None for other
    statuses.
    """

    image_key: str
    next_attempt_at: int | None = None


class StoredImage(NamedTuple):
    """An image with stored content. `file_size` is the size of its original in bytes."""

    image_key: str
    blob_id: str
    file_size: int


class Orphan(NamedTuple):
    """An image with an orphan mark. `orphaned_at` is the time of the mark in ms."""

    image_key: str
    orphaned_at: int


_QUEUEING_ATTRIBUTES = (
    "imageKey",
    "status",
    "sourceUrl",
    "reason",
    "lease",
    "queuedAt",
    "nextAttemptAt",
    "refreshRequestedAt",
    "checkedAt",
    "orphanedAt",
)

_SOURCE_ATTRIBUTES = ("imageKey", "status", "sourceUrl", "cachedAt")

_SWEPT_ATTRIBUTES = (
    "imageKey",
    "sourceUrl",
    "status",
    "blobId",
    "fileSize",
    "isAnimated",
    "checkedAt",
    "refreshRequestedAt",
    "lookedUpAt",
    "orphanedAt",
)

# DynamoDB ends a scan after 1 MB anyway, which is about 1,400 rows.
_ROWS_A_SCAN = 500
_MOST_SCANS = 4
_DUE_ROWS_A_PAGE = 1_000

_IS_CACHED = ImageRow.status == ImageStatus.CACHED.value
_HAS_ROW = ImageRow.image_key.exists()


class CachedImages(ImageViews):
    """Reads rows of cachedImages, and changes them. All times are in ms.

    Every write is conditional on the state of the row, which another process may have changed. Every method
    raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        super().__init__(table_name=table_name, dynamodb=dynamodb)
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    @aws_errors_translated()
    def record(self, image_key: str) -> ImageRecord | None:
        """Returns the whole record of an image, or None if it has no row. The read is consistent."""
        try:
            return record_of(self._row.get(image_key, consistent_read=True))
        except DoesNotExist:
            return None

    def records(self, image_keys: Iterable[str]) -> dict[str, ImageRecord]:
        """Returns the record of each of these images that has a row, by image key.

        Only the fields that the rules of queueing use are set: key, status, URL, reason, the end of the
        lease, and the times of queueing, next attempt, refresh request, last check and orphan mark.
        """
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=_QUEUEING_ATTRIBUTES,
        )
        return {item["imageKey"]["S"]: image_record(item) for item in items}

    def sources(self, image_keys: Iterable[str]) -> dict[str, ImageRecord]:
        """Returns the record of each of these images that has a row, by image key.

        Only key, status, URL and the time of caching are set.
        """
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=_SOURCE_ATTRIBUTES,
        )
        return {item["imageKey"]["S"]: image_record(item) for item in items}

    @aws_errors_translated()
    def by_status(
        self, status: ImageStatus, *, limit: int, after: Position | None
    ) -> tuple[list[ImageRecord], Position | None]:
        """Returns at most `limit` records with this status, and where the list continues (None at the end).

        Pending and failed images come from an index, ordered by `next_attempt_at`, with only the attributes
        that `needing_attention` names. Images with another status come from a scan, in undefined order, with
        all attributes; such a page may be short or empty although more pages follow.
        """
        if status in {ImageStatus.PENDING, ImageStatus.FAILED}:
            start = _attention_key(status, after) if after else None
            query = self._row.by_attention.query(status.value, limit=limit, last_evaluated_key=start)
            records = [record_of(row) for row in query]
            return records, _attention_position(query.last_evaluated_key)
        return self._scan(status, limit=limit, after=after)

    def needing_attention(self, status: ImageStatus) -> Iterator[ImageRecord]:
        """Yields the records of all pending or all failed images, from an index that may lag by a moment.

        The records have only key, status, URL, reason, and the times of queueing, failure and next attempt.
        """
        with aws_errors_translated():
            for row in self._row.by_attention.query(status.value):
                yield record_of(row)

    def due(self, *, now: int) -> Iterator[ImageSource]:
        """Yields every image that is due at `now`, from an index that may lag by a moment.

        A failed image is due at its next attempt, a pending image when its message counts as lost.
        """
        with aws_errors_translated():
            for status in (ImageStatus.FAILED, ImageStatus.PENDING):
                rows = self._row.by_attention.query(
                    status.value, ImageRow.next_attempt_at <= now, page_size=_DUE_ROWS_A_PAGE
                )
                for row in rows:
                    if row.source_url:
                        yield ImageSource(row.image_key, row.source_url)

    @aws_errors_translated()
    def images_of_blob(self, blob_id: str) -> list[str]:
        """Returns the keys of the images whose stored content is this blob."""
        return [row.image_key for row in self._row.by_blob.query(blob_id)]

    def names_blob(self, blob_id: str) -> bool:
        """Returns True if this blob is the stored content of an image. The index may lag by a moment."""
        return has_entry(
            self._dynamodb, table_name=self._table_name, index="byBlob", key_name="blobId", key=blob_id
        )

    def stored_images(self) -> Iterator[StoredImage]:
        """Scans the index byBlob and yields every image with stored content.

        The index may lag behind the table by a moment.
        """
        attributes = ("imageKey", "blobId", "fileSize")
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=attributes, index="byBlob")
        for items, _ in pages:
            for item in items:
                size = int(item.get("fileSize", {}).get("N", 0))
                yield StoredImage(item["imageKey"]["S"], item["blobId"]["S"], size)

    def rows_for_sweep(self, *, after: str | None) -> tuple[list[ImageRecord], str | None]:
        """Returns the records of the next 1 MB of rows, and the key of the last row.

        The key is None after the last page. The page starts after the row with the key `after`. The order is
        undefined. The records have only key, URL, status, blob id, file size, whether there is a moving copy,
        and the times of check, refresh request, look-up and orphan mark.
        """
        return self._page_for_sweep(after=after)

    def orphans_for_sweep(self, *, after: str | None) -> tuple[list[ImageRecord], str | None]:
        """Returns the records of the orphans in the next 1 MB of rows, and the key of the last row read.

        A page may have no orphans. The rest is as for `rows_for_sweep`.
        """
        return self._page_for_sweep(after=after, having="orphanedAt")

    def _page_for_sweep(
        self, *, after: str | None, having: str | None = None
    ) -> tuple[list[ImageRecord], str | None]:
        pages = scan(
            self._dynamodb,
            table_name=self._table_name,
            attributes=_SWEPT_ATTRIBUTES,
            after={"imageKey": {"S": after}} if after else None,
            having=having,
        )
        items, last_key = next(pages)
        return [image_record(item) for item in items], last_key["imageKey"]["S"] if last_key else None

    def last_looked_up(self, image_keys: Iterable[str]) -> dict[str, int]:
        """Returns the time of the last look-up (ms; 0 for never) of each image with a row, by image key."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=("imageKey", "lookedUpAt"),
        )
        return {item["imageKey"]["S"]: int(item.get("lookedUpAt", {}).get("N", 0)) for item in items}

    # --- writes

    def insert_queued(self, messages: Sequence[ImageMessage], *, at_once: int) -> list[ImageMessage]:
        """Creates the rows of new images to which these messages were sent.

        Up to `at_once` requests are sent in parallel. Returns the messages whose rows could not be created,
        most likely because they exist: `mark_queued` records them.
        """
        items = [
            item_of(
                self._row,
                {
                    "image_key": message.image_key,
                    "status": ImageStatus.PENDING.value,
                    "source_url": message.source_url,
                    "queued_at": message.queued_at,
                    "next_attempt_at": message.queued_at + MESSAGE_LIFETIME_MS,
                },
            )
            for message in messages
        ]
        done = insert(self._dynamodb, table_name=self._table_name, items=items, at_once=at_once)
        return [message for message, is_inserted in zip(messages, done, strict=True) if not is_inserted]

    def mark_queued(self, message: ImageMessage) -> None:
        """Records that a message was sent to download or refresh an image. Creates the row if it is missing.

        Changes nothing if a worker has claimed or finished the image meanwhile.
        """
        row = self._row(message.image_key)
        actions = [
            ImageRow.status.set(ImageRow.status | ImageStatus.PENDING.value),
            ImageRow.source_url.set(message.source_url),
            ImageRow.queued_at.set(message.queued_at),
            ImageRow.next_attempt_at.set(
                ImageRow.next_attempt_at | (message.queued_at + MESSAGE_LIFETIME_MS)
            ),
        ]
        is_free = has_no_live_lease(message.queued_at)
        is_waiting = ImageRow.status.is_in(ImageStatus.PENDING.value, ImageStatus.FAILED.value)
        if not updated(row, actions, ImageRow.image_key.does_not_exist() | (is_waiting & is_free)):
            wants_refresh = ImageRow.refresh_requested_at.exists()
            updated(row, [ImageRow.queued_at.set(message.queued_at)], wants_refresh & is_free)

    def revive(self, image_key: str, *, now: int) -> None:
        """Makes a failed image due at `now`. Does nothing if it has not failed or if a worker has it."""
        is_failed = ImageRow.status == ImageStatus.FAILED.value
        updated(self._row(image_key), [ImageRow.next_attempt_at.set(now)], is_failed & has_no_live_lease(now))

    def request_refresh(self, image_key: str, *, now: int) -> bool:
        """Requests that a cached or forgotten image be downloaded again. Returns False for any other image.

        If the row has validators, a worker may be revalidating the image now: it asks the server only whether
        the image has changed. Therefore the validators and the lease are removed, so that this worker cannot
        end the refresh with an unchanged image.
        """
        row = self._row(image_key)
        request = ImageRow.refresh_requested_at.set(now)
        has_validators = ImageRow.etag.exists() | ImageRow.last_modified.exists()
        restart = [request, *set_validators(NO_VALIDATORS), ImageRow.lease.remove()]
        if updated(row, restart, _IS_CACHED & has_validators):
            return True
        if updated(row, [request], _IS_CACHED):
            return True
        lift = [request, ImageRow.status.set(ImageStatus.PENDING.value)]
        return updated(row, lift, ImageRow.status == ImageStatus.FORGOTTEN.value)

    def revalidate(self, image_key: str, *, now: int) -> bool:
        """Requests that a worker ask the origin of a cached image whether there is a new version.

        Returns False if the image is not cached.
        """
        return updated(self._row(image_key), [ImageRow.refresh_requested_at.set(now)], _IS_CACHED)

    def forget(self, image_key: str) -> bool:
        """Makes an image forgotten, and removes every attribute but key and URL. Returns False without a row.

        A message does not restore a forgotten image. A worker that has claimed it cannot commit, because the
        lease is removed, too.
        """
        kept = {"image_key", "source_url", "status"}
        removals = [
            attribute.remove() for name, attribute in self._row.get_attributes().items() if name not in kept
        ]
        actions = [ImageRow.status.set(ImageStatus.FORGOTTEN.value), *removals]
        return updated(self._row(image_key), actions, _HAS_ROW)

    def record_look_up(self, image_key: str, *, now: int) -> None:
        """Records a look-up of the image, and removes its orphan mark. Does nothing if it has no row."""
        updated(
            self._row(image_key), [ImageRow.looked_up_at.set(now), ImageRow.orphaned_at.remove()], _HAS_ROW
        )

    def unmark_orphaned(self, image_key: str) -> bool:
        """Removes the orphan mark. Returns False if the sweep has deleted the row meanwhile."""
        return updated(self._row(image_key), [ImageRow.orphaned_at.remove()], _HAS_ROW)

    def mark_orphans(self, image_keys: Iterable[str], *, now: int, at_once: int) -> list[bool]:
        """Marks images as orphans, with up to `at_once` requests at a time.

        Returns for each of them False if it is marked already, is forgotten or has no row.
        """
        keys = list(image_keys)
        statements = [
            Statement(
                f'UPDATE "{self._table_name}" SET orphanedAt = ?'  # noqa: S608 - with our own table's name
                ' WHERE imageKey = ? AND orphanedAt IS MISSING AND "status" <> ?',
                [{"N": str(now)}, {"S": image_key}, {"S": ImageStatus.FORGOTTEN.value}],
            )
            for image_key in keys
        ]
        done = execute(self._dynamodb, statements, at_once=at_once)
        markable = (
            ImageRow.image_key.exists()
            & ImageRow.orphaned_at.does_not_exist()
            & (ImageRow.status != ImageStatus.FORGOTTEN.value)
        )
        return [
            is_marked or updated(self._row(image_key), [ImageRow.orphaned_at.set(now)], markable)
            for image_key, is_marked in zip(keys, done, strict=True)
        ]

    def delete_orphans(self, orphans: Iterable[Orphan], *, now: int, at_once: int) -> list[bool]:
        """Deletes the rows of these orphans, with up to `at_once` requests at a time.

        Returns for each of them False if the row no longer has the orphan mark that was read, or if a worker
        has the image.
        """
        rows = list(orphans)
        lease = f"{now:015d}"
        # The engine finds no key beside an OR. The comparison does not hold for a row without a lease.
        statements = [
            Statement(
                f'DELETE FROM "{self._table_name}" WHERE imageKey = ?'  # noqa: S608 - our own table's name
                " AND orphanedAt = ? AND NOT (lease >= ?)",
                [{"S": row.image_key}, {"N": str(row.orphaned_at)}, {"S": lease}],
            )
            for row in rows
        ]
        done = execute(self._dynamodb, statements, at_once=at_once)

        def delete_alone(row: Orphan) -> bool:
            unchanged = (ImageRow.orphaned_at == row.orphaned_at) & has_no_live_lease(now)
            return deleted(self._row(row.image_key), unchanged)

        return [is_deleted or delete_alone(row) for row, is_deleted in zip(rows, done, strict=True)]

    def reset_to_pending(self, image_key: str, *, blob_id: str, now: int) -> bool:
        """Makes an image pending because the objects of its blob are missing.

        Returns False if the row now has another blob, or if a worker has the image.
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

    def _scan(
        self, status: ImageStatus, *, limit: int, after: Position | None
    ) -> tuple[list[ImageRecord], Position | None]:
        records: list[ImageRecord] = []
        for _ in range(_MOST_SCANS):
            start: Any = {"ExclusiveStartKey": {"imageKey": {"S": after.image_key}}} if after else {}
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
            after = Position(last["imageKey"]["S"]) if last else None
            if len(records) > limit:
                return records[:limit], Position(records[limit - 1].image_key)
            if after is None or len(records) == limit:
                break
        return records, after


def _attention_key(status: ImageStatus, after: Position) -> dict[str, Any]:
    return {
        "imageKey": {"S": after.image_key},
        "status": {"S": status.value},
        "nextAttemptAt": {"N": str(after.next_attempt_at)},
    }


def _attention_position(last_key: Mapping[str, Any] | None) -> Position | None:
    return Position(last_key["imageKey"]["S"], int(last_key["nextAttemptAt"]["N"])) if last_key else None
