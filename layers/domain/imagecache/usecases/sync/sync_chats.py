"""Copies Beeper's chats to beeperChats and chatParticipants, and queues the images that they show.

Beeper lists chats newest first, in pages. An incremental run stops where all chats are older than what is
stored. A complete run reads the list to its end, and so learns which chats are missing from it. A run is
complete if that is asked for, or if the last complete one is too long ago.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from imagecache.clock import DAY, HOUR, Clock
from imagecache.errors import FencedOffError, ListingError, OriginDownError, OriginUnauthorizedError
from imagecache.model.image import OriginName
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi, ChatPage
from imagecache.stores.chats.chats import ChatsTable
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.state.beeper_health import BeeperHealthStore, BeeperState
from imagecache.stores.state.circuits import Cause, OriginCircuits
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.stores.state.last_sync import LastSync, LastSyncStore
from imagecache.stores.state.lock import SyncLock
from imagecache.stores.state.progress import ProgressStore, SyncProgress, short_hash
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.contacts.match_contacts import ContactMatcher
from imagecache.usecases.sync.relink_contacts import ContactRelinker, RelinkResult
from imagecache.usecases.sync.remove_missing import MissingChatRemover
from imagecache.usecases.sync.store_page import PageWriter
from imagecache.usecases.sync.sync_report import SyncOutcome, SyncReport

STOP_BEFORE_END_MS = 30_000
"""The part of an invocation's time that is kept for the chat under way and for recording the progress."""

# Less than a day: laptops sleep at night, so a run at a fixed hour of the night might never succeed.
_COMPLETE_EVERY = 20 * HOUR
# An incremental run reads this much (ms) below the watermark, in case Beeper's list is not quite in order.
_OVERLAP = HOUR
_MAX_PAGES = 2000
# The lock is held a little longer than the invocation can last, in case clocks differ.
_LOCK_MARGIN_MS = 60_000
_MAX_LOGGED_ID_CHARS = 100

_STATE_BY_OUTCOME = {
    SyncOutcome.OFFLINE: BeeperState.OFFLINE,
    SyncOutcome.UNAUTHORIZED: BeeperState.UNAUTHORIZED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSync:
    """Syncs one Beeper account, in one run at a time.

    Images are queued only for chats active within the last `active_within_days` days; 0 means all chats.
    """

    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    relinker: ContactRelinker
    matcher: ContactMatcher
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
        remaining_ms: Callable[[], int],
        complete: bool = False,
        force: bool = False,
        on_page: Callable[[SyncReport], None] | None = None,
    ) -> SyncReport:
        """Takes the sync lock for as long as this invocation can last, then syncs.

        `remaining_ms` returns how long this invocation can still run. `complete` asks for a complete run.
        `force` deletes chats that Beeper no longer has, even if they are suspiciously many. `on_page` is
        called with the report so far after each page.

        Raises ListingError if the answer is not a list of chats.
        """
        remaining = remaining_ms()
        now = self.clock()
        fence = self.sync_lock.acquire(now=now, lease_ms=remaining + _LOCK_MARGIN_MS)
        if fence is None:
            return SyncReport(SyncOutcome.BUSY)
        try:
            run = SyncRun(
                chat_api=chat_api,
                chats_table=self.chats_table,
                participants_table=self.participants_table,
                image_queueing=self.image_queueing,
                relinker=self.relinker,
                matcher=self.matcher,
                progress_store=self.progress_store,
                last_sync_store=self.last_sync_store,
                beeper_health_store=self.beeper_health_store,
                contact_changes=self.contact_changes,
                circuits=self.circuits,
                clock=self.clock,
                fence=fence,
                images_since=now - self.active_within_days * DAY if self.active_within_days else 0,
                time_budget=TimeBudget(remaining_ms, reserve_ms=STOP_BEFORE_END_MS),
                on_page=on_page,
                report=SyncReport(),
            )
            return run.run(complete=complete, force=force)
        finally:
            self.sync_lock.release(fence)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """One run, which holds the sync lock. Every write carries its `fence`.

    Images are queued for chats whose last activity is not before `images_since` (ms).
    """

    chat_api: ChatApi
    chats_table: ChatsTable
    participants_table: ParticipantsTable
    image_queueing: ImageQueueing
    relinker: ContactRelinker
    matcher: ContactMatcher
    progress_store: ProgressStore
    last_sync_store: LastSyncStore
    beeper_health_store: BeeperHealthStore
    contact_changes: ContactChanges
    circuits: OriginCircuits
    clock: Clock
    fence: int
    images_since: int
    time_budget: TimeBudget
    on_page: Callable[[SyncReport], None] | None
    report: SyncReport

    def run(self, *, complete: bool, force: bool) -> SyncReport:
        """Returns the report of this run, and records how Beeper answered. Raises ListingError."""
        try:
            self._sync_and_record_health(complete=complete, force=force)
        except FencedOffError:
            self.report.outcome = SyncOutcome.SUPERSEDED
        return self.report

    def _sync_and_record_health(self, *, complete: bool, force: bool) -> None:
        """Raises FencedOffError, ListingError."""
        try:
            self._sync(complete=complete, force=force)
        except ListingError:
            # The cursor that was recorded may be the cause: the next run begins at the top of the list.
            self.progress_store.forget(fence=self.fence)
            raise
        except OriginUnauthorizedError as error:
            self.report.outcome = SyncOutcome.UNAUTHORIZED
            self.report.detail = str(error)
        except OriginDownError as error:
            self.report.outcome = SyncOutcome.OFFLINE
            self.report.detail = str(error)
        state = _STATE_BY_OUTCOME.get(self.report.outcome, BeeperState.OK)
        self.beeper_health_store.record(state, now=self.clock(), fence=self.fence)
        if state is BeeperState.UNAUTHORIZED:
            # The cacher has the same token. Its next probe, once one is allowed, closes the circuit again.
            self.circuits.open(OriginName.BEEPER, Cause.UNAUTHORIZED, now=self.clock())

    def _sync(self, *, complete: bool, force: bool) -> None:
        """Relinks contacts, reads the list, and finishes; or records the progress when time is up."""
        last_sync = self.last_sync_store.read()
        progress = self._resumed_or_new(last_sync, complete=complete, force=force)
        self.report.complete = progress.complete
        relinked = self.relinker.run(
            fence=self.fence, images_since=self.images_since, time_budget=self.time_budget
        )
        self.report.relinked = relinked.members
        self.report.queued = relinked.queued
        if relinked.finished:
            writer = self._page_writer(progress, relinked, last_sync)
            progress = self._store_pages(progress, writer, last_sync)
        if not progress.finished:
            self.progress_store.record(progress, fence=self.fence)
            self.report.outcome = SyncOutcome.UNFINISHED
            return
        self._finish(progress, last_sync)
        if relinked.any_contacts and self.contact_changes.relink_position().is_behind:
            self.report.outcome = SyncOutcome.UNFINISHED  # Contacts have changed meanwhile.

    def _resumed_or_new(self, last_sync: LastSync, *, complete: bool, force: bool) -> SyncProgress:
        """Returns the progress of the last run if that was out of time and can be resumed, else a new one."""
        now = self.clock()
        unfinished = self.progress_store.read()
        if unfinished and _can_be_resumed(unfinished, complete=complete, now=now):
            return replace(unfinished, force=unfinished.force or force)
        if unfinished:
            # Otherwise a later run would continue where this one is about to pass.
            self.progress_store.forget(fence=self.fence)
        is_overdue = last_sync.completed_at <= now - _COMPLETE_EVERY
        return SyncProgress(complete=complete or is_overdue, force=force, started_at=now)

    def _page_writer(self, progress: SyncProgress, relinked: RelinkResult, last_sync: LastSync) -> PageWriter:
        return PageWriter(
            chat_api=self.chat_api,
            chats_table=self.chats_table,
            participants_table=self.participants_table,
            image_queueing=self.image_queueing,
            matcher=self.matcher if relinked.any_contacts else None,
            report=self.report,
            fence=self.fence,
            complete=progress.complete,
            previews_changed=relinked.begun,
            images_since=self.images_since,
            started_at=progress.started_at,
            last_success_at=last_sync.succeeded_at,
            time_budget=self.time_budget,
        )

    def _store_pages(self, progress: SyncProgress, writer: PageWriter, last_sync: LastSync) -> SyncProgress:
        """Stores one page after the other, until the list needs no more reading or time is up."""
        stop_before = 0 if progress.complete else last_sync.watermark - _OVERLAP
        while not progress.finished:
            page = self.chat_api.page(progress.cursor)
            outcome = writer.store(page.chats)
            if not outcome.finished:
                break
            watermark_limit = min(progress.watermark_limit, outcome.watermark_limit)
            progress = replace(progress, watermark_limit=watermark_limit)
            self.report.unreadable += len(page.unreadable)
            self.report.skipped += [chat_id[:_MAX_LOGGED_ID_CHARS] for chat_id in page.unreadable if chat_id]
            progress = _advanced(progress, page, stop_before)
            if self.on_page:
                self.on_page(self.report)
        return progress

    def _finish(self, progress: SyncProgress, last_sync: LastSync) -> None:
        """Removes missing chats, queues images that are due, and moves the watermark, now that all is stored.

        The watermark does not move into the future, where a chat with a wrong date would hide all others.
        """
        if progress.complete:
            remover = MissingChatRemover(
                chat_api=self.chat_api,
                chats_table=self.chats_table,
                participants_table=self.participants_table,
                fence=self.fence,
                time_budget=self.time_budget,
            )
            removal = remover.run(progress)
            self.report.missing = removal.newly_missing
            self.report.deleted = removal.deleted
            self.report.refused = removal.refused
        self.report.queued += self.image_queueing.request_due()
        now = self.clock()
        newest = max(last_sync.watermark, progress.newest)
        self.last_sync_store.record(
            LastSync(
                watermark=min(newest, progress.watermark_limit, now),
                succeeded_at=now,
                completed_at=progress.started_at if progress.complete else last_sync.completed_at,
            ),
            fence=self.fence,
        )
        if progress.resumed:
            self.progress_store.forget(fence=self.fence)


def _can_be_resumed(progress: SyncProgress, *, complete: bool, now: int) -> bool:
    """Returns False for progress that is too old, or incremental although `complete` is asked for."""
    return (progress.complete or not complete) and progress.started_at > now - _COMPLETE_EVERY


def _advanced(progress: SyncProgress, page: ChatPage, stop_before: int) -> SyncProgress:
    """Returns the progress after this page.

    The run is finished after a page whose chats are all older than `stop_before` (ms). Raises ListingError if
    the list does not end: its cursors repeat, or it has too many pages.
    """
    activities = [chat.last_activity for chat in page.chats]
    is_all_old = bool(activities) and max(activities) < stop_before
    finished = page.next_cursor is None or is_all_old
    cursor = None if finished else page.next_cursor
    cursor_hashes = {short_hash(cursor)} if cursor else set()
    if cursor_hashes & progress.seen_cursors or progress.pages >= _MAX_PAGES:
        raise ListingError("the list of chats does not end")
    return replace(
        progress,
        cursor=cursor,
        finished=finished,
        pages=progress.pages + 1,
        newest=max([progress.newest, *activities]),
        without_id=progress.without_id or "" in page.unreadable,
        seen_chats=progress.seen_chats | {short_hash(chat.chat_id) for chat in page.chats},
        seen_cursors=progress.seen_cursors | cursor_hashes,
    )
