"""Fetches the bytes of an image: from the origins of Beeper's media in their order, or from the web."""

from collections.abc import Mapping
from dataclasses import dataclass

from imagecache.errors import ImageFailedError, OriginClosedError, OriginDownError
from imagecache.model.image import Fetched, OriginName, Unchanged, Validators
from imagecache.rules.source_urls import DataLocation, ImageLocation, MediaLocation, WebLocation
from imagecache.sources.beeper.images import MediaOrigin
from imagecache.sources.web_images import GuardedWeb
from imagecache.usecases.caching.ask_origin import AnswerLog, OriginGate


@dataclass(frozen=True, slots=True)
class ImageSources:
    """The servers that have images. `media` is in the order in which the origins are asked."""

    media: Mapping[OriginName, MediaOrigin]
    web: GuardedWeb


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
