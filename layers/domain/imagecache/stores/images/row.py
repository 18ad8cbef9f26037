"""The schema of cachedImages: one row for each image, and the conversion of rows to classes of the model.

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
from collections.abc import Callable, Mapping
from typing import Any

from pynamodb.attributes import Attribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from imagecache.model.image import (
    BadBytes,
    FailureReason,
    ImageRecord,
    ImageStatus,
    OriginAnswer,
    Validators,
)
from imagecache.rules.source_urls import storable_url


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
    is_animated = BooleanAttribute(null=True, attr_name="isAnimated")
    failed_at = NumberAttribute(null=True, attr_name="failedAt")
    looked_up_at = NumberAttribute(null=True, attr_name="lookedUpAt")
    orphaned_at = NumberAttribute(null=True, attr_name="orphanedAt")
    bad_bytes = UnicodeAttribute(null=True, attr_name="badBytes")
    history = UnicodeAttribute(null=True)
    view = UnicodeAttribute(null=True)
    by_blob = _ByBlob()
    by_attention = _ByAttention()


def image_record(item: Mapping[str, Any]) -> ImageRecord:
    """Converts the attributes of a row that were read, as DynamoDB's JSON, to a record.

    Raises TypeError if `imageKey` or `status` is missing, and ValueError if a status or a reason is unknown.
    """
    # The loop is over the attributes that were read, because the sweep reads few attributes of many rows.
    values: dict[str, Any] = {}
    for attribute, value in item.items():
        if attribute in _RECORD_FIELDS:
            field, convert = _RECORD_FIELDS[attribute]
            # DynamoDB's JSON has one pair of a type and a value, where numbers are strings, too.
            [content] = value.values()
            values[field] = convert(content)
    if "etag" in item or "lastModified" in item:
        values["validators"] = Validators(_text(item, "etag"), _text(item, "lastModified"))
    return ImageRecord(**values)


def record_of(row: ImageRow) -> ImageRecord:
    """Converts a row that PynamoDB has read or written to a record."""
    return image_record(row.to_dynamodb_dict())


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
    "isAnimated": ("is_animated", bool),
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
        set_or_remove(ImageRow.etag, validators.etag),
        set_or_remove(ImageRow.last_modified, validators.last_modified),
    ]


def set_or_remove(attribute: Attribute[Any], value: object) -> Action:
    """Returns the action that sets an attribute, or that removes it if the value is None."""
    return attribute.remove() if value is None else attribute.set(value)
