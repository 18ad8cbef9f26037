"""Queues the images that are shown somewhere and need work, each at most once."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from imagecache.clock import Clock
from imagecache.model.image import FailureReason, ImageMessage, ImageRecord, ImageSource, ImageStatus
from imagecache.parallel import in_parallel
from imagecache.queues.images import ImagesQueue
from imagecache.rules.source_urls import is_on_disk
from imagecache.stores.images.cached_images import MESSAGE_LIFETIME_MS, CachedImages
from imagecache.stores.images.claims import decide_claim

# Messages are sent in groups, each followed by its rows. After a crash between the two only one group is
# sent again.
_MESSAGES_A_GROUP = 100
# Many images can be gone, and all of them are soon due again. With a lower limit they would keep the others
# that are due waiting for hours.
_DUE_AT_ONCE = 1_000
_RECORDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQueueing:
    """Sends messages for images. Where one image is given twice, its last source URL counts."""

    cached_images: CachedImages
    queue: ImagesQueue
    clock: Clock
    writes_at_once: int

    def request(self, images: Iterable[ImageSource], *, retry: bool = False) -> int:
        """Queues those of the images that need work, in the order given. Returns how many.

        `retry` also queues every failed image, even one that failed for good. The images are shown
        somewhere, so orphan marks on them are removed. A message is sent before its row is written. A crash
        between the two costs a second message, which a claim settles. In the other order it would cost the
        image, because it would not be queued again for hours.
        """
        images_by_key = {image.key: image for image in images}
        records = self._remove_orphan_marks(self.cached_images.records(images_by_key))
        requested = [(image, records.get(image.key)) for image in images_by_key.values()]
        return self._queue(requested, retry=retry)

    def request_again(self, images: Iterable[ImageSource], *, retry: bool = False) -> int:
        """Does the same as `request` for images that have a row, except for orphans, whose marks stay.

        Nothing shows an orphan, so it is not worth a download, and the sweep deletes it when its time comes.
        Returns how many images were queued.
        """
        return self._queue(self._not_orphaned(images), retry=retry)

    def _queue(self, requested: Iterable[tuple[ImageSource, ImageRecord | None]], *, retry: bool) -> int:
        """Queues the images that need work according to their records. Returns how many."""
        now = self.clock()
        to_queue: list[ImageSource] = []
        without_row: set[str] = set()
        for image, record in requested:
            is_retried = retry and record is not None and record.status is ImageStatus.FAILED
            if is_retried or earns_another_try(record, image.source_url):
                self.cached_images.revive(image.key, now=now)
            elif not needs_work(record, now):
                continue
            to_queue.append(image)
            if record is None:
                without_row.add(image.key)
        self._send(to_queue, without_row=without_row, now=now)
        return len(to_queue)

    def send(self, images: Iterable[ImageSource]) -> None:
        """Queues each of the images, whatever its row says. The caller has just written the rows."""
        self._send(list(images), without_row=frozenset(), now=self.clock())

    def count_missing(self, images: Iterable[ImageSource]) -> int:
        """Returns how many of the images `request` would queue. Changes nothing."""
        now = self.clock()
        images_by_key = {image.key: image for image in images}
        records = self.cached_images.records(images_by_key)
        return sum(
            earns_another_try(records.get(key), image.source_url) or needs_work(records.get(key), now)
            for key, image in images_by_key.items()
        )

    def request_due(self) -> int:
        """Queues at most 1,000 images that are due: failed ones, and those whose message was lost.

        Orphans are left out, and do not count. Returns how many images were queued.
        """
        due = self._not_orphaned(self.cached_images.due(now=self.clock()))
        return self._queue(islice(due, _DUE_AT_ONCE), retry=False)

    def _not_orphaned(self, images: Iterable[ImageSource]) -> Iterator[tuple[ImageSource, ImageRecord]]:
        """Yields each image that has a row without an orphan mark, and its record.

        An image that has no row is left out, too: the sweep has deleted it since the index was read.
        """
        remaining = iter(images)
        while group := list(islice(remaining, _RECORDS_AT_ONCE)):
            records = self.cached_images.records(image.key for image in group)
            for image in group:
                record = records.get(image.key)
                if record and not record.orphaned_at:
                    yield image, record

    def _remove_orphan_marks(self, records: dict[str, ImageRecord]) -> dict[str, ImageRecord]:
        """Removes the orphan marks from the rows of these records.

        Returns the records whose rows still exist: the sweep may have deleted a marked row meanwhile.
        """
        return {
            key: record
            for key, record in records.items()
            if not record.orphaned_at or self.cached_images.unmark_orphaned(key)
        }

    def _send(self, images: list[ImageSource], *, without_row: Container[str], now: int) -> None:
        """Sends a message for each of the images. `without_row` has the keys of those that have no row."""
        messages = [ImageMessage(image.key, image.source_url, now) for image in images]
        for start in range(0, len(messages), _MESSAGES_A_GROUP):
            group = messages[start : start + _MESSAGES_A_GROUP]
            self.queue.send(group)
            new = [message for message in group if message.image_key in without_row]
            known = [message for message in group if message.image_key not in without_row]
            known += self.cached_images.insert_queued(new, at_once=self.writes_at_once)
            in_parallel(self.cached_images.mark_queued, known, at_once=self.writes_at_once)


def needs_work(record: ImageRecord | None, now: int) -> bool:
    """Returns whether an image is worth a message: it can be claimed, and no live message waits for it."""
    if decide_claim(record, now) is not None:
        return False
    return record is None or record.queued_at + MESSAGE_LIFETIME_MS <= now


def earns_another_try(record: ImageRecord | None, source_url: str) -> bool:
    """Returns whether Beeper Desktop has downloaded an image that was gone."""
    return (
        record is not None
        and record.status is ImageStatus.FAILED
        and record.reason is FailureReason.GONE
        and is_on_disk(source_url)
        and not is_on_disk(record.source_url or "")
    )
