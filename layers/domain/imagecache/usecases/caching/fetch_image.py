"""A source → its bytes: the origins in their order, each asked only when its circuit and its pace allow."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import requests

from imagecache.clock import Clock
from imagecache.config import Config
from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginClosedError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
)
from imagecache.model.image import Fetched, OriginName, OriginOrder, Unchanged, Validators
from imagecache.rules.source_urls import DataLocation, ImageLocation, MediaLocation, WebLocation
from imagecache.sources.beeper.auth import BEEPER_SECRETS, access_headers
from imagecache.sources.beeper.images import AssetsServe, MediaOrigin, MediaServer
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.state.circuits import Cause, OriginCircuits, Permit

if TYPE_CHECKING:
    pass

Note = Callable[[OriginName, str], None]
"""Told who was asked and what came of it, for the story of the image."""

SECRET_NAMES = (*BEEPER_SECRETS, "media-server-token")
# A slot that was slept through, because the process was frozen, is another one's minute.
_LATE = 2_000
_FAULTY_FOR = 60_000


@dataclass(frozen=True, slots=True)
class ImageSources:
    """`media` in the order in which they are asked for what lies in Beeper's media folder."""

    media: Mapping[OriginName, MediaOrigin]
    web: GuardedWeb


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFetcher:
    """Fetches through `sources`, as `origins` let it."""

    sources: ImageSources
    circuits: OriginCircuits
    clock: Clock
    sleep: Callable[[float], None] = time.sleep

    def closed_until(self, source: ImageLocation) -> int:
        """When it makes sense to ask (ms), as far as this process knows; 0 now."""
        if not isinstance(source, MediaLocation):
            return 0
        earliest = min(self.circuits.known_open_until(name) for name in self.sources.media)
        return earliest if earliest > self.clock() else 0

    def fetch(self, source: ImageLocation, note: Note, known: Validators) -> Fetched | Unchanged:
        """Unchanged only when `known` names a version, and only by the web: Beeper's media never change.

        Raises ImageFailedError, OriginClosedError, and for the web OriginDownError.
        """
        match source:
            case MediaLocation():
                return self._fetch_media(source, note)
            case WebLocation():
                return _noted(OriginName.WEB, partial(self.sources.web.fetch, source, known), note)
            case DataLocation():
                return Fetched(source.content)

    def _fetch_media(self, source: MediaLocation, note: Note) -> Fetched | Unchanged:
        """What one origin does not find or give, the next may have.

        Beeper's own word is final: it also serves what the media server would. The media server's is not,
        as it only knows what is on disk, so while Beeper is away the image waits.
        """
        final: dict[OriginName, ImageFailedError] = {}
        closed: list[OriginClosedError] = []
        for name, origin in self.sources.media.items():
            try:
                return self._ask(name, origin, source, note)
            except ImageFailedError as error:
                final[name] = error
            except OriginClosedError as error:
                closed.append(error)
        if final and (not closed or OriginName.BEEPER in final):
            raise final.get(OriginName.BEEPER) or next(iter(final.values()))
        raise min(closed, key=lambda error: error.until)

    def _ask(
        self, name: OriginName, origin: MediaOrigin, source: MediaLocation, note: Note
    ) -> Fetched | Unchanged:
        passed = self._pass(name)
        try:
            fetched = _noted(name, partial(origin.fetch, source), note)
        except ImageFailedError:
            self.circuits.succeeded(passed)
            raise
        except OriginDownError as error:
            raise OriginClosedError(self._report(passed, source, error), outage=True) from error
        self.circuits.succeeded(passed)
        return fetched

    def _pass(self, name: OriginName) -> Permit:
        passed = self.circuits.admit(name, now=self.clock())
        while (early := passed.at - self.clock()) > 0:
            self.sleep(early / 1000)
            if self.clock() > passed.at + _LATE:
                passed = self.circuits.admit(name, now=self.clock())
        return passed

    def _report(self, passed: Permit, source: MediaLocation, error: OriginDownError) -> int:
        """Stops everybody if it concerns everybody. Returns when to ask again, in ms."""
        now = self.clock()
        if isinstance(error, OriginFaultyError) and error.retry_after is None:
            return self.circuits.answered_badly(passed, source.key, now=now) or now + _FAULTY_FOR
        cause = Cause.OUTAGE
        if isinstance(error, OriginUnauthorizedError):
            cause = Cause.UNAUTHORIZED
        elif isinstance(error, OriginBusyError):
            cause = Cause.BUSY
        return self.circuits.open(
            passed.origin, cause, now=now, retry_after=error.retry_after, probe=passed.opened_until
        )


def _noted(name: OriginName, fetch: Callable[[], Fetched | Unchanged], note: Note) -> Fetched | Unchanged:
    try:
        fetched = fetch()
    except (ImageFailedError, OriginDownError) as error:
        note(name, str(error))
        raise
    note(name, "unchanged" if isinstance(fetched, Unchanged) else f"{len(fetched.content)} bytes")
    return fetched


def image_sources(*, config: Config, secrets: Mapping[str, str], session: requests.Session) -> ImageSources:
    """The adapters for the configured origins; `secrets` holds those of SECRET_NAMES that exist."""
    headers = access_headers(secrets)
    media: dict[OriginName, MediaOrigin] = {
        OriginName.BEEPER: AssetsServe(
            base_url=config.beeper_url,
            token=secrets.get("beeper-token", ""),
            session=session,
            headers=headers,
        )
    }
    if config.media_server_url:
        media[OriginName.MEDIA_SERVER] = MediaServer(
            base_url=config.media_server_url,
            token=secrets.get("media-server-token", ""),
            session=session,
            headers=headers,
        )
    if config.origin_order is OriginOrder.MEDIA_SERVER_FIRST:
        media = dict(reversed(media.items()))
    return ImageSources(media=media, web=GuardedWeb())
