"""Beeper's chats → beeperChats and chatParticipants; the images they show → the queue.

Newest first, page by page. An incremental run ends where everything is older than what is stored; when the
last complete one is too long ago it reads to the end instead, and then knows which chats are missing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imagecache.clock import DAY, HOUR, Clock
from imagecache.errors import FencedOffError, ListingError, OriginDownError, OriginUnauthorizedError
from imagecache.model.image import OriginName
from imagecache.sources.beeper.chat_api import ChatApi
from imagecache.sources.beeper.chat_json import ChatPage
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.state.beeper_health import BeeperHealthStore, BeeperState
from imagecache.stores.state.circuits import Cause, OriginCircuits
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.stores.state.last_sync import LastSync, LastSyncStore
from imagecache.stores.state.lock import SyncLock
from imagecache.stores.state.progress import ProgressStore, SyncProgress, short_hash
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.sync.relink_contacts import ContactRelinker, RelinkResult
from imagecache.usecases.sync.remove_missing import remove_missing
from imagecache.usecases.sync.store_page import PageWriter
from imagecache.usecases.sync.sync_report import SyncOutcome, SyncReport

if TYPE_CHECKING:
    pass

_COMPLETE_EVERY = 20 * HOUR  # less than a day: laptops sleep at night, a nightly moment might never come
_OVERLAP = HOUR
_MOST_PAGES = 2000
_TIME_TO_STOP = 30_000  # ms
_LEASE_MARGIN = 60_000  # ms
_LOGGED = 100  # characters of an id that is too long


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSync:
    """Runs over one Beeper's chats. Images are wanted of those that moved within so many days; 0: of all."""

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    relinker: ContactRelinker
    sync_lock: SyncLock
    progress_store: ProgressStore
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    contact_changes: ContactChanges
    circuits: OriginCircuits
    clock: Clock
    active_within_days: int

    def run(
        self,
        chat_api: ChatApi,
        *,
        milliseconds_left: Callable[[], int],
        complete: bool = False,
        force: bool = False,
        told: Callable[[SyncReport], None] = lambda _: None,
    ) -> SyncReport:
        """One run at a time, with a lease on that as long as it can last. `told` hears of every page.

        Raises ListingError when what answers is no list of chats.
        """
        lease = milliseconds_left() + _LEASE_MARGIN
        fence = self.sync_lock.acquire(now=self.clock(), lease_ms=lease)
        if fence is None:
            return SyncReport(SyncOutcome.BUSY)

        def out_of_time() -> bool:
            return milliseconds_left() < _TIME_TO_STOP

        try:
            synced = self.last_sync_store.read()
            run = _Run(self, chat_api, fence, synced, out_of_time, told)
            return run.outcome(self._begin(fence, synced, complete=complete, force=force))
        except ListingError:
            self.progress_store.forget(fence=fence)  # its cursor may be what is wrong
            raise
        finally:
            self.sync_lock.release(fence)

    def _begin(self, fence: int, synced: LastSync, *, complete: bool, force: bool) -> SyncProgress:
        """Where the last run ran out of time, unless that was too long ago or is not what is asked for."""
        now, left = self.clock(), self.progress_store.read()
        if left and (left.complete or not complete) and left.started_at > now - _COMPLETE_EVERY:
            return replace(left, force=left.force or force)
        if left:  # or a later run would go on where this one is about to pass
            self.progress_store.forget(fence=fence)
        overdue = synced.completed_at <= now - _COMPLETE_EVERY
        return SyncProgress(complete=complete or overdue, force=force, started_at=now)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run that holds the lease."""

    sync: ChatSync
    chat_api: ChatApi
    fence: int
    synced: LastSync
    out_of_time: Callable[[], bool]
    told: Callable[[SyncReport], None]

    def outcome(self, progress: SyncProgress) -> SyncReport:
        """Everything but an error ends as a report."""
        report = SyncReport(complete=progress.complete)
        try:
            relinked = self.sync.relinker.run(
                fence=self.fence, wanted_since=self._wanted_since(), out_of_time=self.out_of_time
            )
            report.relinked, report.queued = relinked.members, relinked.queued
            if relinked.done:
                progress = self._walk(progress, report, relinked)
            if progress.finished:
                self._finish(progress, report)
                if relinked.any_contacts and self.sync.contact_changes.relink_position().is_behind:
                    report.outcome = SyncOutcome.UNFINISHED  # contacts changed meanwhile: again, at once
            else:
                self.sync.progress_store.record(progress, fence=self.fence)
                report.outcome = SyncOutcome.UNFINISHED
        except FencedOffError:
            report.outcome = SyncOutcome.SUPERSEDED
            return report
        except OriginUnauthorizedError as error:
            report.outcome, report.detail = SyncOutcome.UNAUTHORIZED, str(error)
            # Nobody else need ask with that token; the cacher's probe closes the circuit when it may.
            self.sync.circuits.open(OriginName.BEEPER, Cause.UNAUTHORIZED, now=self.sync.clock())
        except OriginDownError as error:
            report.outcome, report.detail = SyncOutcome.OFFLINE, str(error)
        state = _ORIGIN_STATES.get(report.outcome, BeeperState.OK)
        self.sync.beeper_health_store.record(state, now=self.sync.clock(), fence=self.fence)
        return report

    def _walk(self, progress: SyncProgress, report: SyncReport, relinked: RelinkResult) -> SyncProgress:
        """Pages stored one after the other, to the end or until time is up."""
        oldest = 0 if progress.complete else self.synced.watermark - _OVERLAP
        writer = self._writer(relinked, complete=progress.complete)
        while not progress.finished:
            page = self.chat_api.page(progress.cursor)
            if not writer.store(page.chats, report):
                return progress
            report.unreadable += len(page.unreadable)
            report.skipped += [chat_id[:_LOGGED] for chat_id in page.unreadable if chat_id]
            progress = _advanced(progress, page, oldest, report.oldest_skipped)
            self.told(report)
        return progress

    def _wanted_since(self) -> int:
        days = self.sync.active_within_days
        return self.sync.clock() - days * DAY if days else 0

    def _writer(self, relinked: RelinkResult, *, complete: bool) -> PageWriter:
        return PageWriter(
            chat_api=self.chat_api,
            chats_table=self.sync.chats_table,
            participants_table=self.sync.participants_table,
            image_queueing=self.sync.image_queueing,
            matcher=replace(self.sync.relinker.matcher, any_contacts=relinked.any_contacts),
            fence=self.fence,
            complete=complete,
            relinked=relinked.begun,
            wanted_since=self._wanted_since(),
            out_of_time=self.out_of_time,
        )

    def _finish(self, progress: SyncProgress, report: SyncReport) -> None:
        """Everything is stored: only now the watermark moves.

        Not past a chat that was skipped for the first time, so that the next run reads down to it, and not
        into the future, where a chat with a wrong date would hide all others.
        """
        if progress.complete:
            report.missing, report.deleted, report.refused = remove_missing(
                chat_api=self.chat_api,
                chats_table=self.sync.chats_table,
                participants_table=self.sync.participants_table,
                progress=progress,
                fence=self.fence,
                out_of_time=self.out_of_time,
            )
        report.queued += self.sync.image_queueing.request_due()
        synced, now = self.synced, self.sync.clock()
        self.sync.last_sync_store.record(
            LastSync(
                watermark=min(max(synced.watermark, progress.newest), progress.watermark_limit, now),
                succeeded_at=now,
                completed_at=progress.started_at if progress.complete else synced.completed_at,
            ),
            fence=self.fence,
        )
        if progress.resumed:
            self.sync.progress_store.forget(fence=self.fence)


_ORIGIN_STATES = {
    SyncOutcome.OFFLINE: BeeperState.OFFLINE,
    SyncOutcome.UNAUTHORIZED: BeeperState.UNAUTHORIZED,
}


def _advanced(progress: SyncProgress, page: ChatPage, oldest: int, oldest_skipped: int) -> SyncProgress:
    """Past this page. Raises ListingError when the cursors go round in circles or never end."""
    known = bool(page.chats) and all(chat.last_activity < oldest for chat in page.chats)
    done = page.next_cursor is None or known
    cursor = None if done else page.next_cursor
    seen = short_hash(cursor) if cursor else b""
    if seen in progress.seen_cursors or progress.pages >= _MOST_PAGES:
        raise ListingError("the list of chats does not end")
    return replace(
        progress,
        cursor=cursor,
        finished=done,
        pages=progress.pages + 1,
        newest=max(progress.newest, *(chat.last_activity for chat in page.chats), 0),
        watermark_limit=min(progress.watermark_limit, oldest_skipped),
        without_id=progress.without_id or "" in page.unreadable,
        seen_chats=progress.seen_chats | {short_hash(chat.chat_id) for chat in page.chats},
        seen_cursors=progress.seen_cursors | ({seen} if seen else set()),
    )
