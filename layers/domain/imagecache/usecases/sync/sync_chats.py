"""Copies Beeper's chats to beeperChats and chatParticipants, and queues the images that they show.

Beeper lists chats newest first, in pages. An incremental run stops at the first page on which every chat is
older than the watermark minus an hour. A complete run reads the list to its end, and so finds the stored
chats that are missing from it. A run is complete if the caller requests it, or if the last complete run began
at least 20 hours ago.

If Beeper has sent hints, which name chats that have changed, an incremental run reads on until it has seen
them: a new picture or title does not make a chat newer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from imagecache.clock import DAY, HOUR, Clock
from imagecache.errors import FencedOffError, ListingError, OriginDownError, OriginUnauthorizedError
from imagecache.model.image import OriginName
from imagecache.rules.time_budget import TimeBudget
from imagecache.sources.beeper.chats import ChatApi, ChatPage
from imagecache.stores.state.beeper_health import BeeperState
from imagecache.stores.state.circuits import Cause, OriginCircuits
from imagecache.stores.state.contact_changes import ContactChanges
from imagecache.stores.state.last_sync import LastSync, LastSyncStore
from imagecache.stores.state.lock import HeldLock, SyncLock, SyncRecords
from imagecache.stores.state.progress import ProgressStore, SyncProgress, short_hash
from imagecache.stores.state.recent_chats import MOST_HASHES, RecentChats
from imagecache.usecases.caching.queue_images import ImageQueueing
from imagecache.usecases.sync.merge_chats import ChatMerger
from imagecache.usecases.sync.people_records import PeopleOfRun
from imagecache.usecases.sync.read_pages import PageReader
from imagecache.usecases.sync.refresh_former_pictures import FormerPictureRefresher
from imagecache.usecases.sync.relink_contacts import ContactRelinker, RelinkResult
from imagecache.usecases.sync.remove_missing import MissingChatRemover
from imagecache.usecases.sync.store_page import PageWriter
from imagecache.usecases.sync.sync_accounts import CONTACT_ATTEMPTS, AccountSync, ContactSync, ListedAccounts
from imagecache.usecases.sync.sync_run import SyncOutcome, SyncReport, SyncRun

STOP_BEFORE_END_MS = 30_000
"""The last part of an invocation (ms), reserved to finish the current chat and to record the progress."""

# Less than a day: laptops sleep at night, so a run at a fixed hour of the night might never succeed.
_COMPLETE_EVERY = 20 * HOUR
# An incremental run reads chats up to this much (ms) older than the watermark, because the order of Beeper's
# list is not exact.
_OVERLAP = HOUR
_MAX_PAGES = 2000
# How far down an incremental run looks for the chats of hints. New servers list 200 chats on a page. A change
# further down is left to the next complete run, so that a hint for a chat that Beeper does not list costs
# little.
_MOST_PAGES_FOR_HINTS = 5
# The lease of the lock is longer than the invocation can last, because clocks may differ.
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

    sync_lock: SyncLock
    relinker: ContactRelinker
    page_writer: PageWriter
    missing_chat_remover: MissingChatRemover
    chat_merger: ChatMerger
    account_sync: AccountSync
    contact_sync: ContactSync
    former_picture_refresher: FormerPictureRefresher
    image_queueing: ImageQueueing
    progress_store: ProgressStore
    last_sync_store: LastSyncStore
    recent_chats: RecentChats
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
        hinted_chats: frozenset[str] = frozenset(),
        on_page: Callable[[SyncReport], None] | None = None,
    ) -> SyncReport:
        """Takes the sync lock, syncs until the run is finished or the time is used up, and releases the lock.

        The release also records the health of Beeper, and a success that is not recorded yet. If it finds
        that a newer run has taken the lock, this run is superseded and records nothing.

        `remaining_ms` returns for how many ms this invocation can still run. `complete` requests a complete
        run. `force` switches the deletion brake off. `hinted_chats` has the ids of chats that have changed,
        as far as Beeper's events tell. `on_page` is called with the report after each page.

        Raises ListingError if Beeper's answer is not a list of chats.
        """
        remaining = remaining_ms()
        now = self.clock()
        held = self.sync_lock.acquire(now=now, lease_ms=remaining + _LOCK_MARGIN_MS)
        if held is None:
            return SyncReport(SyncOutcome.BUSY)
        fence, last_sync = held.fence, held.last_sync
        report = SyncReport()
        records = SyncRecords()
        try:
            progress = self._resumed_or_new(held, complete=complete, force=force)
            report.complete = progress.complete
            run = SyncRun(
                chat_api=chat_api,
                fence=fence,
                complete=progress.complete,
                started_at=progress.started_at,
                last_success_at=last_sync.succeeded_at,
                images_since=now - self.active_within_days * DAY if self.active_within_days else 0,
                time_budget=TimeBudget(remaining_ms, reserve_ms=STOP_BEFORE_END_MS),
                report=report,
                on_page=on_page,
                hinted_chats=hinted_chats,
                people=PeopleOfRun(is_first=not last_sync.completed_at),
                recorded_hashes=self.recent_chats.read(),
                # A run that ends early may have changed chats.
                recorded_last=held.follows_success,
            )
            records = self._sync_and_check_health(run, progress, held)
        except FencedOffError:
            report.outcome = SyncOutcome.SUPERSEDED
        finally:
            is_released = self.sync_lock.release(fence, records)
        if not is_released:
            report.outcome = SyncOutcome.SUPERSEDED
        elif report.outcome is SyncOutcome.UNAUTHORIZED:
            # The cacher uses the same token. Its next successful probe closes the circuit again.
            self.circuits.open(OriginName.BEEPER, Cause.UNAUTHORIZED, now=self.clock())
        return report

    def _resumed_or_new(self, held: HeldLock, *, complete: bool, force: bool) -> SyncProgress:
        """Returns the progress of an unfinished run if it can be resumed, or else the start of a new run."""
        now = self.clock()
        last_sync = held.last_sync
        # No unfinished run is newer than a success that nothing has followed, so there is nothing to read.
        unfinished = None if held.follows_success else self.progress_store.read(newer_than=last_sync.fence)
        if unfinished and _can_be_resumed(unfinished, complete=complete, now=now):
            return replace(unfinished, force=unfinished.force or force)
        if unfinished:
            # A later run must not resume it, because this new run may store newer pages.
            self.progress_store.forget(fence=held.fence)
        is_overdue = last_sync.completed_at <= now - _COMPLETE_EVERY
        return SyncProgress(complete=complete or is_overdue, force=force, started_at=now)

    def _sync_and_check_health(self, run: SyncRun, progress: SyncProgress, held: HeldLock) -> SyncRecords:
        """Syncs, and returns what is to be recorded. Raises FencedOffError and ListingError."""
        success = None
        try:
            success = self._sync(run, progress, held.last_sync)
        except ListingError:
            # The recorded cursor may be the cause, so the next run must begin at the top of the list.
            self.progress_store.forget(fence=run.fence)
            raise
        except OriginUnauthorizedError as error:
            run.report.outcome = SyncOutcome.UNAUTHORIZED
            run.report.detail = str(error)
        except OriginDownError as error:
            run.report.outcome = SyncOutcome.OFFLINE
            run.report.detail = str(error)
        state = _STATE_BY_OUTCOME.get(run.report.outcome, BeeperState.OK)
        return SyncRecords(success, held.beeper_health.checked(state, now=self.clock()))

    def _sync(self, run: SyncRun, progress: SyncProgress, last_sync: LastSync) -> LastSync | None:
        """Relinks contacts, stores the list, and finishes. If the time is used up, records the progress.

        Returns the success if it is still to be recorded.
        """
        relinked = self._relink(run)
        if relinked.finished:
            run = replace(run, any_contacts=relinked.any_contacts, previews_changed=relinked.begun)
            progress = self._store_pages(run, progress, last_sync)
        if not progress.finished:
            self.progress_store.record(progress, fence=run.fence)
            run.report.outcome = SyncOutcome.UNFINISHED
            return None
        unrecorded = self._finish(run, progress, last_sync)
        if run.report.contacts.changed:
            relinked = self._relink(run)
        if relinked.any_contacts and self.contact_changes.relink_position().is_behind:
            run.report.outcome = SyncOutcome.UNFINISHED  # Contacts have changed during this run.
        return unrecorded

    def _relink(self, run: SyncRun) -> RelinkResult:
        """Links members to contacts again if contacts have changed, and adds to the counts of the report."""
        relinked = self.relinker.run(
            fence=run.fence, images_since=run.images_since, time_budget=run.time_budget
        )
        run.report.relinked += relinked.members
        run.report.queued += relinked.queued
        return relinked

    def _store_pages(self, run: SyncRun, progress: SyncProgress, last_sync: LastSync) -> SyncProgress:
        """Stores one page after another until the run is finished or the time is used up.

        A complete run, which needs every page, reads the next one while it stores one. An incremental run
        does not know yet whether it needs it.
        """
        stop_before = 0 if progress.complete else last_sync.watermark - _OVERLAP
        to_find = set() if progress.complete else self.page_writer.listed_instead_of(run.hinted_chats)
        with PageReader(run.chat_api, run.time_budget) as pages:
            while not progress.finished:
                page = pages.page(progress.cursor)
                if progress.complete and not _is_endless(progress, page.next_cursor):
                    pages.read_ahead(page.next_cursor)
                to_find.difference_update(chat.chat_id for chat in page.chats)
                outcome = self.page_writer.store(page.chats, run)
                if not outcome.finished:
                    break
                watermark_limit = min(progress.watermark_limit, outcome.watermark_limit)
                progress = replace(progress, watermark_limit=watermark_limit)
                run.report.unreadable += len(page.unreadable)
                run.report.skipped += [
                    chat_id[:_MAX_LOGGED_ID_CHARS] for chat_id in page.unreadable if chat_id
                ]
                reads_on = bool(to_find) and progress.pages + 1 < _MOST_PAGES_FOR_HINTS
                progress = _advanced(progress, page, 0 if reads_on else stop_before)
                if run.on_page:
                    run.on_page(run.report)
        return progress

    def _finish(self, run: SyncRun, progress: SyncProgress, last_sync: LastSync) -> LastSync | None:
        """Removes missing chats and dissolved unions, queues due images, moves the watermark, reads contacts.

        A complete run also brings the former pictures of all members up to date. Returns the success if the
        run has nothing left to do: it is recorded when the lock is released. Else it is recorded here,
        because a run that is killed while it reads contacts has stored all chats.

        The watermark never moves into the future: a chat with a wrong date would otherwise make later runs
        skip all other chats.
        """
        if progress.complete:
            removal = self.missing_chat_remover.remove(run, progress)
            run.report.missing = removal.newly_missing
            run.report.deleted = removal.deleted
            run.report.refused = removal.refused
            # If the time is used up, the next complete run updates the remaining members.
            self.former_picture_refresher.run(fence=run.fence, time_budget=run.time_budget)
        else:
            run.report.deleted = self.chat_merger.review_left_unions(run)
        run.report.queued += self.image_queueing.request_due()
        listed = self.account_sync.run(run, recorded_hash=last_sync.accounts_hash)
        now = self.clock()
        newest = max(last_sync.watermark, progress.newest)
        success = LastSync(
            watermark=min(newest, progress.watermark_limit, now),
            succeeded_at=now,
            completed_at=progress.started_at if progress.complete else last_sync.completed_at,
            accounts_hash=listed.hash,
            fence=run.fence,
        )
        self._record_hashes(run)
        attempts = CONTACT_ATTEMPTS if progress.complete else last_sync.contact_attempts
        if not attempts and not progress.resumed:
            return success
        self.last_sync_store.record(success)
        if progress.resumed:
            self.progress_store.forget(fence=run.fence)
        if attempts:
            to_try_again = replace(success, contact_attempts=attempts - 1)
            self._sync_contacts(listed, run, success, to_try_again, force=progress.force)
        return None

    def _record_hashes(self, run: SyncRun) -> None:
        """Records the chats that the next run does not have to read, if others are recorded."""
        hashes = list(run.stored_hashes.values())[:MOST_HASHES]
        if frozenset(hashes) != run.recorded_hashes:
            self.recent_chats.record(hashes, fence=run.fence)

    def _sync_contacts(
        self, listed: ListedAccounts, run: SyncRun, success: LastSync, to_try_again: LastSync, *, force: bool
    ) -> None:
        """Copies Beeper's contacts, and records `to_try_again` if that is not completed.

        It is recorded before the first write of a contact, so that a run that is killed is followed by
        another attempt.
        """
        is_done = self.contact_sync.run(
            listed,
            run,
            force=force,
            before_writing=lambda: self.last_sync_store.record(to_try_again),
        )
        if not is_done or run.report.contacts.changed:
            self.last_sync_store.record(success if is_done else to_try_again)


def _can_be_resumed(progress: SyncProgress, *, complete: bool, now: int) -> bool:
    """Returns False if the progress is too old, or if it is incremental and `complete` is requested."""
    return (progress.complete or not complete) and progress.started_at > now - _COMPLETE_EVERY


def _advanced(progress: SyncProgress, page: ChatPage, stop_before: int) -> SyncProgress:
    """Returns the progress after this page.

    The run is finished after the last page, and after a page whose chats are all older than `stop_before`
    (ms). Raises ListingError if
    the list does not end: its cursors repeat, or it has too many pages.
    """
    activities = [chat.last_activity for chat in page.chats]
    is_all_old = bool(activities) and max(activities) < stop_before
    finished = page.next_cursor is None or is_all_old
    cursor = None if finished else page.next_cursor
    if _is_endless(progress, cursor):
        raise ListingError("the list of chats does not end")
    return replace(
        progress,
        cursor=cursor,
        finished=finished,
        pages=progress.pages + 1,
        newest=max([progress.newest, *activities]),
        without_id=progress.without_id or "" in page.unreadable,
        seen_chats=progress.seen_chats | {short_hash(chat.chat_id) for chat in page.chats},
        seen_cursors=progress.seen_cursors | _hashes(cursor),
    )


def _is_endless(progress: SyncProgress, cursor: str | None) -> bool:
    """Returns True if the list leads back to a cursor before this one, or has too many pages."""
    return bool(_hashes(cursor) & progress.seen_cursors) or progress.pages >= _MAX_PAGES


def _hashes(cursor: str | None) -> set[bytes]:
    return {short_hash(cursor)} if cursor else set()
