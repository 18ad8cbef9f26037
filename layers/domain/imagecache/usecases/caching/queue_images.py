"""Images that are shown somewhere → messages for those that need work, each at most once."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagecache.clock import Clock
from imagecache.model.image import FailureReason, ImageMessage, ImageStatus
from imagecache.queues.images import ImagesQueue
from imagecache.stores.images.cached_images import MESSAGE_LIVES_FOR, CachedImages
from imagecache.stores.images.claims import Answer, answer_to_claim
from imagecache.stores.images.row import RowState

if TYPE_CHECKING:
    pass

# A crash between messages and rows repeats at most this many.
_SENT_TOGETHER = 100
_DUE_AT_ONCE = 100
_ON_DISK = ("file:", "/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQueueing:
    """Asks for images."""

    cached_images: CachedImages
    queue: ImagesQueue
    clock: Clock
    writes_at_once: int

    def request(self, images: Iterable[tuple[str, str]], *, retry: bool = False) -> int:
        """`(image key, source URL)` → how many were queued, in the order given; `retry`: failed ones, too.

        Each of these is shown somewhere: one that the sweep has marked as an orphan is none any more.
        The message goes first, the row after it: a crash between the two costs a second message, which
        the claim answers; the other way round it would cost the image.
        """
        now, sources = self.clock(), dict(images)
        states = self._as_shown(self.cached_images.states(sources))
        wanted: list[ImageMessage] = []
        for key, url in sources.items():
            state = states.get(key)
            if earns_another_try(state, url) or (retry and state and state.status is ImageStatus.FAILED):
                self.cached_images.revive(key, now=now)
            elif not needs_work(state, now):
                continue
            wanted.append(ImageMessage(key, url, now))
        self._send(wanted)
        return len(wanted)

    def send(self, images: Iterable[tuple[str, str]]) -> None:
        """A message for each, whatever its row says: the caller has just written it."""
        now = self.clock()
        self._send([ImageMessage(key, url, now) for key, url in images])

    def count_missing(self, images: Iterable[tuple[str, str]]) -> int:
        """How many `request` would queue; nothing is changed."""
        now, sources = self.clock(), dict(images)
        states = self.cached_images.states(sources)
        return sum(
            earns_another_try(states.get(key), url) or needs_work(states.get(key), now)
            for key, url in sources.items()
        )

    def request_due(self) -> int:
        """Failures whose time has come, and images whose message was lost; a bounded number at a time."""
        return self.request(self.cached_images.due(now=self.clock(), limit=_DUE_AT_ONCE))

    def _as_shown(self, states: dict[str, RowState]) -> dict[str, RowState]:
        """Without those that the sweep deletes this very moment: a mark that is gone has lost against it."""
        return {
            key: state
            for key, state in states.items()
            if not state.orphaned_at or self.cached_images.unmark_orphaned(key)
        }

    def _send(self, wanted: list[ImageMessage]) -> None:
        for start in range(0, len(wanted), _SENT_TOGETHER):
            batch = wanted[start : start + _SENT_TOGETHER]
            self.queue.send(batch)
            self._mark_queued(batch)

    def _mark_queued(self, requests: list[ImageMessage]) -> None:
        with ThreadPoolExecutor(self.writes_at_once) as pool:
            for _ in pool.map(self.cached_images.mark_queued, requests):
                pass


def needs_work(row: RowState | None, now: int) -> bool:
    """Whether an image is worth a message: it could be claimed, and no live message waits for it already."""
    if answer_to_claim(row, now) is not Answer.WON:
        return False
    return row is None or row.queued_at + MESSAGE_LIVES_FOR <= now


def earns_another_try(row: RowState | None, source_url: str) -> bool:
    """An image that was gone and now appears as a file: Beeper Desktop has downloaded it meanwhile."""
    return (
        row is not None
        and row.status is ImageStatus.FAILED
        and row.reason == FailureReason.GONE
        and source_url.lower().startswith(_ON_DISK)
        and not row.source_url.lower().startswith(_ON_DISK)
    )
