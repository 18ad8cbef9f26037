"""The schema of cachedImages, one row per image; `claims.py` is for workers, `images.py` for all others."""

from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from imagecache.model.image import ImageStatus, Validators


class _ByBlob(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byBlob"
        projection = IncludeProjection(["fileSize"])

    blob_id = UnicodeAttribute(hash_key=True, attr_name="blobId")


class _ByAttention(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byAttention"
        projection = IncludeProjection(["sourceUrl", "reason", "queuedAt", "failedAt"])

    status = UnicodeAttribute(hash_key=True)
    next_attempt_at = NumberAttribute(range_key=True, attr_name="nextAttemptAt")


class ImageRow(Model):
    """Times in ms. `history` and `view` are JSON strings: attributes cost CPU one by one."""

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


@dataclass(frozen=True, slots=True)
class RowState:
    """What of a row the rules look at; absent numbers are 0. Times in ms."""

    status: ImageStatus
    lease: str | None = None
    queued_at: int = 0
    next_attempt_at: int = 0
    checked_at: int = 0
    refresh_requested_at: int = 0
    source_url: str = ""
    reason: str | None = None
    orphaned_at: int = 0


def row_state(row: ImageRow) -> RowState:
    return RowState(
        status=ImageStatus(row.status),
        lease=row.lease,
        queued_at=int(row.queued_at or 0),
        next_attempt_at=int(row.next_attempt_at or 0),
        checked_at=int(row.checked_at or 0),
        refresh_requested_at=int(row.refresh_requested_at or 0),
        source_url=row.source_url or "",
        reason=row.reason,
        orphaned_at=int(row.orphaned_at or 0),
    )


def lease_bound(now: int) -> str:
    """A lease less than this has lapsed: leases begin with their ends in ms, as 15 digits."""
    return f"{now:015d}"


def lease_ends_at(lease: str) -> int:
    return int(lease.partition(".")[0])


def nobody_works_on_it(now: int) -> Condition:
    """No lease, or one that has lapsed."""
    free: Condition = ImageRow.lease.does_not_exist() | (ImageRow.lease < lease_bound(now))
    return free


def validators_set(validators: Validators) -> list[Action]:
    """The row names this version, by no other name."""
    return [
        _set_or_remove(ImageRow.etag, validators.etag),
        _set_or_remove(ImageRow.last_modified, validators.last_modified),
    ]


def _set_or_remove(attribute: UnicodeAttribute, value: str | None) -> Action:
    return attribute.remove() if value is None else attribute.set(value)
