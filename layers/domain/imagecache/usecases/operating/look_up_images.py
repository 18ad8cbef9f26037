"""Source URLs of any other frontend → what the cache has of each; on request the missing ones are queued."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from imagecache.clock import DAY, Clock
from imagecache.model.image import ImageStatus, ImageView
from imagecache.rules.image_choice import view_of
from imagecache.rules.source_urls import image_ref
from imagecache.stores.images.cached_images import CachedImages
from imagecache.usecases.caching.queue_images import ImageQueueing


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLookup:
    """A look-up counts as a reference: without a chat that shows it, an image is kept for its sake."""

    cached_images: CachedImages
    image_queueing: ImageQueueing
    clock: Clock
    writes_at_once: int

    def look_up(self, source_urls: Sequence[str], *, enqueue: bool) -> dict[str, ImageView | None]:
        """What there is of each, None for nothing."""
        refs = {url: image_ref(url) for url in source_urls}
        keys = {ref.key: url for url, ref in refs.items() if ref.key}
        if enqueue:
            self.image_queueing.request(keys.items())
        self._remember(keys)
        views = self.cached_images.views(keys)
        if enqueue:  # what was queued a moment ago may not be there to read yet
            views = {key: ImageView(ImageStatus.PENDING) for key in keys} | views
        return {url: view_of(ref, views) for url, ref in refs.items()}

    def _remember(self, keys: Mapping[str, str]) -> None:
        """Written once a day: a page that asks all the time costs no more than that."""
        now = self.clock()
        known = self.cached_images.last_looked_up(keys)
        due = [key for key, moment in known.items() if moment <= now - DAY]
        with ThreadPoolExecutor(self.writes_at_once) as pool:
            for _ in pool.map(partial(self.cached_images.record_look_up, now=now), due):
                pass
