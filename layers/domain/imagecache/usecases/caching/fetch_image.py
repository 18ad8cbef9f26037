"""Fetches the bytes of an image: from the origins of Beeper's media in their order, or from the web.

An origin of Beeper's media is asked only if its circuit and its pace allow it. What each origin answers is
reported with the outcome, for the history of the image.

An origin may fail to serve one image while it serves all others: it may have stored a web page or an empty
file in place of the image, or answer 401 or 429 for this image alone. So after every answer that does not say
whose fault it is, the origin is checked by a request that has nothing to do with images. If that is answered,
only this image has failed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from imagecache.clock import Clock
from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginClosedError,
    OriginDownError,
    OriginUnauthorizedError,
    OriginUnreachableError,
)
from imagecache.model.image import FailureReason, Fetched, OriginAnswer, OriginName, Unchanged, Validators
from imagecache.rules.source_urls import DataLocation, ImageLocation, MediaLocation, WebLocation
from imagecache.sources.beeper.images import MediaOrigin
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.state.circuits import Cause, OriginCircuits, Permit

# A process that was frozen while it waited may wake up much later, in a minute in which others have their
# slots.
_LATE_MS = 2_000
# After a failed check that leaves the circuit closed, only this image waits.
_UNCHECKED_WAIT_MS = 60_000


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """The image could not be fetched. If it is tried again, this is not before `not_before` (ms)."""

    reason: FailureReason
    not_before: int = 0


@dataclass(frozen=True, slots=True)
class OriginClosed:
    """No origin that may have the image may be asked before `until` (ms).

    `is_outage` is True if a circuit is open, False if only a pace forbids a request now.
    """

    until: int
    is_outage: bool


@dataclass(frozen=True, slots=True)
class FetchReport:
    """The outcome of a fetch, and the answers of the origins that were asked for it, in their order."""

    outcome: Fetched | Unchanged | FetchFailed | OriginClosed
    answers: tuple[OriginAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageSources:
    """The servers that have images. `media` is in the order in which the origins are asked."""

    media: Mapping[OriginName, MediaOrigin]
    web: GuardedWeb


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFetcher:
    """Fetches images of every kind of location."""

    sources: ImageSources
    gate: "OriginGate"
    clock: Clock

    def closed_until(self, location: ImageLocation) -> int:
        """Returns the earliest time (ms) when any origin may be asked, as far as is known; 0 means now."""
        if not isinstance(location, MediaLocation):
            return 0
        return min(self.gate.known_closed_until(name) for name in self.sources.media)

    def fetch(
        self, location: ImageLocation, cached: Validators, *, is_first_attempt: bool = False
    ) -> FetchReport:
        """Fetches an image. For Beeper's media the first attempt has less time than later ones.

        Only an image on the web can be Unchanged, if its server still has the version that `cached` names:
        an image in Beeper's media never changes. Only Beeper's media can be OriginClosed.
        """
        match location:
            case MediaLocation():
                return self._fetch_media(location, is_first_attempt=is_first_attempt)
            case WebLocation():
                return self._fetch_web(location, cached)
            case DataLocation():
                return FetchReport(Fetched(location.content))

    def _fetch_media(self, location: MediaLocation, *, is_first_attempt: bool) -> FetchReport:
        """Asks the origins in their order until one of them has the image.

        If Beeper works and has not served the image, its answer counts, because it also has what the media
        server has. If only the media server says so while Beeper may not be asked, the image waits for
        Beeper: the media server has only what is on the laptop's disk.
        """
        failed: dict[OriginName, FetchFailed] = {}
        closed: list[OriginClosed] = []
        answers: tuple[OriginAnswer, ...] = ()
        for name, origin in self.sources.media.items():
            report = self.gate.ask(name, origin, location, is_first_attempt=is_first_attempt)
            answers += report.answers
            match report.outcome:
                case FetchFailed() as outcome:
                    failed[name] = outcome
                case OriginClosed() as outcome:
                    closed.append(outcome)
                case fetched:
                    return FetchReport(fetched, answers)
        if OriginName.BEEPER in failed:
            return FetchReport(failed[OriginName.BEEPER], answers)
        if closed:
            return FetchReport(min(closed, key=lambda outcome: outcome.until), answers)
        return FetchReport(next(iter(failed.values())), answers)

    def _fetch_web(self, location: WebLocation, cached: Validators) -> FetchReport:
        outcome: Fetched | Unchanged | FetchFailed
        try:
            outcome = self.sources.web.fetch(location, cached)
            answer = f"{len(outcome.content)} bytes" if isinstance(outcome, Fetched) else "unchanged"
        except ImageFailedError as error:
            not_before = self.clock() + (error.retry_after or 0) * 1000
            outcome = FetchFailed(error.reason, not_before)
            answer = str(error)
        except OriginDownError as error:
            not_before = self.clock() + (error.retry_after or 0) * 1000
            outcome = FetchFailed(FailureReason.ORIGIN_DOWN, not_before)
            answer = str(error)
        return FetchReport(outcome, (OriginAnswer(self.clock(), OriginName.WEB.value, answer),))


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginGate:
    """Guards the origins of Beeper's media: each request needs a permit, and can open or close the circuit.

    `sleep` takes seconds.
    """

    circuits: OriginCircuits
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def known_closed_until(self, name: OriginName) -> int:
        """Returns when (ms) the next request may be sent, as far as this process knows; 0 means now."""
        until = self.circuits.known_open_until(name)
        return until if until > self.clock() else 0

    def ask(
        self, name: OriginName, origin: MediaOrigin, location: MediaLocation, *, is_first_attempt: bool
    ) -> FetchReport:
        """Fetches an image from an origin, if the origin may be asked now.

        The outcome is OriginClosed if the origin may not be asked, or if this request found that it is down.
        It is FetchFailed (NOT_SERVED) if the origin works, but did not serve this image.
        """
        try:
            permit = self._acquire(name)
        except OriginClosedError as error:
            return FetchReport(OriginClosed(error.until, is_outage=error.outage))
        try:
            fetched = origin.fetch(location, is_first_attempt=is_first_attempt)
        except OriginDownError as error:
            report = FetchReport(
                self._judge(permit, origin, location, error), self._answers(name, str(error))
            )
        except ImageFailedError as error:
            report = FetchReport(FetchFailed(error.reason), self._answers(name, str(error)))
        else:
            report = FetchReport(fetched, self._answers(name, f"{len(fetched.content)} bytes"))
        if not isinstance(report.outcome, OriginClosed):
            self.circuits.succeeded(permit)
        return report

    def _answers(self, name: OriginName, answer: str) -> tuple[OriginAnswer, ...]:
        return (OriginAnswer(self.clock(), name.value, answer),)

    def _acquire(self, name: OriginName) -> Permit:
        """Returns a permit whose time has come. Raises OriginClosedError."""
        permit = self.circuits.acquire(name, now=self.clock())
        while (early_ms := permit.at - self.clock()) > 0:
            self.sleep(early_ms / 1000)
            if self.clock() > permit.at + _LATE_MS:
                permit = self.circuits.acquire(name, now=self.clock())
        return permit

    def _judge(
        self, permit: Permit, origin: MediaOrigin, location: MediaLocation, error: OriginDownError
    ) -> FetchFailed | OriginClosed:
        """Finds out whether an error concerns only this image, and opens the circuit if it does not.

        If there was no connection, the origin is down, because no image can cause that. After any other error
        the origin is checked, with a request that needs the token if the token was refused.
        """
        if isinstance(error, OriginUnreachableError):
            return self._open(permit, error)
        not_before = self.clock() + (error.retry_after or 0) * 1000
        if not self.circuits.take_slot_now(permit.origin, now=self.clock()):
            return OriginClosed(max(not_before, self.clock() + _UNCHECKED_WAIT_MS), is_outage=True)
        is_refused = isinstance(error, OriginUnauthorizedError)
        try:
            if is_refused:
                origin.check_token()
            else:
                origin.check()
        except (OriginUnreachableError, OriginBusyError) as outage:
            return self._open(permit, outage)
        except OriginDownError as outage:
            check_was_refused = isinstance(outage, OriginUnauthorizedError)
            if is_refused and check_was_refused:
                return self._open(permit, outage)
            # A login that only the check meets may be in the way of the check alone.
            now = self.clock()
            until = self.circuits.not_served(
                permit, location.key, str(outage), now=now, check_was_refused=check_was_refused
            )
            return OriginClosed(until or now + _UNCHECKED_WAIT_MS, is_outage=True)
        return FetchFailed(FailureReason.NOT_SERVED, not_before)

    def _open(self, permit: Permit, error: OriginDownError) -> OriginClosed:
        match error:
            case OriginUnauthorizedError():
                cause = Cause.UNAUTHORIZED
            case OriginBusyError():
                cause = Cause.BUSY
            case _:
                cause = Cause.OUTAGE
        until = self.circuits.open(
            permit.origin,
            cause,
            str(error),
            now=self.clock(),
            retry_after=error.retry_after,
            probe=permit.opened_until,
        )
        return OriginClosed(until, is_outage=True)
