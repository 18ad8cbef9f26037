"""The cachedImages table for those who show images and ask for them; workers use `stores/claims.py`."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from imagecache.clock import HOUR
from imagecache.model.image import NO_VALIDATORS, ImageMessage, ImageStatus, ImageView
from imagecache.rules.source_urls import storable_url
from imagecache.stores.dynamodb.batch_get import Item, batch_get
from imagecache.stores.dynamodb.binding import bound
from imagecache.stores.dynamodb.conditional import updated
from imagecache.stores.images.row import ImageRow, RowState, nobody_works_on_it, row_state, validators_set

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MESSAGE_LIVES_FOR = 3 * HOUR
"""So long (ms) a queued message counts as alive: it may be lost between two writes, an image may not."""

_CACHED = ImageRow.status == ImageStatus.CACHED.value
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
    "orphanedAt",
)


class CachedImages:
    """Rows of cachedImages. All times in ms."""

    def __init__(self, *, table_name: str, dynamodb: "DynamoDBClient") -> None:
        self._table_name = table_name
        self._dynamodb = dynamodb
        self._row = bound(ImageRow, table_name=table_name, dynamodb=dynamodb)

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
        return {row.image_key: row_state(row) for row in rows}

    def mark_queued(self, request: ImageMessage) -> None:
        """A message waits for this image, or for its refresh. Changes nothing when a worker was faster."""
        actions = [
            ImageRow.status.set(ImageRow.status | ImageStatus.PENDING.value),
            ImageRow.source_url.set(storable_url(request.source_url)),
            ImageRow.queued_at.set(request.queued_at),
            ImageRow.next_attempt_at.set(ImageRow.next_attempt_at | (request.queued_at + MESSAGE_LIVES_FOR)),
        ]
        row, free = self._row(request.image_key), nobody_works_on_it(request.queued_at)
        waiting = ImageRow.status.is_in(ImageStatus.PENDING.value, ImageStatus.FAILED.value)
        if not updated(row, actions, ImageRow.image_key.does_not_exist() | (waiting & free)):
            refresh = ImageRow.refresh_requested_at.exists() & free
            updated(row, [ImageRow.queued_at.set(request.queued_at)], refresh)

    def due(self, *, now: int, limit: int) -> list[tuple[str, str]]:
        """(image key, source URL) of failures worth another try, and of messages that must have been lost."""
        found: list[tuple[str, str]] = []
        for status in (ImageStatus.FAILED, ImageStatus.PENDING):
            rows = self._row.by_attention.query(
                status.value, ImageRow.next_attempt_at <= now, limit=limit - len(found)
            )
            found += [(row.image_key, row.source_url) for row in rows if row.source_url]
        return found

    def revive(self, image_key: str, *, now: int) -> None:
        """A failed image that nobody works on is due at once."""
        failed = (ImageRow.status == ImageStatus.FAILED.value) & nobody_works_on_it(now)
        updated(self._row(image_key), [ImageRow.next_attempt_at.set(now)], failed)

    def request_refresh(self, image_key: str, *, now: int) -> bool:
        """Fetch its bytes anew although it is cached or was forgotten. Whether it was either."""
        row = self._row(image_key)
        wish = ImageRow.refresh_requested_at.set(now)
        # Whoever works on such a row may only be asking whether it has changed: their answer must not count.
        comparable = ImageRow.etag.exists() | ImageRow.last_modified.exists()
        anew = [wish, *validators_set(NO_VALIDATORS), ImageRow.lease.remove()]
        if updated(row, anew, _CACHED & comparable):
            return True
        if updated(row, [wish], _CACHED):
            return True
        again = [wish, ImageRow.status.set(ImageStatus.PENDING.value)]
        return updated(row, again, ImageRow.status == ImageStatus.FORGOTTEN.value)

    def revalidate(self, image_key: str, *, now: int) -> bool:
        """Ask its source whether it has changed, and fetch it only then. Whether it is cached."""
        return updated(self._row(image_key), [ImageRow.refresh_requested_at.set(now)], _CACHED)

    def forget(self, image_key: str) -> bool:
        """No queued message brings it back, and work in flight cannot commit: its lease is gone.

        Whether there was such a row.
        """
        kept = {"image_key", "source_url", "status"}
        rest = [
            attribute.remove() for name, attribute in self._row.get_attributes().items() if name not in kept
        ]
        actions = [ImageRow.status.set(ImageStatus.FORGOTTEN.value), *rest]
        return updated(self._row(image_key), actions, ImageRow.image_key.exists())

    def last_looked_up(self, image_keys: Iterable[str]) -> dict[str, int]:
        """When another frontend last asked for each (ms; 0 never), for the rows that exist."""
        items = batch_get(
            self._dynamodb,
            table_name=self._table_name,
            key_name="imageKey",
            keys=image_keys,
            attributes=("imageKey", "lookedUpAt"),
        )
        return {item["imageKey"]["S"]: int(item.get("lookedUpAt", {}).get("N", 0)) for item in items}

    def record_look_up(self, image_key: str, *, now: int) -> None:
        """Somebody shows it who is not in our tables. Nothing when there is no such row."""
        shown = [ImageRow.looked_up_at.set(now), ImageRow.orphaned_at.remove()]
        updated(self._row(image_key), shown, ImageRow.image_key.exists())

    def unmark_orphaned(self, image_key: str) -> bool:
        """Somebody shows it again. False when the sweep was faster: there is no such row any more."""
        return updated(self._row(image_key), [ImageRow.orphaned_at.remove()], ImageRow.image_key.exists())


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
