"""The schema of cachedImages: one row for each image, and the conversion of rows to ImageRecord.

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
from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from imagecache.model.image import (
    BadBytes,
    Blob,
    FailureReason,
    ImageRecord,
    ImageStatus,
    ImageView,
    OriginAnswer,
    Validators,
)


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


class ImageRow(Model):
    """The attributes of a row. Times are in ms.

    `view` repeats what pages need of the other attributes as one JSON text, because PynamoDB and DynamoDB
    spend time on each attribute that is read, and pages read many rows. `history` is a JSON text, too.
    """

    image_key = UnicodeAttribute(hash_key=True, attr_name="imageKey")
    source_url = UnicodeAttribute(null=True, attr_name="sourceUrl")
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


VIEW_ATTRIBUTES = ("imageKey", "status", "view", "reason")


def image_record(item: Mapping[str, Any]) -> ImageRecord:
    """Converts a row, or as many of its attributes as were read, from DynamoDB's JSON.

    `imageKey` and `status` must be among them. Raises KeyError if one of these is missing, and ValueError if
    a status or a reason is unknown.
    """

    def text(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    def number(name: str) -> int:
        return int(item[name]["N"]) if name in item else 0

    reason = text("reason")
    lease = text("lease")
    return ImageRecord(
        image_key=item["imageKey"]["S"],
        status=ImageStatus(item["status"]["S"]),
        source_url=text("sourceUrl"),
        reason=FailureReason(reason) if reason else None,
        held_until=lease_ends_at(lease) if lease else 0,
        queued_at=number("queuedAt"),
        next_attempt_at=number("nextAttemptAt"),
        refresh_requested_at=number("refreshRequestedAt"),
        checked_at=number("checkedAt"),
        cached_at=number("cachedAt"),
        failed_at=number("failedAt"),
        looked_up_at=number("lookedUpAt"),
        orphaned_at=number("orphanedAt"),
        attempts=number("attempts"),
        failures=number("failures"),
        blob_id=text("blobId"),
        content_type=text("contentType"),
        file_size=number("fileSize"),
        validators=Validators(text("etag"), text("lastModified")),
        bad_bytes=_bad_bytes(text("badBytes")),
        history=_history(text("history")),
    )


def record_of(row: ImageRow) -> ImageRecord:
    """Converts a row that PynamoDB has read or written."""
    return image_record(row.to_dynamodb_dict())


def bad_bytes_text(bad_bytes: BadBytes) -> str:
    """Returns the form in which a row keeps `bad_bytes`: `<hash>@<ms>`."""
    return f"{bad_bytes.content_hash}@{bad_bytes.failed_at}"


def _bad_bytes(text: str | None) -> BadBytes | None:
    if text is None:
        return None
    content_hash, _, failed_at = text.partition("@")
    return BadBytes(content_hash, int(failed_at))


def history_text(history: tuple[OriginAnswer, ...]) -> str:
    """Returns the form in which a row keeps `history`: a JSON list of [time in ms, origin, answer]."""
    entries = [[entry.at, entry.origin, entry.answer] for entry in history]
    return json.dumps(entries, separators=(",", ":"))


def _history(text: str | None) -> tuple[OriginAnswer, ...]:
    return tuple(OriginAnswer(*entry) for entry in json.loads(text)) if text else ()


def view_text(blob: Blob) -> str:
    """Returns the form in which a row keeps what pages need of it, as a JSON list."""
    fields = [blob.blob_id, blob.width, blob.height, blob.placeholder, blob.color]
    return json.dumps(fields, separators=(",", ":"))


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


def new_lease(*, ends_at: int, nonce: str) -> str:
    """Returns a lease: its end in ms as 15 digits, a dot, and a random part that makes it its holder's own.

    Leases sort by their ends. So one condition can tell whether a lease has lapsed, and another one who
    holds it.
    """
    return f"{ends_at:015d}.{nonce}"


def lease_ends_at(lease: str) -> int:
    """Returns the moment (ms) at which a lease ends. At that very moment it is still live."""
    return int(lease.partition(".")[0])


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
