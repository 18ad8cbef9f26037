"""Any source → its bytes, through the one adapter made for its kind; there is no generic opener."""

from collections.abc import Callable

import requests

from imagecache.config import Config
from imagecache.identity import DataSource, MediaSource, Source, WebSource
from imagecache.sources.beeper_images import AssetsServe, EitherOrigin, MediaOrigin, MediaServer
from imagecache.sources.web_images import GuardedWeb


class ImageSources:
    """`fetch(source)` for every kind of source there is."""

    def __init__(self, *, media: MediaOrigin, web: GuardedWeb) -> None:
        self._media = media
        self._web = web

    def fetch(self, source: Source) -> bytes:
        """Raises ImageFailedError, OriginDownError, OriginUnauthorizedError."""
        match source:
            case MediaSource():
                return self._media.fetch(source)
            case WebSource():
                return self._web.fetch(source)
            case DataSource():
                return source.content


def image_sources(*, config: Config, secret: Callable[[str], str], session: requests.Session) -> ImageSources:
    """Beeper first, then the media server if there is one; tokens are read anew: they may be rotated."""
    origins: list[MediaOrigin] = [
        AssetsServe(base_url=config.beeper_url, token=secret("beeper-token"), session=session)
    ]
    if config.media_server_url:
        token = secret("media-server-token")
        origins.append(MediaServer(base_url=config.media_server_url, token=token, session=session))
    return ImageSources(media=EitherOrigin(origins), web=GuardedWeb())
