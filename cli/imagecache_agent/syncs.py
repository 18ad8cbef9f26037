"""Syncs by the clock, for requests of the API and for hints, as functions/sync does."""

import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from imagecache.errors import JobOverError, JobTakenError, StoreUnavailableError
from imagecache.failure_log import failure_fields
from imagecache.metrics import SYNC_SUCCEEDED
from imagecache.sources.transport import punctual_session
from imagecache.usecases.sync.sync_run import SyncOutcome, SyncReport
from imagecache.wiring import Wiring
from imagecache_agent.elapsed import Elapsed
from imagecache_agent.in_flight import InFlight
from imagecache_agent.log import Log
from imagecache_agent.metrics import Counts
from imagecache_cli.errors import CommandError

HIDDEN_MS = 60_000
"""For how long a received request is hidden, unless it is hidden for longer meanwhile."""

# A run has less time than a function, which has 15 minutes: its lock stays for that long after a crash. A run
# that is out of time is continued at once.
_BUDGET_MS = 5 * 60_000
# The pause after a run that could not read Beeper, which may still be starting after the log-in.
_SOON_MS = 60_000
_HAS_TO_TRY_SOON = {SyncOutcome.OFFLINE, SyncOutcome.UNAUTHORIZED, SyncOutcome.BUSY}
# A sleeping computer stops the clock of waits, so that no wait may be long.
_WAIT_SECONDS = 2.0


class _StoppedError(Exception):
    """The agent stops before a run is finished. Its progress is recorded, and a later run continues it."""


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """A sync to run: an event of functions/sync, and the receipt handle of its request if it has one.

    `done` receives the outcome of the run, or None if the run had none.
    """

    event: Mapping[str, Any]
    receipt_handle: str | None = None
    done: "Future[SyncOutcome | None]" = field(default_factory=Future)


@dataclass(slots=True, kw_only=True)
class SyncWork:
    """Carries out one order after the other: requests of the API, hints, and a run every `every_ms`.

    `secrets` returns the tokens, which are read for each run because they may be replaced. Once `stopping` is
    set, a run records its progress and ends. `report` is called with the report of each run.
    """

    wiring: Wiring
    secrets: Callable[[], Mapping[str, str]] = field(repr=False)
    seconds: Callable[[], float]
    stopping: Event
    counts: Counts
    log: Log
    in_flight: InFlight
    wait_seconds: int
    every_ms: int
    report: Callable[[SyncReport], None]
    _orders: "queue.SimpleQueue[SyncOrder]" = field(default_factory=queue.SimpleQueue)
    _since_last: Elapsed | None = None
    _pause_ms: int = 0

    def receive(self) -> None:
        """Waits for requests of the API, and hands them over to `step`. Raises StoreUnavailableError."""
        requests = self.wiring.sync_requests.receive(wait_seconds=self.wait_seconds, hidden_ms=HIDDEN_MS)
        for request in requests:
            self.in_flight.add([request.receipt_handle])
            self._orders.put(SyncOrder(request.event, request.receipt_handle))

    def sync_hinted(self, chat_ids: frozenset[str]) -> bool:
        """Orders a sync that looks for these chats, and waits until it has ended.

        Returns False if it is to be tried again. To be called by another thread than `step`. The
        caller collects hints and limits the number of runs.
        """
        order = SyncOrder({"chatIds": sorted(chat_ids)})
        self._orders.put(order)
        while not self.stopping.is_set():
            with suppress(FutureTimeoutError):
                return order.done.result(_WAIT_SECONDS) is SyncOutcome.OK
        return True  # the next start begins with a sync

    def step(self) -> None:
        """Carries out the next order, or waits a moment if there is none.

        Raises StoreUnavailableError, and CommandError if `secrets` does.
        """
        order = self._next()
        if order is None:
            return
        outcome: SyncOutcome | None = None
        try:
            outcome = self._carry_out(order)
        except (StoreUnavailableError, CommandError):
            # A CommandError means that a setting is missing here, such as the token. It ends the agent, and
            # the next one carries out the request.
            self._let_come_again(order)
            raise
        except _StoppedError:
            self._let_come_again(order)
        except (JobTakenError, JobOverError) as reason:
            # SQS may deliver a request twice, and a job may be one that a killed agent has begun.
            self.log.line("nothing to do", {"reason": type(reason).__name__})
            if isinstance(reason, JobTakenError):
                self._let_come_again(order)
            else:
                self._finish(order)
        except Exception as error:  # noqa: BLE001 - one run that fails does not end the agent
            self.log.line("sync failed", failure_fields(error))
            self._finish(order)
        else:
            self._finish(order)
        finally:
            order.done.set_result(outcome)

    def _next(self) -> SyncOrder | None:
        try:
            return self._orders.get(timeout=_WAIT_SECONDS)
        except queue.Empty:
            is_due = self._since_last is None or self._since_last.milliseconds() >= self._pause_ms
            return SyncOrder({}) if is_due and not self.stopping.is_set() else None

    def _carry_out(self, order: SyncOrder) -> SyncOutcome:
        """Syncs, again and again while a run is out of time. Raises what SyncJobs raises."""
        event = order.event
        while True:
            self._since_last = Elapsed(self.wiring.clock, self.seconds)
            self._pause_ms = self.every_ms
            outcome, following = self._run(event)
            if following is None:
                return outcome
            if self.stopping.is_set():
                raise _StoppedError
            event = following

    def _run(self, event: Mapping[str, Any]) -> tuple[SyncOutcome, Mapping[str, Any] | None]:
        """Syncs once. Returns the outcome, and the event that continues the run unless it is finished."""
        elapsed = Elapsed(self.wiring.clock, self.seconds)
        following: list[Mapping[str, Any]] = []

        def remaining_ms() -> int:
            return 0 if self.stopping.is_set() else max(_BUDGET_MS - elapsed.milliseconds(), 0)

        with punctual_session() as session:
            report = self.wiring.sync_jobs.handle(
                event,
                self.wiring.chat_api(self.secrets(), session),
                remaining_ms=remaining_ms,
                send_event=following.append,
            )
        self.log.line("sync", report.for_log())
        self.report(report)
        if report.outcome is SyncOutcome.OK:
            self.counts.put({SYNC_SUCCEEDED: 1})
        if report.outcome in _HAS_TO_TRY_SOON:
            self._pause_ms = min(_SOON_MS, self.every_ms)
        return report.outcome, following[0] if following else None

    def _finish(self, order: SyncOrder) -> None:
        if order.receipt_handle:
            self.in_flight.remove([order.receipt_handle])
            self.wiring.sync_requests.delete(order.receipt_handle)

    def _let_come_again(self, order: SyncOrder) -> None:
        """Leaves the request in the queue, which delivers it again within a minute."""
        if order.receipt_handle:
            self.in_flight.remove([order.receipt_handle])
