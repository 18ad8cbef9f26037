"""The cachedImages table: one row for each image. The writes of workers are in claims.py.

Five attributes make up the state of a row. Each change is one conditional write.

status              `pending` until the first outcome, then `cached` or `failed`; `forgotten` if an operator
                    wants the image never again: then nothing is stored, and only a refresh changes that.
lease               The end and the name of a worker's claim, removed by every outcome. A row is worked on
                    while its lease is live. A lease that has lapsed means that its worker died or was too
                    slow.
queuedAt            When a message was last sent for the image. Removed by every outcome.
nextAttemptAt       When a failed image is due, or NEVER. In a pending row, when its message counts as lost.
refreshRequestedAt  A cached image is wanted again. Removed when its origin has answered, well or badly.

`orphanedAt` is independent of these. The nightly sweep sets it in a row that nothing refers to, any new
reference removes it, and 30 days later the sweep deletes the row. docs/tables.md has the diagram of all
states and who writes each attribute.
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
    """A source URL. Every write leaves out the key material that its query may hold."""

    def serialize(self, value: str) -> str:
        return storable_url(value)


class ImageRow(Model):
    """The attributes of a row. Times are in ms.

    `view` repeats what pages need of the other attributes as one JSON text, because PynamoDB and DynamoDB
    spend time on each attribute that is read, and pages read many rows. `history` is a JSON text, too.
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
"""A message that is older counts as lost, so the image may be queued again.

A message may be lost because it is sent before the row is written; an image must not be.
"""


@dataclass(frozen=True, slots=True)
class Position:
    """The last image of a page of images of one status, after which the next page begins.

    `next_attempt_at` (ms) is set for pending and failed images, whose list is sorted by it.
    """

    image_key: str
    next_attempt_at: int | None = None


class StoredImage(NamedTuple):
    """An image with stored content, and the bytes of its original."""

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

    Every change is conditional: it is not made if the row has changed meanwhile. The sweep reads
    `rows_per_page` rows at a time. Every method raises StoreUnavailableError if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient", rows_per_page: int = 1000) -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._rows_per_page = rows_per_page
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def views(self, image_keys: Iterable[str]) -> dict[str, ImageView]:
        """Returns what a page shows of each image that has a row, by one wave of BatchGetItem."""
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
        """Returns the records of the images that have a row, with what the rules of queueing look at.

        These are status, URL, reason, the end of the lease, and the times of queueing, next attempt, refresh
        request, last check and orphan mark.
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
        """Returns at most `limit` records of that status, and where the list continues (None at the end).

        Pending and failed images come from an index, the next due first, and have only the attributes that
        `needing_attention` names. The others are found by a scan, in no order and whole. A page of them may
        be short, or even empty, although there are more.
        """
        if status in {ImageStatus.PENDING, ImageStatus.FAILED}:
            start = _attention_key(status, after) if after else None
            query = self._row.by_attention.query(status.value, limit=limit, last_evaluated_key=start)
            records = [record_of(row) for row in query]
            return records, _attention_position(query.last_evaluated_key)
        return self._scan(status, limit=limit, after=after)

    def needing_attention(self, status: ImageStatus) -> Iterator[ImageRecord]:
        """Yields the records of all pending or all failed images, from an index that may lag by a moment.

        They have only key, status, URL, reason, and the times of queueing, failure and next attempt.
        """
        with aws_errors_translated():
            for row in self._row.by_attention.query(status.value):
                yield record_of(row)

    @aws_errors_translated()
    def due(self, *, now: int, limit: int) -> list[ImageSource]:
        """Returns at most `limit` images that are due.

        These are failed images whose next attempt has come, and pending ones whose message counts as lost.
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
        """Returns the keys of the images whose rows name this content."""
        return [row.image_key for row in self._row.by_blob.query(blob_id)]

    def stored_images(self) -> Iterator[StoredImage]:
        """Yields every image with stored content, by a scan of a small index.

        The index may lag behind the table by a moment.
        """
        attributes = ("imageKey", "blobId", "fileSize")
        pages = scan(self._dynamodb, table_name=self._table_name, attributes=attributes, index="byBlob")
        for items, _ in pages:
            for item in items:
                size = int(item.get("fileSize", {}).get("N", 0))
                yield StoredImage(item["imageKey"]["S"], item["blobId"]["S"], size)

    def rows_for_sweep(self, *, after: str | None) -> tuple[list[ImageRecord], str | None]:
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

    def last_looked_up(self, image_keys: Iterable[str]) -> dict[str, int]:
        """Maps each key that has a row to when a look-up request last asked for it (ms); 0 means never."""
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
        """Records that a message was sent for an image, or for its refresh.

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
        """Makes a failed image due at once, unless a worker has it."""
        is_failed = ImageRow.status == ImageStatus.FAILED.value
        updated(self._row(image_key), [ImageRow.next_attempt_at.set(now)], is_failed & has_no_live_lease(now))

    def request_refresh(self, image_key: str, *, now: int) -> bool:
        """Asks for the bytes of a cached or forgotten image again. Returns False if it is neither.

        A row with validators may just now be revalidated: a worker asks its server only whether the image
        has changed. So the validators go, and with them that worker's lease, and its answer does not count.
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
        """Asks for another version of a cached image, if its origin has one.

        Returns False if the image is not cached.
        """
        return updated(self._row(image_key), [ImageRow.refresh_requested_at.set(now)], _IS_CACHED)

    def forget(self, image_key: str) -> bool:
        """Removes all that is known of an image but its URL. Returns False if it has no row.

        No message brings it back, and a worker that has it cannot commit, because its lease is gone.
        """
        kept = {"image_key", "source_url", "status"}
        removals = [
            attribute.remove() for name, attribute in self._row.get_attributes().items() if name not in kept
        ]
        actions = [ImageRow.status.set(ImageStatus.FORGOTTEN.value), *removals]
        return updated(self._row(image_key), actions, _HAS_ROW)

    def record_look_up(self, image_key: str, *, now: int) -> None:
        """Records that another frontend shows the image. Does nothing if it has no row."""
        updated(
            self._row(image_key), [ImageRow.looked_up_at.set(now), ImageRow.orphaned_at.remove()], _HAS_ROW
        )

    def unmark_orphaned(self, image_key: str) -> bool:
        """Removes the orphan mark. Returns False if the sweep has deleted the row meanwhile."""
        return updated(self._row(image_key), [ImageRow.orphaned_at.remove()], _HAS_ROW)

    def mark_orphaned(self, image_key: str, *, now: int) -> bool:
        """Marks an image as an orphan since `now`. Returns False if it is marked, forgotten or gone."""
        markable = (
            ImageRow.image_key.exists()
            & ImageRow.orphaned_at.does_not_exist()
            & (ImageRow.status != ImageStatus.FORGOTTEN.value)
        )
        return updated(self._row(image_key), [ImageRow.orphaned_at.set(now)], markable)

    def delete_orphan(self, image_key: str, *, orphaned_at: int, now: int) -> bool:
        """Deletes the row of an orphan.

        Returns False if the row has another orphan mark or none, or if a worker has it.
        """
        return deleted(self._row(image_key), (ImageRow.orphaned_at == orphaned_at) & has_no_live_lease(now))

    def reset_to_pending(self, image_key: str, *, blob_id: str, now: int) -> bool:
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


# --- The forms in which a row keeps what the model describes. claims.py uses them, too.


def image_record(item: Mapping[str, Any]) -> ImageRecord:
    """Converts a row, or as many of its attributes as were read, from DynamoDB's JSON.

    `imageKey` and `status` must be among them. Raises TypeError if one of these is missing, and ValueError if
    a status or a reason is unknown.
    """
    # Only the attributes that are there cost time: the sweep reads every row, but few attributes of each.
    values: dict[str, Any] = {}
    for attribute, value in item.items():
        if attribute in _RECORD_FIELDS:
            field, convert = _RECORD_FIELDS[attribute]
            # DynamoDB's JSON has numbers as texts, too.
            values[field] = convert(value["S"] if "S" in value else value["N"])
    if "etag" in item or "lastModified" in item:
        values["validators"] = Validators(_text(item, "etag"), _text(item, "lastModified"))
    return ImageRecord(**values)


def record_of(row: ImageRow) -> ImageRecord:
    """Converts a row that PynamoDB has read or written."""
    return image_record(row.to_dynamodb_dict())


def image_view(item: Mapping[str, Any]) -> ImageView:
    """Converts VIEW_ATTRIBUTES of a row, as DynamoDB's JSON, to what a page needs.

    If there is a copy to show, the status is CACHED: a retry or a failed refresh never hides it.
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
    """Returns the form in which a row keeps what pages need of it, as a JSON list."""
    fields = [blob.blob_id, blob.width, blob.height, blob.placeholder, blob.color]
    return json.dumps(fields, separators=(",", ":"))


def _text(item: Mapping[str, Any], attribute: str) -> str | None:
    return item[attribute]["S"] if attribute in item else None


def _bad_bytes(text: str) -> BadBytes:
    content_hash, _, failed_at = text.partition("@")
    return BadBytes(content_hash, int(failed_at))


def bad_bytes_text(bad_bytes: BadBytes) -> str:
    """Returns the form in which a row keeps `bad_bytes`: `<hash>@<ms>`."""
    return f"{bad_bytes.content_hash}@{bad_bytes.failed_at}"


def _history(text: str) -> tuple[OriginAnswer, ...]:
    return tuple(OriginAnswer(*entry) for entry in json.loads(text))


def history_text(history: tuple[OriginAnswer, ...]) -> str:
    """Returns the form in which a row keeps `history`: a JSON list of [time in ms, origin, answer]."""
    entries = [[entry.at, entry.origin, entry.answer] for entry in history]
    return json.dumps(entries, separators=(",", ":"))


def new_lease(*, ends_at: int, nonce: str) -> str:
    """Returns a lease: its end in ms as 15 digits, a dot, and a random part that makes it its holder's own.

    Leases sort by their ends. So one condition can tell whether a lease has lapsed, and another one who
    holds it.
    """
    return f"{ends_at:015d}.{nonce}"


def lease_ends_at(lease: str) -> int:
    """Returns the moment (ms) at which a lease ends. At that very moment it is still live."""
    return int(lease.partition(".")[0])


# The field of ImageRecord that an attribute fills, and what makes the field's value of the attribute's text.
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
    """Returns the condition that no worker has the image: there is no lease, or it ended before `now`."""
    free: Condition = ImageRow.lease.does_not_exist() | (ImageRow.lease < f"{now:015d}")
    return free


def set_validators(validators: Validators) -> list[Action]:
    """Returns the actions that make these the validators of the row, and remove those that it had."""
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
