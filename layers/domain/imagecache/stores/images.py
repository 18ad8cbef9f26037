"""The cachedImages table: one row per image, claimed, committed and failed by conditional writes."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from imagecache.claims import (
    PENDING_LIVES_FOR,
    Answer,
    RowState,
    answer_to_claim,
    lease_bound,
    lease_ends_at,
    new_lease,
)
from imagecache.errors import ImageCacheError
from imagecache.identity import stored_url
from imagecache.model import Attempt, Blob, FailureReason, ImageRequest, ImageStatus, ImageView
from imagecache.stores.batch_get import Item, batch_get
from imagecache.stores.binding import bound

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS_KEPT = 5
_STATE_ATTRIBUTES = (
    "imageKey",
    "status",
    "lease",
    "queuedAt",
    "nextAttemptAt",
    "checkedAt",
    "refreshRequestedAt",
    "sourceUrl",
    "reason",
)


class _ByBlob(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byBlob"
        projection = KeysOnlyProjection()

    blob_id = UnicodeAttribute(hash_key=True, attr_name="blobId")


class _ByAttention(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byAttention"
        projection = IncludeProjection(["sourceUrl", "reason"])

    status = UnicodeAttribute(hash_key=True)
    next_attempt_at = NumberAttribute(range_key=True, attr_name="nextAttemptAt")


class _Row(Model):
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
    attempts = NumberAttribute(default=0)
    failures = NumberAttribute(default=0)
    next_attempt_at = NumberAttribute(null=True, attr_name="nextAttemptAt")
    reason = UnicodeAttribute(null=True)
    placeholder = UnicodeAttribute(null=True)
    color = UnicodeAttribute(null=True)
    bad_bytes = UnicodeAttribute(null=True, attr_name="badBytes")
    history = UnicodeAttribute(null=True)
    view = UnicodeAttribute(null=True)
    by_blob = _ByBlob()
    by_attention = _ByAttention()


class LeaseLostError(ImageCacheError):
    """Another worker took over, or the image was forgotten: this outcome must not be recorded."""


class Claim(NamedTuple):
    """The answer to a claim; `held_until` (ms) counts only when it is HELD, the rest only when it is WON."""

    answer: Answer
    image_key: str
    lease: str = ""
    attempts: int = 0
    failures: int = 0
    held_until: int = 0
    is_refresh: bool = False
    bad_bytes: str | None = None
    history: str = "[]"


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Rows by status, and the bytes of the originals they name."""

    by_status: dict[str, int]
    original_bytes: int


class CachedImages:
    """Rows of cachedImages. All times in ms."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(_Row, table_name=table_name, dynamodb=dynamodb)

    def claim(self, request: ImageRequest, *, now: int, lease_seconds: int, nonce: str) -> Claim:
        """One conditional write that takes the image and counts the attempt."""
        lease = new_lease(now=now, seconds=lease_seconds, nonce=nonce)
        row = self._row(request.image_key)
        actions = [
            _Row.status.set(_Row.status | ImageStatus.PENDING.value),
            _Row.source_url.set(stored_url(request.source_url)),
            _Row.lease.set(lease),
            _Row.attempts.set((_Row.attempts | 0) + 1),
        ]
        if not _written(row, actions, _claimable(now)):
            return self._refused(request.image_key, now)
        return Claim(
            Answer.WON,
            request.image_key,
            lease,
            attempts=int(row.attempts),
            failures=int(row.failures),
            is_refresh=row.status == ImageStatus.CACHED.value,
            bad_bytes=row.bad_bytes,
            history=row.history or "[]",
        )

    def _refused(self, image_key: str, now: int) -> Claim:
        """Why a claim was refused. A row that has changed since counts as held until now: SQS asks again."""
        try:
            state = _state(self._row.get(image_key, consistent_read=True))
        except DoesNotExist:
            state = None
        answer = answer_to_claim(state, now)
        if state is None or answer is Answer.WON:
            return Claim(Answer.HELD, image_key, held_until=now)
        return Claim(answer, image_key, held_until=lease_ends_at(state.lease) if state.lease else 0)

    def commit(self, claim: Claim, blob: Blob, *, now: int, tried: Sequence[Attempt] = ()) -> None:
        """The image is cached, its objects are stored. Raises LeaseLostError."""
        actions = [
            _Row.status.set(ImageStatus.CACHED.value),
            _Row.blob_id.set(blob.blob_id),
            _Row.content_type.set(blob.content_type),
            _Row.file_size.set(blob.file_size),
            _Row.width.set(blob.width),
            _Row.height.set(blob.height),
            _Row.placeholder.set(blob.placeholder),
            _Row.color.set(blob.color),
            _Row.view.set(_compact(blob)),
            _Row.cached_at.set(now),
            _Row.checked_at.set(now),
            _Row.refresh_requested_at.remove(),
            *_end_of_story(claim, tried),
            _Row.failures.remove(),
            _Row.next_attempt_at.remove(),
            _Row.reason.remove(),
            _Row.bad_bytes.remove(),
        ]
        self._record(claim, actions)

    def fail(
        self,
        claim: Claim,
        reason: FailureReason,
        *,
        now: int,
        next_attempt_at: int,
        tried: Sequence[Attempt] = (),
        bad_bytes: str | None = None,
    ) -> None:
        """The attempt came to nothing. A failed refresh leaves the last good image. Raises LeaseLostError."""
        if claim.is_refresh:
            outcome = [_Row.checked_at.set(now), _Row.refresh_requested_at.remove()]
        else:
            outcome = [
                _Row.status.set(ImageStatus.FAILED.value),
                _Row.reason.set(reason.value),
                _Row.failures.set((_Row.failures | 0) + 1),
                _Row.next_attempt_at.set(next_attempt_at),
                *([_Row.bad_bytes.set(bad_bytes)] if bad_bytes else []),
            ]
        self._record(claim, [*outcome, *_end_of_story(claim, tried)])

    def release(self, claim: Claim, *, tried: Sequence[Attempt] = ()) -> None:
        """Nothing came of it and nobody is to blame: as if never claimed. Raises LeaseLostError."""
        actions = [
            _Row.lease.remove(),
            _Row.attempts.set(_Row.attempts - 1),
            _Row.history.set(_with(claim.history, tried)),
        ]
        self._record(claim, actions)

    def request_refresh(self, image_key: str, *, now: int) -> bool:
        """Fetch it anew although it is cached or was forgotten. Whether there is such a row."""
        row = self._row(image_key)
        wish = _Row.refresh_requested_at.set(now)
        if _written(row, [wish], _Row.status.is_in(ImageStatus.CACHED.value)):
            return True
        again = [wish, _Row.status.set(ImageStatus.PENDING.value)]
        return _written(row, again, _Row.status == ImageStatus.FORGOTTEN.value)

    def forget(self, image_key: str) -> None:
        """No queued message brings it back, and work in flight cannot commit: its lease is gone."""
        kept = {"image_key", "source_url", "status"}
        rest = [
            attribute.remove() for name, attribute in self._row.get_attributes().items() if name not in kept
        ]
        self._row(image_key).update(actions=[_Row.status.set(ImageStatus.FORGOTTEN.value), *rest])

    def history(self, image_key: str) -> list[Attempt]:
        """The last attempts, oldest first; empty for a row that does not exist."""
        try:
            row = self._row.get(image_key, attributes_to_get=["imageKey", "history"], consistent_read=True)
        except DoesNotExist:
            return []
        return [Attempt(*entry) for entry in json.loads(row.history or "[]")]

    def _record(self, claim: Claim, actions: Sequence[Action]) -> None:
        if not _written(self._row(claim.image_key), actions, _Row.lease == claim.lease):
            raise LeaseLostError

    def states(self, image_keys: Iterable[str]) -> dict[str, RowState]:
        """What the rules look at, for the rows that exist."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=_STATE_ATTRIBUTES,
        )
        rows = [self._row.from_raw_data(item) for item in items]
        return {row.image_key: _state(row) for row in rows}

    def mark_queued(self, request: ImageRequest) -> None:
        """A message waits for this image. Changes nothing when a worker was faster."""
        actions = [
            _Row.status.set(_Row.status | ImageStatus.PENDING.value),
            _Row.source_url.set(stored_url(request.source_url)),
            _Row.queued_at.set(request.queued_at),
            _Row.next_attempt_at.set(_Row.next_attempt_at | (request.queued_at + PENDING_LIVES_FOR)),
        ]
        waiting = _Row.status.is_in(ImageStatus.PENDING.value, ImageStatus.FAILED.value)
        condition = _Row.image_key.does_not_exist() | (waiting & _free(request.queued_at))
        _written(self._row(request.image_key), actions, condition)

    def due(self, *, now: int, limit: int) -> list[tuple[str, str]]:
        """(image key, source URL) of failures worth another try, and of messages that must have been lost."""
        found: list[tuple[str, str]] = []
        for status in (ImageStatus.FAILED, ImageStatus.PENDING):
            rows = self._row.by_attention.query(
                status.value, _Row.next_attempt_at <= now, limit=limit - len(found)
            )
            found += [(row.image_key, row.source_url) for row in rows if row.source_url]
        return found

    def revive(self, image_key: str, *, now: int) -> None:
        """A failed image that nobody works on is due at once."""
        failed = (_Row.status == ImageStatus.FAILED.value) & _free(now)
        _written(self._row(image_key), [_Row.next_attempt_at.set(now)], failed)

    def views(self, image_keys: Iterable[str]) -> dict[str, ImageView]:
        """What a page shows, for the rows that exist: one wave, however many keys."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=("imageKey", "status", "view", "reason"),
        )
        return {item["imageKey"]["S"]: _view(item) for item in items}

    def counts(self) -> ImageCounts:
        """Every row counted, by a scan: for the nightly sweep, never for a request."""
        by_status: Counter[str] = Counter()
        original_bytes = 0
        for row in self._row.scan(attributes_to_get=["status", "fileSize"]):
            by_status[row.status] += 1
            original_bytes += int(row.file_size or 0)
        return ImageCounts(dict(by_status), original_bytes)


def _written(row: _Row, actions: Sequence[Action], condition: Condition) -> bool:
    """Whether the condition held. Any other trouble is DynamoDB's and raises UpdateError."""
    try:
        row.update(actions=list(actions), condition=condition)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _free(now: int) -> Condition:
    free: Condition = _Row.lease.does_not_exist() | (_Row.lease < lease_bound(now))
    return free


def _claimable(now: int) -> Condition:
    """`answer_to_claim(...) is WON`, as DynamoDB says it."""
    pending = _Row.status == ImageStatus.PENDING.value
    due = (_Row.status == ImageStatus.FAILED.value) & (_Row.next_attempt_at <= now)
    stale = (_Row.status == ImageStatus.CACHED.value) & (_Row.refresh_requested_at > _Row.checked_at)
    claimable: Condition = _Row.image_key.does_not_exist() | (_free(now) & (pending | due | stale))
    return claimable


def _end_of_story(claim: Claim, tried: Sequence[Attempt]) -> list[Action]:
    return [
        _Row.lease.remove(),
        _Row.attempts.remove(),
        _Row.queued_at.remove(),
        _Row.history.set(_with(claim.history, tried)),
    ]


def _with(history: str, tried: Sequence[Attempt]) -> str:
    """One JSON string: nobody reads it but a person who asks why."""
    entries = [*json.loads(history), *([one.at, one.origin, one.answer[:100]] for one in tried)]
    return json.dumps(entries[-_ATTEMPTS_KEPT:], separators=(",", ":"))


def _state(row: _Row) -> RowState:
    return RowState(
        status=ImageStatus(row.status),
        lease=row.lease,
        queued_at=int(row.queued_at or 0),
        next_attempt_at=int(row.next_attempt_at or 0),
        checked_at=int(row.checked_at or 0),
        refresh_requested_at=int(row.refresh_requested_at or 0),
        source_url=row.source_url or "",
        reason=row.reason,
    )


def _compact(blob: Blob) -> str:
    """What the read path needs, as one short string: attributes cost CPU one by one."""
    fields = [blob.blob_id, blob.width, blob.height, blob.placeholder, blob.color]
    return json.dumps(fields, separators=(",", ":"))


def _view(item: Item) -> ImageView:
    status = ImageStatus(item["status"]["S"])
    reason = item.get("reason", {}).get("S")
    if "view" not in item or status is ImageStatus.FORGOTTEN:
        return ImageView(status, reason=reason)
    blob_id, width, height, *first_paint = json.loads(item["view"]["S"])
    placeholder, color = first_paint or (None, None)  # rows of before have neither
    # A failed refresh never hides the last good image.
    return ImageView(
        ImageStatus.CACHED, blob_id, width, height, placeholder=placeholder or None, color=color or None
    )
