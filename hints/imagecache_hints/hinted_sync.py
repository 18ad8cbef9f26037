"""Starts syncs after hints. It combines hints that arrive together, and limits the rate of the syncs."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from threading import Event, Lock, Thread

from imagecache_hints.listener import EventListener, ListenerState

_GATHER_SECONDS = 0.5
"""The time in which further hints join the first one before a sync starts."""
_MOST_CHATS = 100
"""The number of ids that a sync accepts. The others are dropped: the sync reads the list of chats anyway."""
_SYNCS_AT_ONCE = 5
_SECONDS_EACH = 5.0
"""_SYNCS_AT_ONCE syncs may follow each other without a pause. Then one may start every _SECONDS_EACH."""
_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 30.0
_STOP_SECONDS = 2.0

Sync = Callable[[frozenset[str]], bool]
"""Syncs, and looks for these chats in particular. Returns False if it is to be tried again, for example
because another sync is running. It raises no errors: what a failed sync leaves undone, the next one does.
"""


class HintedSync:
    """Collects hints, and calls `sync` in the thread that runs `run`.

    `clock` returns seconds. `wait` waits for so many seconds, and returns True at once when it is to stop; by
    default it waits for `stopped`.
    """

    def __init__(
        self,
        sync: Sync,
        *,
        stopped: Event,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._sync = sync
        self._stopped = stopped
        self._clock = clock
        self._wait = wait or stopped.wait
        self._lock = Lock()
        self._has_hints = Event()
        self._chat_ids: set[str] = set()
        self._free_at = 0.0

    def hint(self, chat_id: str | None) -> None:
        """Notes that this chat has changed, or with None that any chat may have. Returns at once."""
        with self._lock:
            if chat_id is not None and len(self._chat_ids) < _MOST_CHATS:
                self._chat_ids.add(chat_id)
            self._has_hints.set()

    def wake(self) -> None:
        """Makes `run` notice that `stopped` is set."""
        self._has_hints.set()

    def run(self) -> None:
        """Syncs after hints, until `stopped` is set."""
        retry_seconds = _FIRST_RETRY_SECONDS
        while not self._stopped.is_set():
            self._has_hints.wait()
            if self._stopped.is_set() or self._wait(max(_GATHER_SECONDS, self._seconds_until_free())):
                return
            chat_ids = self._take()
            if self._sync(chat_ids):
                retry_seconds = _FIRST_RETRY_SECONDS
                continue
            self._give_back(chat_ids)
            if self._wait(retry_seconds):
                return
            retry_seconds = min(2 * retry_seconds, _LONGEST_RETRY_SECONDS)

    def _take(self) -> frozenset[str]:
        with self._lock:
            chat_ids, self._chat_ids = frozenset(self._chat_ids), set()
            self._has_hints.clear()
        self._free_at = max(self._free_at, self._clock()) + _SECONDS_EACH
        return chat_ids

    def _give_back(self, chat_ids: frozenset[str]) -> None:
        with self._lock:
            self._chat_ids.update(islice(chat_ids, _MOST_CHATS - len(self._chat_ids)))
            self._has_hints.set()

    def _seconds_until_free(self) -> float:
        """Returns the time until the next sync may start (generic cell rate algorithm)."""
        return self._free_at - (_SYNCS_AT_ONCE - 1) * _SECONDS_EACH - self._clock()


@contextmanager
def syncing_on_hints(
    beeper_url: str,
    headers: Callable[[], Mapping[str, str]],
    sync: Sync,
    *,
    on_state: Callable[[ListenerState], None],
) -> Iterator[None]:
    """Listens to Beeper's events during the block, and calls `sync` after hints, in a thread of its own.

    `headers` and `on_state` are those of EventListener. A sync that is running at the end of the block is not
    waited for: it goes on in its thread, which does not keep the program from ending.
    """
    stopped = Event()
    hinted_sync = HintedSync(sync, stopped=stopped)
    listener = EventListener(
        beeper_url, headers, on_hint=hinted_sync.hint, on_state=on_state, stopped=stopped
    )
    threads = [Thread(target=task.run, daemon=True) for task in (hinted_sync, listener)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        hinted_sync.wake()
        for thread in threads:
            thread.join(_STOP_SECONDS)
