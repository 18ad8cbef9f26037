"""The claim protocol: one worker at a time has an image, and only that worker records the outcome.

A worker claims an image by one conditional write, which puts a lease in the row. Before the lease ends, the
worker records one outcome, on condition that the row still has this lease. If the worker is too slow, or if
the image was forgotten meanwhile, the condition does not hold and nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from imagecache.errors import LeaseLostError
from imagecache.model.image import (
    NO_VALIDATORS,
    BadBytes,
    Blob,
    Failure,
    FailureReason,
    ImageMessage,
    ImageRecord,
    ImageStatus,
    OriginAnswer,
    Validators,
)
from imagecache.rules.retries import NEVER
from imagecache.stores.dynamodb import bound, updated
from imagecache.stores.images.row import (
    ImageRow,
    bad_bytes_text,
    has_no_live_lease,
    history_text,
    new_lease,
    record_of,
    set_or_remove,
    set_validators,
)
from imagecache.stores.images.views import view_text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ANSWERS_KEPT = 5
_MOST_ANSWER_CHARS = 100


class SettledReason(StrEnum):
    """The reason why an image needs no download now."""

    CACHED = "cached"
    FORGOTTEN = "forgotten"
    FAILED_FOR_GOOD = "failed_for_good"
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Won:
    """The worker has claimed the image. Every field but `lease` has the row's value at the time of the claim.

    `attempts` is the number of claims since the last outcome, including this one, and `failures` the number
    of consecutive failures. `crashed_before` means that the last outcome was a crash. `is_refresh` means that
    the image is cached and requested again: `blob_id` and `validators` then describe the cached copy. Without
    a refresh, `validators` are empty.
    """

    image_key: str
    lease: str
    attempts: int
    failures: int
    is_refresh: bool
    crashed_before: bool = False
    blob_id: str | None = None
    validators: Validators = NO_VALIDATORS
    bad_bytes: BadBytes | None = None
    history: tuple[OriginAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Another worker has the image until `until` (ms) at the latest."""

    until: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The image needs no download now, for `reason`."""

    reason: SettledReason


Claim = Won | Held | Settled


def decide_claim(record: ImageRecord | None, now: int) -> Held | Settled | None:
    """Returns the reason why an image may not be claimed, or None if it may. `now` is in ms.

    `record` is None if the image has no row.
    """
    if record is None:
        return None
    if record.status is ImageStatus.FORGOTTEN:
        return Settled(SettledReason.FORGOTTEN)
    if record.held_until >= now:
        return Held(record.held_until)
    if record.status is ImageStatus.FAILED and record.next_attempt_at > now:
        is_final = record.next_attempt_at == NEVER
        return Settled(SettledReason.FAILED_FOR_GOOD if is_final else SettledReason.NOT_DUE)
    if record.status is ImageStatus.CACHED and record.refresh_requested_at <= record.checked_at:
        return Settled(SettledReason.CACHED)
    return None


def _claimable(now: int) -> Condition:
    """Returns `decide_claim(record, now) is None` as a condition for DynamoDB.

    DynamoDB decides with this condition, and `decide_claim` finds the reason if the claim is refused. A
    property test checks that the two agree on rows of every kind.
    """
    is_pending = ImageRow.status == ImageStatus.PENDING.value
    is_due = (ImageRow.status == ImageStatus.FAILED.value) & (ImageRow.next_attempt_at <= now)
    is_wanted_again = (ImageRow.status == ImageStatus.CACHED.value) & (
        ImageRow.refresh_requested_at > ImageRow.checked_at
    )
    claimable: Condition = ImageRow.image_key.does_not_exist() | (
        has_no_live_lease(now) & (is_pending | is_due | is_wanted_again)
    )
    return claimable


class ImageClaims:
    """Claims images, and records the outcomes. All times are in ms.

    A caller whose `claim` returns Won must call exactly one of `commit`, `unchanged`, `fail` and `release`.
    Each of these methods adds `answers`, the answers of the origins, to the history of the image, and raises
    LeaseLostError if the row no longer has the lease of the claim. Every method raises StoreUnavailableError
    if DynamoDB does not answer.
    """

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def claim(self, message: ImageMessage, *, now: int, lease_seconds: int, nonce: str) -> Claim:
        """Tries to claim the image by one conditional write, which also counts the attempt.

        `nonce` must be a random text, because it distinguishes this claim from all others.
        """
        lease = new_lease(ends_at=now + lease_seconds * 1000, nonce=nonce)
        row = self._row(message.image_key)
        actions = [
            ImageRow.status.set(ImageRow.status | ImageStatus.PENDING.value),
            ImageRow.source_url.set(message.source_url),
            ImageRow.lease.set(lease),
            ImageRow.attempts.set((ImageRow.attempts | 0) + 1),
        ]
        if updated(row, actions, _claimable(now)):
            return _won(record_of(row), lease)
        return self._explain_refusal(message.image_key, now)

    def _explain_refusal(self, image_key: str, now: int) -> Held | Settled:
        """Reads the row to find out why a claim was refused.

        The row may have changed since the refusal. If the image could be claimed now, this returns Held until
        `now`, so that SQS delivers the message again.
        """
        try:
            record = record_of(self._row.get(image_key, consistent_read=True))
        except DoesNotExist:
            return Held(now)
        return decide_claim(record, now) or Held(now)

    def commit(self, claim: Won, blob: Blob, *, now: int, answers: Sequence[OriginAnswer] = ()) -> None:
        """Records that the image is cached. The caller must have stored the objects of `blob` already.

        `cachedAt` is the time since which this content is cached, so it does not change with a refresh that
        finds the same content.
        """
        cached_at = (ImageRow.cached_at | now) if blob.blob_id == claim.blob_id else now
        actions = [
            ImageRow.status.set(ImageStatus.CACHED.value),
            ImageRow.blob_id.set(blob.blob_id),
            ImageRow.content_type.set(blob.content_type),
            ImageRow.file_size.set(blob.file_size),
            ImageRow.width.set(blob.width),
            ImageRow.height.set(blob.height),
            ImageRow.placeholder.set(blob.placeholder),
            ImageRow.color.set(blob.color),
            set_or_remove(ImageRow.is_animated, blob.is_animated or None),
            ImageRow.view.set(view_text(blob)),
            ImageRow.cached_at.set(cached_at),
            *_end_refresh(now),
            *set_validators(blob.validators),
            *_end_claim(claim, answers),
            ImageRow.failures.remove(),
            ImageRow.next_attempt_at.remove(),
            ImageRow.reason.remove(),
            ImageRow.failed_at.remove(),
            ImageRow.bad_bytes.remove(),
        ]
        self._record(claim, actions)

    def unchanged(
        self, claim: Won, validators: Validators, *, now: int, answers: Sequence[OriginAnswer] = ()
    ) -> None:
        """Records that the origin still has the cached version, and the validators that it sent."""
        self._record(claim, [*_end_refresh(now), *set_validators(validators), *_end_claim(claim, answers)])

    def fail(self, claim: Won, failure: Failure, *, answers: Sequence[OriginAnswer] = ()) -> None:
        """Records a failure. If the claim was for a refresh, the image stays cached and is not retried."""
        if claim.is_refresh:
            outcome = _end_refresh(failure.failed_at)
        else:
            outcome = [
                ImageRow.status.set(ImageStatus.FAILED.value),
                ImageRow.reason.set(failure.reason.value),
                ImageRow.failures.set((ImageRow.failures | 0) + 1),
                ImageRow.failed_at.set(failure.failed_at),
                ImageRow.next_attempt_at.set(failure.next_attempt_at),
            ]
            if failure.bad_bytes:
                outcome.append(ImageRow.bad_bytes.set(bad_bytes_text(failure.bad_bytes)))
        self._record(claim, [*outcome, *_end_claim(claim, answers)])

    def release(self, claim: Won, *, answers: Sequence[OriginAnswer] = ()) -> None:
        """Ends the claim without an outcome. The claim no longer counts as an attempt."""
        actions = [
            ImageRow.lease.remove(),
            ImageRow.attempts.set(ImageRow.attempts - 1),
            _set_history(claim, answers),
        ]
        self._record(claim, actions)

    def _record(self, claim: Won, actions: Sequence[Action]) -> None:
        if not updated(self._row(claim.image_key), actions, ImageRow.lease == claim.lease):
            raise LeaseLostError


def _won(record: ImageRecord, lease: str) -> Won:
    is_refresh = record.status is ImageStatus.CACHED
    return Won(
        image_key=record.image_key,
        lease=lease,
        attempts=record.attempts,
        failures=record.failures,
        is_refresh=is_refresh,
        crashed_before=record.status is ImageStatus.FAILED and record.reason is FailureReason.CRASHED,
        blob_id=record.blob_id,
        validators=record.validators if is_refresh else NO_VALIDATORS,
        bad_bytes=record.bad_bytes,
        history=record.history,
    )


def _end_refresh(now: int) -> list[Action]:
    """Returns two actions: one sets the time of the last check to `now`, one removes the refresh request."""
    return [ImageRow.checked_at.set(now), ImageRow.refresh_requested_at.remove()]


def _end_claim(claim: Won, answers: Sequence[OriginAnswer]) -> list[Action]:
    """Returns the actions that remove lease, attempts and `queuedAt`, and add `answers` to the history."""
    return [
        ImageRow.lease.remove(),
        ImageRow.attempts.remove(),
        ImageRow.queued_at.remove(),
        _set_history(claim, answers),
    ]


def _set_history(claim: Won, answers: Sequence[OriginAnswer]) -> Action:
    """Returns the action that adds `answers` to the history. The last five entries are kept."""
    new = [replace(answer, answer=answer.answer[:_MOST_ANSWER_CHARS]) for answer in answers]
    return ImageRow.history.set(history_text((*claim.history, *new)[-_ANSWERS_KEPT:]))
