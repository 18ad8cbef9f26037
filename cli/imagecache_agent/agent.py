"""Runs the parts of an agent side by side, until it is stopped or cannot go on."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any

from imagecache.errors import ConfigError, StoreUnavailableError
from imagecache.failure_log import failure_fields
from imagecache.sources.transport import KeptConnections
from imagecache.usecases.caching.cache_batch import Delivery
from imagecache.usecases.caching.cache_image import Result
from imagecache.usecases.sync.sync_run import SyncReport
from imagecache.wiring import Wiring
from imagecache_agent.images import ImageWork, hidden_ms
from imagecache_agent.in_flight import InFlight
from imagecache_agent.log import Log
from imagecache_agent.metrics import Counts
from imagecache_agent.status import AgentStatus, Phase
from imagecache_agent.syncs import HIDDEN_MS, SyncWork
from imagecache_agent.troubles import MEANINGS, CannotWorkError, trouble_of
from imagecache_cli.errors import CommandError

HintSource = Callable[[Callable[[frozenset[str]], bool]], AbstractContextManager[None]]
"""Listens to Beeper during a `with` block, and calls the function with the ids of chats that have changed.

The function syncs, and returns False if it is to be called again later. The HintSource collects hints, and
limits the number of calls. Hints may be lost: the sync every ten minutes finds the same changes.
"""

# The lease is renewed every minute, and outlives five of these moments and the differences of clocks.
_LEASE_MS = 300_000
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of an agent, which tests shorten. A long poll waits `wait_seconds`, at most 20."""

    wait_seconds: int = 20
    sync_every_ms: int = 600_000
    renew_seconds: float = 60.0
    settings_every_seconds: float = 600.0


@dataclass(slots=True, kw_only=True)
class Agent:
    """An agent of one stack.

    `agent_id` and `host` name it in the lease. `secrets` returns the tokens of Beeper and of a media server.
    `settings_changed` returns True if the stack has other settings by now. `record` is called with each new
    status, `ready` when the agent has begun to work. `hints` is None if nothing listens to Beeper.
    """

    wiring: Wiring
    agent_id: str
    host: str
    secrets: Callable[[], Mapping[str, str]] = field(repr=False)
    cloudwatch: Any
    seconds: Callable[[], float]
    log: Log
    settings_changed: Callable[[], bool]
    record: Callable[[AgentStatus], None]
    ready: Callable[[], None]
    timing: Timing = field(default_factory=Timing)
    hints: HintSource | None = None
    stopping: Event = field(default_factory=Event)
    _status: AgentStatus = field(default_factory=lambda: AgentStatus(Phase.STARTING, 0))
    _troubles: dict[str, str] = field(default_factory=dict)
    _ending: CommandError | None = None
    _has_ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _lease_lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Works until `stop` is called. Raises CommandError if the agent cannot go on, with what to do.

        Work that was begun is finished, or given back: no message is lost and no image is fetched twice.
        """
        now = self.wiring.clock()
        self._status = AgentStatus(Phase.STARTING, now, started_at=now)
        try:
            self._begin()
            self._work()
        except StoreUnavailableError as error:
            raise CannotWorkError(str(error)) from error
        finally:
            self._give_back()
        if self._ending:
            raise self._ending
        self._set(phase=Phase.STOPPED, text="", advice="")

    def stop(self) -> None:
        """Lets `run` end. Can be called by a signal handler."""
        self.stopping.set()

    def _begin(self) -> None:
        """Takes the lease. Raises CommandError if another agent has it, StoreUnavailableError."""
        self._renew()
        # The agent that had the lease before has ended, but may have been killed during a sync.
        self.wiring.sync_lock.free()
        self._set(phase=Phase.RUNNING)
        self.ready()

    def _give_back(self) -> None:
        """Ends the lease. A part that still runs cannot take it again."""
        with self._lease_lock, suppress(StoreUnavailableError):
            self._has_ended = True
            self.wiring.agent_lease.give_back(self.agent_id, now=self.wiring.clock())

    def _renew(self) -> None:
        with self._lease_lock:
            is_ours = self._has_ended or self.wiring.agent_lease.take(
                self.agent_id, self.host, now=self.wiring.clock(), lease_ms=_LEASE_MS
            )
        if not is_ours:
            other = self.wiring.agent_lease.read()
            raise CommandError(
                f"the agent on {other.host} works for this stack since {_utc(other.since)}, last seen"
                f" {_utc(other.seen_at)}: stop it there, or wait five minutes after it was last seen"
            )

    def _work(self) -> None:
        counts = Counts(self.cloudwatch, service=self.wiring.config.service)
        images_queue, sync_requests = self.wiring.images_queue, self.wiring.sync_requests
        images_in_flight = InFlight(partial(images_queue.hide, milliseconds=hidden_ms(self.wiring)))
        requests_in_flight = InFlight(partial(sync_requests.hide, milliseconds=HIDDEN_MS))
        images = ImageWork(
            wiring=self.wiring,
            secrets=self.secrets,
            seconds=self.seconds,
            stopping=self.stopping,
            counts=counts,
            log=self.log,
            in_flight=images_in_flight,
            connections=KeptConnections(),
            wait_seconds=self.timing.wait_seconds,
            report=self._count_images,
        )
        syncs = SyncWork(
            wiring=self.wiring,
            secrets=self.secrets,
            seconds=self.seconds,
            stopping=self.stopping,
            counts=counts,
            log=self.log,
            in_flight=requests_in_flight,
            wait_seconds=self.timing.wait_seconds,
            every_ms=self.timing.sync_every_ms,
            report=self._note_sync,
        )
        extend_seconds = min(hidden_ms(self.wiring), HIDDEN_MS) / 3000
        self._start("lease", self._renew, pause=self.timing.renew_seconds)
        self._start("settings", self._check_settings, pause=self.timing.settings_every_seconds)
        self._start("visibility of images", images_in_flight.extend, pause=extend_seconds)
        self._start("visibility of requests", requests_in_flight.extend, pause=extend_seconds)
        # A poll that finds nothing is not waited for when the agent stops: it may take 20 s.
        self._start("requests", syncs.receive)
        working = [self._start("images", images.step), self._start("syncs", syncs.step)]
        with self.hints(syncs.sync_hinted) if self.hints else nullcontext():
            self.stopping.wait()
        for thread in working:
            while thread.is_alive() and (thread is not working[0] or images_in_flight.is_busy()):
                thread.join(0.1)

    def _start(self, name: str, step: Callable[[], None], *, pause: float = 0.0) -> threading.Thread:
        thread = threading.Thread(target=self._repeat, args=(name, step, pause), name=name, daemon=True)
        thread.start()
        return thread

    def _repeat(self, name: str, step: Callable[[], None], pause: float) -> None:
        """Calls `step` until the agent stops, with growing pauses while it fails."""
        failures = 0
        while not self.stopping.is_set():
            try:
                if failures:
                    # Messages must not be received while the tables cannot be used: SQS counts deliveries.
                    self._renew()
                step()
            except StoreUnavailableError as error:
                failures += 1
                self._note_trouble(name, str(error))
            except CommandError as error:
                self._end(error)
            except ConfigError as error:
                self._end(CommandError(str(error)))
            except Exception as error:  # noqa: BLE001 - the other parts go on
                failures += 1
                self.log.line(f"{name} failed", failure_fields(error))
                self._note_trouble(name, type(error).__name__)
            else:
                failures = 0
                self._note_trouble(name, "")
            self.stopping.wait(pause_after(failures) if failures else pause)

    def _check_settings(self) -> None:
        if self.settings_changed():
            raise CommandError("the stack was deployed with other settings: the agent has to start again")

    def _note_trouble(self, name: str, code: str) -> None:
        """Records that a part of the agent has this trouble, or none if `code` is empty."""
        with self._lock:
            if self._troubles.get(name, "") == code:
                return
            if code:
                self._troubles[name] = code
                self.log.line("trouble", {"part": name, "cause": code})
            else:
                del self._troubles[name]
            causes = [*self._troubles.values()]
        if code and MEANINGS[trouble_of(code)].needs_start:
            self._end(CannotWorkError(code))
        elif causes:
            meaning = MEANINGS[trouble_of(causes[-1])]
            self._set(phase=Phase.TROUBLE, text=f"{meaning.text} ({causes[-1]})", advice=meaning.advice)
        else:
            self._set(phase=Phase.RUNNING, text="", advice="")

    def _end(self, error: CommandError) -> None:
        with self._lock:
            self._ending = self._ending or error
        self.stopping.set()

    def _count_images(self, deliveries: list[Delivery]) -> None:
        results = [delivery.outcome.result for delivery in deliveries if delivery.outcome]
        with self._lock:
            cached = self._status.cached + results.count(Result.CACHED)
            failed = self._status.failed + results.count(Result.FAILED)
        self._set(cached=cached, failed=failed)

    def _note_sync(self, report: SyncReport) -> None:
        self._set(last_sync_at=self.wiring.clock(), last_sync=report.outcome.value)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            if self._has_ended and changes.get("phase") is not Phase.STOPPED:
                return  # a long poll that nobody has waited for
            if changes.get("phase", self._status.phase) is not self._status.phase:
                changes["since"] = self.wiring.clock()
            self._status = replace(self._status, **changes)
            self.record(self._status)


def pause_after(failures: int) -> float:
    """Returns the seconds to wait after so many failures in a row: 2, 4, ... 60.

    A week without a network is 10,000 failures, so the power must have a limit: it would not fit a float.
    """
    return min(_FIRST_PAUSE * float(2 ** min(failures, 10)), _LONGEST_PAUSE)


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
