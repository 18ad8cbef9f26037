"""Shares an amount of memory among the threads of a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MB = 1024 * 1024


class Reservations:
    """Lets threads wait until the memory they are about to use is free.

    It only counts what is reserved, and knows nothing of what is really used.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._free_bytes = total_bytes
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, count: int) -> Iterator[None]:
        """Waits until `count` bytes are free, and holds them. A thread must not reserve twice.

        More than there is in all counts as everything, so that no thread waits for ever.
        """
        held = min(count, self._total_bytes)
        with self._changed:
            self._changed.wait_for(lambda: self._free_bytes >= held)
            self._free_bytes -= held
        try:
            yield
        finally:
            with self._changed:
                self._free_bytes += held
                self._changed.notify_all()
