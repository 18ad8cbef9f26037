"""Counts what the demo servers were asked and what they answered."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from threading import Lock

from demo.listener import HangUpError, Reply


class Route(StrEnum):
    CHATS = "chats"
    CHAT = "chat"
    ASSETS_SERVE = "assetsServe"
    MEDIA_SERVER = "mediaServer"
    OTHER = "other"

    @property
    def delivers_images(self) -> bool:
        return self in (Route.ASSETS_SERVE, Route.MEDIA_SERVER)


class Hits:
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
        """Counts before the reply is sent, so that whoever has the answer finds it counted."""
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
        with self._lock:
            self._images[key] += 1

    def count_malformed_path(self) -> None:
        with self._lock:
            self._malformed_paths += 1

    def images(self) -> dict[str, int]:
        """How often each image was delivered, by its key."""
        with self._lock:
            return dict(self._images)

    def as_json(self) -> dict[str, object]:
        with self._lock:
            counted = {route.value: self._requests[route] for route in Route if route is not Route.OTHER}
            return {
                "images": dict(self._images),
                "imageHits": self._images.total(),
                **counted,
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
