"""Keeps received messages hidden from others for as long as they are worked on."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock

from imagecache.errors import StoreUnavailableError


class InFlight:
    """The messages of one queue that are worked on. `hide` takes a receipt handle, and hides it for longer.

    If that fails, the message is delivered again too early. The claim of its image then
    prevents a second fetch.
    """

    def __init__(self, hide: Callable[[str], None]) -> None:
        self._hide = hide
        self._handles: set[str] = set()
        self._lock = Lock()

    def add(self, handles: Iterable[str]) -> None:
        """Begins to keep these messages hidden."""
        with self._lock:
            self._handles |= set(handles)

    def remove(self, handles: Iterable[str]) -> None:
        """Stops keeping these messages hidden. To be called before they are deleted or made visible again."""
        with self._lock:
            self._handles -= set(handles)

    def is_busy(self) -> bool:
        """Returns whether any message is worked on."""
        with self._lock:
            return bool(self._handles)

    def extend(self) -> None:
        """Hides each message for longer."""
        with self._lock:
            handles = sorted(self._handles)
        for handle in handles:
            with suppress(StoreUnavailableError):
                self._hide(handle)
