"""Every kind of source → the adapter made for it; there is no generic opener."""

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from imagecache.config import Config
from imagecache.model import OriginName, OriginOrder
from imagecache.sources.beeper_images import AssetsServe, MediaOrigin, MediaServer
from imagecache.sources.web_images import GuardedWeb

SECRET_NAMES = ("beeper-token", "media-server-token", "cf-access-client-id", "cf-access-client-secret")


@dataclass(frozen=True, slots=True)
class ImageSources:
    """`media` in the order in which they are asked for what lies in Beeper's media folder."""

    media: Mapping[OriginName, MediaOrigin]
    web: GuardedWeb


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


def access_headers(secrets: Mapping[str, str]) -> dict[str, str]:
    """What Cloudflare Access wants of a service before its tunnel lets it through; empty without it."""
    client_id = secrets.get("cf-access-client-id")
    client_secret = secrets.get("cf-access-client-secret")
    if not (client_id and client_secret):
        return {}
    return {"CF-Access-Client-Id": client_id, "CF-Access-Client-Secret": client_secret}
