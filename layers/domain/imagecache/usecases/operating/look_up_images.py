"""Looks up source URLs for other applications, and queues the missing images on request."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from imagecache.clock import DAY, Clock
from imagecache.model.image import ImageSource, ImageStatus, ImageView
from imagecache.rules.image_choice import view_of
from imagecache.rules.source_urls import image_ref
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.queue_images import ImageQueueing


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLookup:
    """Looks up images. A look-up counts as a reference: the sweep keeps the image for 30 days after it.

    Up to `writes_at_once` look-ups are recorded in parallel.
    """

    cached_images: CachedImages
    image_queueing: ImageQueueing
    clock: Clock
    writes_at_once: int

    def look_up(self, source_urls: Sequence[str], *, enqueue: bool) -> dict[str, ImageView | None]:
        """Returns the view of each URL's image, None for an image that was never queued.

        All of these images are recorded as looked up. `enqueue` queues those that are missing.
        """
        images = {url: image_ref(url) for url in source_urls}
        url_by_key = {image.key: url for url, image in images.items() if image.key}
        if enqueue:
            self.image_queueing.request(ImageSource(key, url) for key, url in url_by_key.items())
        self._record(url_by_key)
        views = self.cached_images.views(url_by_key)
        if enqueue:
            # The read is not consistent, so it may miss a row that was just written.
            views = {key: ImageView(ImageStatus.PENDING) for key in url_by_key} | views
        return {url: view_of(image, views) for url, image in images.items()}

    def _record(self, image_keys: Iterable[str]) -> None:
        """Records the look-up, but at most once a day for each image, because every record is a write."""
        now = self.clock()
        last = self.cached_images.last_looked_up(image_keys)
        due = [key for key, moment in last.items() if moment <= now - DAY]
        with ThreadPoolExecutor(self.writes_at_once) as pool:
            for _ in pool.map(partial(self.cached_images.record_look_up, now=now), due):
                pass
