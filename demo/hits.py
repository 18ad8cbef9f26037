"""Counts the requests to the demo servers and their answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from threading import Lock

from demo.listener import HangUpError, Reply


class Route(StrEnum):
    """The kinds of requests that are counted."""

    CHATS = "chats"
    CHAT = "chat"
    ASSETS_SERVE = "assetsServe"
    MEDIA_SERVER = "mediaServer"
    OTHER = "other"

    @property
    def delivers_images(self) -> bool:
        return self in (Route.ASSETS_SERVE, Route.MEDIA_SERVER)


class Hits:
    """The counts since the start, or since the last `reset`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._images_in_progress = 0
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._requests: Counter[Route] = Counter()
            self._images: Counter[str] = Counter()
            self._statuses: Counter[str] = Counter()
            self._malformed_paths = 0
            self._most_images_at_once = self._images_in_progress

    def count(self, route: Route, produce: Callable[[], Reply]) -> Reply:
        """Returns the reply that `produce` makes, and counts it.

        The reply is counted before it is sent, so a client that has received the reply can rely on the count.
        """
        with self._lock:
            self._requests[route] += 1
        try:
            with self._image_in_progress(route):
                reply = produce()
        except HangUpError:
            self._count_status("closed")
            raise
        self._count_status(str(reply.status))
        return reply

    def count_image(self, key: str) -> None:
        """Counts the delivery of an image."""
        with self._lock:
            self._images[key] += 1

    def count_malformed_path(self) -> None:
        with self._lock:
            self._malformed_paths += 1

    def images(self) -> dict[str, int]:
        """Returns the number of deliveries of each image, by key."""
        with self._lock:
            return dict(self._images)

    def as_json(self) -> dict[str, object]:
        """Returns all counts."""
        with self._lock:
            requests = {route.value: self._requests[route] for route in Route if route is not Route.OTHER}
            return {
                "images": dict(self._images),
                "imageHits": self._images.total(),
                **requests,
                "statuses": dict(self._statuses),
                "malformedPaths": self._malformed_paths,
                "maxConcurrentImages": self._most_images_at_once,
            }

    def _count_status(self, status: str) -> None:
        with self._lock:
            self._statuses[status] += 1

    @contextmanager
    def _image_in_progress(self, route: Route) -> Iterator[None]:
        if not route.delivers_images:
            yield
            return
        with self._lock:
            self._images_in_progress += 1
            self._most_images_at_once = max(self._most_images_at_once, self._images_in_progress)
        try:
            yield
        finally:
            with self._lock:
                self._images_in_progress -= 1
