"""Reads and writes of cachedImages for queueing, operators and pages: look-ups, queueing, refresh, forget.

The claims of workers are in claims.py.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from imagecache.clock import HOUR
from imagecache.model.image import NO_VALIDATORS, ImageMessage, ImageRecord, ImageStatus, ImageView
from imagecache.rules.source_urls import storable_url
from imagecache.stores.dynamodb.batch_get import batch_get
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import updated
from imagecache.stores.images.row import (
    VIEW_ATTRIBUTES,
    ImageRow,
    has_no_live_lease,
    image_record,
    image_view,
    set_validators,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MESSAGE_LIFETIME_MS = 3 * HOUR
"""A message that is older counts as lost, so the image may be queued again.

A message may be lost because it is sent before the row is written; an image must not be.
"""

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

_IS_CACHED = ImageRow.status == ImageStatus.CACHED.value
_HAS_ROW = ImageRow.image_key.exists()


class CachedImages:
    """Rows of cachedImages. All times are in ms. Every write is conditional."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
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

    def mark_queued(self, message: ImageMessage) -> None:
        """Records that a message was sent for an image, or for its refresh.

        Changes nothing if a worker has claimed or finished the image meanwhile.
        """
        row = self._row(message.image_key)
        actions = [
            ImageRow.status.set(ImageRow.status | ImageStatus.PENDING.value),
            ImageRow.source_url.set(storable_url(message.source_url)),
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

    def due(self, *, now: int, limit: int) -> list[tuple[str, str]]:
        """Returns the (image key, source URL) of at most `limit` images that are due.

        These are failed images whose next attempt has come, and pending ones whose message counts as lost.
        """
        images: list[tuple[str, str]] = []
        for status in (ImageStatus.FAILED, ImageStatus.PENDING):
            rows = self._row.by_attention.query(
                status.value, ImageRow.next_attempt_at <= now, limit=limit - len(images)
            )
            images += [(row.image_key, row.source_url) for row in rows if row.source_url]
        return images

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

    def record_look_up(self, image_key: str, *, now: int) -> None:
        """Records that another frontend shows the image. Does nothing if it has no row."""
        updated(
            self._row(image_key), [ImageRow.looked_up_at.set(now), ImageRow.orphaned_at.remove()], _HAS_ROW
        )

    def unmark_orphaned(self, image_key: str) -> bool:
        """Removes the orphan mark. Returns False if the sweep has deleted the row meanwhile."""
        return updated(self._row(image_key), [ImageRow.orphaned_at.remove()], _HAS_ROW)
