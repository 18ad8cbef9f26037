"""Fetches the bytes of an image: from the origins of Beeper's media in their order, or from the web.

An origin of Beeper's media is asked only if its circuit and its pace allow it. Every answer is noted.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from imagecache.clock import Clock
from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginClosedError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
)
from imagecache.model.image import Fetched, OriginAnswer, OriginName, Unchanged, Validators
from imagecache.rules.source_urls import DataLocation, ImageLocation, MediaLocation, WebLocation
from imagecache.sources.beeper.images import MediaOrigin
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.state.circuits import Cause, OriginCircuits, Permit

# A process that was frozen while it waited may wake up much later, in a minute in which others have their
# slots.
_LATE_MS = 2_000


# After a bad answer that leaves the circuit closed, only this image waits.
_FAULTY_WAIT_MS = 60_000


@dataclass(slots=True)
class AnswerLog:
    """Collects what the origins answered for one image, for the history of that image."""

    clock: Clock
    answers: list[OriginAnswer] = field(default_factory=list)

    def add(self, origin: OriginName, outcome: Fetched | Unchanged | Exception) -> None:
        """Notes the outcome of a request that has just ended."""
        match outcome:
            case Fetched():
                answer = f"{len(outcome.content)} bytes"
            case Unchanged():
                answer = "unchanged"
            case _:
                answer = str(outcome)
        self.answers.append(OriginAnswer(self.clock(), origin.value, answer))


@dataclass(frozen=True, slots=True)
class ImageSources:
    """The servers that have images. `media` is in the order in which the origins are asked."""

    media: Mapping[OriginName, MediaOrigin]
    web: GuardedWeb


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginGate:
    """Guards the origins of Beeper's media: each request needs a permit, and its outcome moves the circuit.

    `sleep` takes seconds.
    """

    circuits: OriginCircuits
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def known_closed_until(self, name: OriginName) -> int:
        """Returns until when (ms) no request may be sent, as far as this process knows; 0 means now."""
        until = self.circuits.known_open_until(name)
        return until if until > self.clock() else 0

    def fetch(
        self, name: OriginName, origin: MediaOrigin, location: MediaLocation, log: AnswerLog
    ) -> Fetched:
        """Fetches an image from an origin.

        Raises ImageFailedError if the origin does not have the image, and OriginClosedError if it may not be
        asked now or has just proved to be down.
        """
        permit = self._acquire(name)
        try:
            fetched = origin.fetch(location)
        except ImageFailedError as error:
            log.add(name, error)
            self.circuits.succeeded(permit)
            raise
        except OriginDownError as error:
            log.add(name, error)
            raise OriginClosedError(self._report(permit, location, error), outage=True) from error
        log.add(name, fetched)
        self.circuits.succeeded(permit)
        return fetched

    def _acquire(self, name: OriginName) -> Permit:
        """Returns a permit whose time has come. Raises OriginClosedError."""
        permit = self.circuits.acquire(name, now=self.clock())
        while (early_ms := permit.at - self.clock()) > 0:
            self.sleep(early_ms / 1000)
            if self.clock() > permit.at + _LATE_MS:
                permit = self.circuits.acquire(name, now=self.clock())
        return permit

    def _report(self, permit: Permit, location: MediaLocation, error: OriginDownError) -> int:
        """Opens the circuit if the error concerns more than this image. Returns when (ms) to ask again."""
        now = self.clock()
        if isinstance(error, OriginFaultyError) and error.retry_after is None:
            open_until = self.circuits.answered_badly(permit, location.key, now=now)
            return open_until or now + _FAULTY_WAIT_MS
        match error:
            case OriginUnauthorizedError():
                cause = Cause.UNAUTHORIZED
            case OriginBusyError():
                cause = Cause.BUSY
            case _:
                cause = Cause.OUTAGE
        return self.circuits.open(
            permit.origin, cause, now=now, retry_after=error.retry_after, probe=permit.opened_until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFetcher:
    """Fetches images of every kind of location."""

    sources: ImageSources
    gate: OriginGate

    def closed_until(self, location: ImageLocation) -> int:
        """Returns the earliest time (ms) when any origin may be asked, as far as is known; 0 means now."""
        if not isinstance(location, MediaLocation):
            return 0
        return min(self.gate.known_closed_until(name) for name in self.sources.media)

    def fetch(self, location: ImageLocation, cached: Validators, log: AnswerLog) -> Fetched | Unchanged:
        """Fetches an image, and notes in `log` what the origins answered.

        Returns Unchanged only for an image on the web whose server still has the version that `cached`
        names: an image in Beeper's media never changes. Raises ImageFailedError, OriginClosedError for
        Beeper's media, and OriginDownError for the web.
        """
        match location:
            case MediaLocation():
                return self._fetch_media(location, log)
            case WebLocation():
                return self._fetch_web(location, cached, log)
            case DataLocation():
                return Fetched(location.content)

    def _fetch_media(self, location: MediaLocation, log: AnswerLog) -> Fetched:
        """Asks the origins in their order until one of them has the image.

        If Beeper says that it does not have the image, this is final, because it also has what the media
        server has. If only the media server says so while Beeper may not be asked, the image waits for
        Beeper: the media server has only what is on the laptop's disk.
        """
        failures: dict[OriginName, ImageFailedError] = {}
        closed: list[OriginClosedError] = []
        for name, origin in self.sources.media.items():
            try:
                return self.gate.fetch(name, origin, location, log)
            except ImageFailedError as error:
                failures[name] = error
            except OriginClosedError as error:
                closed.append(error)
        if OriginName.BEEPER in failures:
            raise failures[OriginName.BEEPER]
        if closed:
            raise min(closed, key=lambda error: error.until)
        raise next(iter(failures.values()))

    def _fetch_web(self, location: WebLocation, cached: Validators, log: AnswerLog) -> Fetched | Unchanged:
        try:
            fetched = self.sources.web.fetch(location, cached)
        except (ImageFailedError, OriginDownError) as error:
            log.add(OriginName.WEB, error)
            raise
        log.add(OriginName.WEB, fetched)
        return fetched
