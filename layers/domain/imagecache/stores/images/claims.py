"""The claim protocol: one worker at a time on an image, and only its holder records what came of it.

A lease is `<end in ms, 15 digits>.<random>`: it sorts by its end, and its random part makes it its holder's
own, so that one conditional write can both see that it lapsed and prove who holds it.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from imagecache.errors import LeaseLostError
from imagecache.model.image import (
    NO_VALIDATORS,
    Attempt,
    Blob,
    FailureReason,
    ImageMessage,
    ImageStatus,
    Validators,
)
from imagecache.rules.retries import NEVER
from imagecache.rules.source_urls import storable_url
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import updated
from imagecache.stores.images.row import (
    ImageRow,
    RowState,
    lease_bound,
    lease_ends_at,
    nobody_works_on_it,
    row_state,
    validators_set,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS_KEPT = 5


class Answer(StrEnum):
    """What a claim says."""

    WON = "won"
    HELD = "held"
    DONE = "done"
    NOT_DUE = "not_due"


def answer_to_claim(row: RowState | None, now: int) -> Answer:
    """What a worker hears."""
    if row is None:
        return Answer.WON
    if row.status is ImageStatus.FORGOTTEN:
        return Answer.DONE
    if row.lease is not None and row.lease >= lease_bound(now):
        return Answer.HELD
    if row.status is ImageStatus.FAILED and row.next_attempt_at > now:
        return Answer.DONE if row.next_attempt_at == NEVER else Answer.NOT_DUE
    if row.status is ImageStatus.CACHED and row.refresh_requested_at <= row.checked_at:
        return Answer.DONE
    return Answer.WON


def _claimable(now: int) -> Condition:
    """`answer_to_claim(...) is WON`, as DynamoDB says it: this one decides, the other one explains."""
    pending = ImageRow.status == ImageStatus.PENDING.value
    due = (ImageRow.status == ImageStatus.FAILED.value) & (ImageRow.next_attempt_at <= now)
    stale = (ImageRow.status == ImageStatus.CACHED.value) & (
        ImageRow.refresh_requested_at > ImageRow.checked_at
    )
    claimable: Condition = ImageRow.image_key.does_not_exist() | (
        nobody_works_on_it(now) & (pending | due | stale)
    )
    return claimable


def new_lease(*, now: int, seconds: int, nonce: str) -> str:
    return f"{lease_bound(now + seconds * 1000)}.{nonce}"


class Claim(NamedTuple):
    """The answer to a claim; `held_until` (ms) counts only when it is HELD, the rest only when it is WON.

    `blob_id` and `validators` are those of the copy that a refresh may leave as it is.
    """

    answer: Answer
    image_key: str
    lease: str = ""
    attempts: int = 0
    failures: int = 0
    held_until: int = 0
    is_refresh: bool = False
    bad_bytes: str | None = None
    history: str = "[]"
    blob_id: str | None = None
    validators: Validators = NO_VALIDATORS


class ImageClaims:
    """Claim, then exactly one of commit, unchanged, fail and release. All times in ms."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

    def claim(self, request: ImageMessage, *, now: int, lease_seconds: int, nonce: str) -> Claim:
        """One conditional write that takes the image and counts the attempt."""
        lease = new_lease(now=now, seconds=lease_seconds, nonce=nonce)
        row = self._row(request.image_key)
        actions = [
            ImageRow.status.set(ImageRow.status | ImageStatus.PENDING.value),
            ImageRow.source_url.set(storable_url(request.source_url)),
            ImageRow.lease.set(lease),
            ImageRow.attempts.set((ImageRow.attempts | 0) + 1),
        ]
        if not updated(row, actions, _claimable(now)):
            return self._refused(request.image_key, now)
        is_refresh = row.status == ImageStatus.CACHED.value
        return Claim(
            Answer.WON,
            request.image_key,
            lease,
            attempts=int(row.attempts),
            failures=int(row.failures),
            is_refresh=is_refresh,
            bad_bytes=row.bad_bytes,
            history=row.history or "[]",
            blob_id=row.blob_id,
            validators=Validators(row.etag, row.last_modified) if is_refresh else NO_VALIDATORS,
        )

    def _refused(self, image_key: str, now: int) -> Claim:
        """Why a claim was refused. A row that has changed since counts as held until now: SQS asks again."""
        try:
            state = row_state(self._row.get(image_key, consistent_read=True))
        except DoesNotExist:
            state = None
        answer = answer_to_claim(state, now)
        if state is None or answer is Answer.WON:
            return Claim(Answer.HELD, image_key, held_until=now)
        return Claim(answer, image_key, held_until=lease_ends_at(state.lease) if state.lease else 0)

    def commit(self, claim: Claim, blob: Blob, *, now: int, tried: Sequence[Attempt] = ()) -> None:
        """The image is cached, its objects are stored. Raises LeaseLostError."""
        since = (ImageRow.cached_at | now) if blob.blob_id == claim.blob_id else now
        actions = [
            ImageRow.status.set(ImageStatus.CACHED.value),
            ImageRow.blob_id.set(blob.blob_id),
            ImageRow.content_type.set(blob.content_type),
            ImageRow.file_size.set(blob.file_size),
            ImageRow.width.set(blob.width),
            ImageRow.height.set(blob.height),
            ImageRow.placeholder.set(blob.placeholder),
            ImageRow.color.set(blob.color),
            ImageRow.view.set(_compact(blob)),
            ImageRow.cached_at.set(since),
            *_asked(now),
            *validators_set(blob.validators),
            *_end_of_story(claim, tried),
            ImageRow.failures.remove(),
            ImageRow.next_attempt_at.remove(),
            ImageRow.reason.remove(),
            ImageRow.failed_at.remove(),
            ImageRow.bad_bytes.remove(),
        ]
        self._record(claim, actions)

    def unchanged(
        self, claim: Claim, validators: Validators, *, now: int, tried: Sequence[Attempt] = ()
    ) -> None:
        """The origin still has the copy that is cached. Raises LeaseLostError."""
        self._record(claim, [*_asked(now), *validators_set(validators), *_end_of_story(claim, tried)])

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
            outcome = _asked(now)
        else:
            outcome = [
                ImageRow.status.set(ImageStatus.FAILED.value),
                ImageRow.reason.set(reason.value),
                ImageRow.failures.set((ImageRow.failures | 0) + 1),
                ImageRow.failed_at.set(now),
                ImageRow.next_attempt_at.set(next_attempt_at),
                *([ImageRow.bad_bytes.set(bad_bytes)] if bad_bytes else []),
            ]
        self._record(claim, [*outcome, *_end_of_story(claim, tried)])

    def release(self, claim: Claim, *, tried: Sequence[Attempt] = ()) -> None:
        """Nothing came of it and nobody is to blame: as if never claimed. Raises LeaseLostError."""
        actions = [
            ImageRow.lease.remove(),
            ImageRow.attempts.set(ImageRow.attempts - 1),
            ImageRow.history.set(_with(claim.history, tried)),
        ]
        self._record(claim, actions)

    def _record(self, claim: Claim, actions: Sequence[Action]) -> None:
        if not updated(self._row(claim.image_key), actions, ImageRow.lease == claim.lease):
            raise LeaseLostError


def _asked(now: int) -> list[Action]:
    """The origin has been asked, and whoever wished for that has their answer."""
    return [ImageRow.checked_at.set(now), ImageRow.refresh_requested_at.remove()]


def _end_of_story(claim: Claim, tried: Sequence[Attempt]) -> list[Action]:
    return [
        ImageRow.lease.remove(),
        ImageRow.attempts.remove(),
        ImageRow.queued_at.remove(),
        ImageRow.history.set(_with(claim.history, tried)),
    ]


def _with(history: str, tried: Sequence[Attempt]) -> str:
    entries = [*json.loads(history), *([one.at, one.origin, one.answer[:100]] for one in tried)]
    return json.dumps(entries[-_ATTEMPTS_KEPT:], separators=(",", ":"))


def _compact(blob: Blob) -> str:
    """What `stores/images.py` makes a view of."""
    fields = [blob.blob_id, blob.width, blob.height, blob.placeholder, blob.color]
    return json.dumps(fields, separators=(",", ":"))
