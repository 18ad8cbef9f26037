"""The cachedImages table: one row for each image. The writes of workers are in claims.py.

Five attributes define the state of a row. Each change of state is one conditional write. Times are in ms.

status              `pending` until the first outcome, then `cached` or `failed`. `forgotten` if an operator
                    has forgotten the image: nothing is stored of it, and only a refresh ends that status.
lease               The end of a worker's claim and the claim's random id. Every outcome removes it. While the
                    lease is live, a worker has the image. A lapsed lease means that the worker died or was
                    too slow.
queuedAt            When a message was last sent for the image. Every outcome removes it.
nextAttemptAt       When a failed image is due, or NEVER. In a pending row, when its message counts as lost.
refreshRequestedAt  When a cached image was requested again. Removed when its origin has answered, also with
                    an error.

A sixth attribute, `orphanedAt`, is independent of the state. The nightly sweep sets it in a row that nothing
refers to, and deletes the row 30 days later. A new reference removes the attribute. docs/tables.md has a
diagram of all states and lists which part of the system writes each attribute.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pynamodb.attributes import Attribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from imagecache.aws_errors import aws_errors_translated
from imagecache.clock import HOUR
from imagecache.model.image import (
    NO_VALIDATORS,
    BadBytes,
    Blob,
    FailureReason,
    ImageMessage,
    ImageRecord,
    ImageSource,
    ImageStatus,
    ImageView,
    OriginAnswer,
    Validators,
)
from imagecache.rules.source_urls import storable_url
from imagecache.stores.dynamodb import batch_get, bound, deleted, scan, updated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _ByBlob(GlobalSecondaryIndex[Any]):
    """Finds the images that share stored content."""

    class Meta:
        index_name = "byBlob"
        projection = IncludeProjection(["fileSize"])

    blob_id = UnicodeAttribute(hash_key=True, attr_name="blobId")


class _ByAttention(GlobalSecondaryIndex[Any]):
    """Lists pending and failed images, the next due first. Other rows have no `nextAttemptAt`."""

    class Meta:
        index_name = "byAttention"
        projection = IncludeProjection(["sourceUrl", "reason", "queuedAt", "failedAt"])

    status = UnicodeAttribute(hash_key=True)
    next_attempt_at = NumberAttribute(range_key=True, attr_name="nextAttemptAt")


class _SourceUrl(UnicodeAttribute):
    """A source URL. It is written without the key material that its query may contain."""

    def serialize(self, value: str) -> str:
        return storable_url(value)


class ImageRow(Model):
    """The attributes of a row. Times are in ms.

    `view` is one JSON text that repeats the attributes that pages show: pages read many rows, and reading
    needs time for each attribute. `history` is a JSON text, too.
    """

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")
    source_url = _SourceUrl(null=True, attr_name="sourceUrl")
    status = UnicodeAttribute()
    queued_at = NumberAttribute(null=True, attr_name="queuedAt")
    lease = UnicodeAttribute(null=True)
    refresh_requested_at = NumberAttribute(null=True, attr_name="refreshRequestedAt")
    blob_id = UnicodeAttribute(null=True, attr_name="blobId")
    content_type = UnicodeAttribute(null=True, attr_name="contentType")
    file_size = NumberAttribute(null=True, attr_name="fileSize")
    width = NumberAttribute(null=True)
    height = NumberAttribute(null=True)
    cached_at = NumberAttribute(null=True, attr_name="cachedAt")
    checked_at = NumberAttribute(null=True, attr_name="checkedAt")
    etag = UnicodeAttribute(null=True)
    last_modified = UnicodeAttribute(null=True, attr_name="lastModified")
    attempts = NumberAttribute(default=0)
    failures = NumberAttribute(default=0)
    next_attempt_at = NumberAttribute(null=True, attr_name="nextAttemptAt")
    reason = UnicodeAttribute(null=True)
    placeholder = UnicodeAttribute(null=True)
    color = UnicodeAttribute(null=True)
    failed_at = NumberAttribute(null=True, attr_name="failedAt")
    looked_up_at = NumberAttribute(null=True, attr_name="lookedUpAt")
    orphaned_at = NumberAttribute(null=True, attr_name="orphanedAt")
    bad_bytes = UnicodeAttribute(null=True, attr_name="badBytes")
    history = UnicodeAttribute(null=True)
    view = UnicodeAttribute(null=True)
    by_blob = _ByBlob()
    by_attention = _ByAttention()


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


VIEW_ATTRIBUTES = ("imageKey", "status", "view", "reason")


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


# DynamoDB ends a scan after 1 MB anyway, which is about 1,400 rows.
_ROWS_A_SCAN = 500


_MOST_SCANS = 4


_IS_CACHED = ImageRow.status == ImageStatus.CACHED.value


_HAS_ROW = ImageRow.image_key.exists()


class CachedImages:
    """Reads rows of cachedImages, and changes them. All times are in ms.

    Every write is conditional on the state of the row, which another process may have changed. The sweep
    reads `rows_per_page` rows at a time. Every method raises StoreUnavailableError if DynamoDB does not
    answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", rows_per_page: int = 1000) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._rows_per_page = rows_per_page
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def views(self, image_keys: Iterable[str]) -> dict[str, ImageView]:
        """Returns what a page shows of each of these images that has a row, by image key."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=VIEW_ATTRIBUTES,
        )
        return {item["imageKey"]["S"]: image_view(item) for item in items}

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

    @aws_errors_translated()
    def due(self, *, now: int, limit: int) -> list[ImageSource]:
        """Returns at most `limit` images that are due at `now`.

        A failed image is due at its next attempt, a pending image when its message counts as lost.
        """
        images: list[ImageSource] = []
        for status in (ImageStatus.FAILED, ImageStatus.PENDING):
            rows = self._row.by_attention.query(
                status.value, ImageRow.next_attempt_at <= now, limit=limit - len(images)
            )
            images += [ImageSource(row.image_key, row.source_url) for row in rows if row.source_url]
        return images

    @aws_errors_translated()
    def images_of_blob(self, blob_id: str) -> list[str]:
        """Returns the keys of the images whose stored content is this blob."""
        return [row.image_key for row in self._row.by_blob.query(blob_id)]

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
        """Returns the records of the next `rows_per_page` rows, and the key of the last row.

        The key is None after the last page. The page starts after the row with the key `after`. The order is
        undefined. The records have only key, URL, status, blob id, file size, and the times of check, refresh
        request, look-up and orphan mark.
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

    def mark_orphaned(self, image_key: str, *, now: int) -> bool:
        """Marks an image as an orphan. Returns False if it is marked already, is forgotten or has no row."""
        markable = (
            ImageRow.image_key.exists()
            & ImageRow.orphaned_at.does_not_exist()
            & (ImageRow.status != ImageStatus.FORGOTTEN.value)
        )
        return updated(self._row(image_key), [ImageRow.orphaned_at.set(now)], markable)

    def delete_orphan(self, image_key: str, *, orphaned_at: int, now: int) -> bool:
        """Deletes the row of an orphan that was marked at `orphaned_at`.

        Returns False if the row no longer has this orphan mark, or if a worker has the image.
        """
        return deleted(self._row(image_key), (ImageRow.orphaned_at == orphaned_at) & has_no_live_lease(now))

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


# --- Conversions between the attributes of a row and the classes of the model. claims.py uses them, too.


def image_record(item: Mapping[str, Any]) -> ImageRecord:
    """Converts the attributes of a row that were read, as DynamoDB's JSON, to a record.

    Raises TypeError if `imageKey` or `status` is missing, and ValueError if a status or a reason is unknown.
    """
    # The loop is over the attributes that were read, because the sweep reads few attributes of many rows.
    values: dict[str, Any] = {}
    for attribute, value in item.items():
        if attribute in _RECORD_FIELDS:
            field, convert = _RECORD_FIELDS[attribute]
            # DynamoDB's JSON has numbers as strings, too.
            values[field] = convert(value["S"] if "S" in value else value["N"])
    if "etag" in item or "lastModified" in item:
        values["validators"] = Validators(_text(item, "etag"), _text(item, "lastModified"))
    return ImageRecord(**values)


def record_of(row: ImageRow) -> ImageRecord:
    """Converts a row that PynamoDB has read or written to a record."""
    return image_record(row.to_dynamodb_dict())


def image_view(item: Mapping[str, Any]) -> ImageView:
    """Converts VIEW_ATTRIBUTES of a row, as DynamoDB's JSON, to a view.

    If the row has a stored copy and is not forgotten, the status of the view is CACHED: a pending retry or a
    failure must not hide the copy.
    """
    status = ImageStatus(item["status"]["S"])
    if "view" not in item or status is ImageStatus.FORGOTTEN:
        return ImageView(status, reason=item["reason"]["S"] if "reason" in item else None)
    blob_id, width, height, *first_paint = json.loads(item["view"]["S"])
    placeholder, color = first_paint or (None, None)  # rows of the first version have neither
    return ImageView(
        ImageStatus.CACHED, blob_id, width, height, placeholder=placeholder or None, color=color or None
    )


def view_text(blob: Blob) -> str:
    """Returns the value of the attribute `view`: a JSON list of what pages show of the blob."""
    fields = [blob.blob_id, blob.width, blob.height, blob.placeholder, blob.color]
    return json.dumps(fields, separators=(",", ":"))


def _text(item: Mapping[str, Any], attribute: str) -> str | None:
    return item[attribute]["S"] if attribute in item else None


def _bad_bytes(text: str) -> BadBytes:
    content_hash, _, failed_at = text.partition("@")
    return BadBytes(content_hash, int(failed_at))


def bad_bytes_text(bad_bytes: BadBytes) -> str:
    """Returns the value of the attribute `badBytes`: `<hash>@<time in ms>`."""
    return f"{bad_bytes.content_hash}@{bad_bytes.failed_at}"


def _history(text: str) -> tuple[OriginAnswer, ...]:
    return tuple(OriginAnswer(*entry) for entry in json.loads(text))


def history_text(history: tuple[OriginAnswer, ...]) -> str:
    """Returns the value of the attribute `history`: a JSON list of [time in ms, origin, answer]."""
    entries = [[entry.at, entry.origin, entry.answer] for entry in history]
    return json.dumps(entries, separators=(",", ":"))


def new_lease(*, ends_at: int, nonce: str) -> str:
    """Returns a lease: its end (ms) as 15 digits, a dot, and `nonce`, which identifies the claim.
    Leases sort by their ends, so a condition of DynamoDB can compare a lease with a time. A condition that
    compares the whole lease finds out whether a certain claim still has the row.
    """
    return f"{ends_at:015d}.{nonce}"


def lease_ends_at(lease: str) -> int:
    """Returns the last moment (ms) at which the lease is live."""
    return int(lease.partition(".")[0])


# For each attribute: the field of ImageRecord, and the function that converts the attribute's text to the
# value of that field.
_RECORD_FIELDS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "imageKey": ("image_key", str),
    "status": ("status", ImageStatus),
    "sourceUrl": ("source_url", str),
    "reason": ("reason", FailureReason),
    "lease": ("held_until", lease_ends_at),
    "queuedAt": ("queued_at", int),
    "nextAttemptAt": ("next_attempt_at", int),
    "refreshRequestedAt": ("refresh_requested_at", int),
    "checkedAt": ("checked_at", int),
    "cachedAt": ("cached_at", int),
    "failedAt": ("failed_at", int),
    "lookedUpAt": ("looked_up_at", int),
    "orphanedAt": ("orphaned_at", int),
    "attempts": ("attempts", int),
    "failures": ("failures", int),
    "blobId": ("blob_id", str),
    "contentType": ("content_type", str),
    "fileSize": ("file_size", int),
    "badBytes": ("bad_bytes", _bad_bytes),
    "history": ("history", _history),
}


def has_no_live_lease(now: int) -> Condition:
    """Returns the condition that no worker has the image.

    The row has no lease then, or one that ended before `now` (ms).
    """
    free: Condition = ImageRow.lease.does_not_exist() | (ImageRow.lease < f"{now:015d}")
    return free


def set_validators(validators: Validators) -> list[Action]:
    """Returns the actions that replace the validators of the row by these, which may be None."""
    return [
        _set_or_remove(ImageRow.etag, validators.etag),
        _set_or_remove(ImageRow.last_modified, validators.last_modified),
    ]


def _set_or_remove(attribute: UnicodeAttribute, value: str | None) -> Action:
    return attribute.remove() if value is None else attribute.set(value)


def _attention_key(status: ImageStatus, after: Position) -> dict[str, Any]:
    return {
        "imageKey": {"S": after.image_key},
        "status": {"S": status.value},
        "nextAttemptAt": {"N": str(after.next_attempt_at)},
    }


def _attention_position(last_key: Mapping[str, Any] | None) -> Position | None:
    return Position(last_key["imageKey"]["S"], int(last_key["nextAttemptAt"]["N"])) if last_key else None
