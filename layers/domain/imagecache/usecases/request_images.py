"""Images that are shown somewhere → messages for those that need work, each at most once."""

from collections.abc import Iterable
from dataclasses import dataclass

from imagecache.claims import needs_work
from imagecache.model import Clock, ImageRequest
from imagecache.queues.images import ImagesQueue
from imagecache.stores.images import CachedImages


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequests:
    """Asks for images."""

    images: CachedImages
    queue: ImagesQueue
    clock: Clock

    def request(self, images: Iterable[tuple[str, str]]) -> int:
        """`(image key, source URL)` → how many were queued, in the order given.

        The message goes first, the row after it: a crash between the two costs a second message, which
        the claim answers; the other way round it would cost the image.
        """
        now = self.clock()
        sources = dict(images)
        states = self.images.states(sources)
        wanted = [
            ImageRequest(key, url, now) for key, url in sources.items() if needs_work(states.get(key), now)
        ]
        self.queue.send(wanted)
        for request in wanted:
            self.images.mark_queued(request)
        return len(wanted)
