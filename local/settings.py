"""Environment variables → Settings, or one line that says which variable is wrong and what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from local.template import Template


class SettingsError(Exception):
    """A variable is missing or malformed; the message names it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server that knows pictures, with the token it wants."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Origins:
    """Where a stack gets chats, pictures and contacts from."""

    beeper: Origin
    media_server: Origin | None
    dex: Origin | None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may choose. Without `beeper` the demo account plays its part."""

    port: int
    beeper: Origin | None
    media_server: Origin | None
    allowed_origins: tuple[str, ...] = ()
    default_region: str | None = None
    dex_key: str | None = None


def read_settings(environment: Mapping[str, str], template: Template) -> Settings:
    """The settings, checked by the patterns that AWS will check them by."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    beeper = _origin(given, "BEEPER", template["Parameters"]["BeeperUrl"])
    media_server = _origin(given, "MEDIA_SERVER", template["Parameters"]["MediaServerUrl"])
    if media_server and not beeper:
        raise SettingsError("MEDIA_SERVER_URL goes with a Beeper: set BEEPER_URL and BEEPER_TOKEN too")
    return Settings(
        port=_port(given.get("PORT", "8080")),
        beeper=beeper,
        media_server=media_server,
        allowed_origins=_allowed_origins(given.get("ALLOWED_ORIGINS", "")),
        default_region=_default_region(given.get("DEFAULT_REGION"), template["Parameters"]["DefaultRegion"]),
        dex_key=given.get("DEX_API_KEY") if beeper else None,
    )


def _allowed_origins(text: str) -> tuple[str, ...]:
    origins = tuple(one.strip() for one in text.split(",") if one.strip())
    for origin in origins:
        if not re.fullmatch(r"https?://[^/?#@,\s]+", origin):
            wanted = "addresses without a path, like http://localhost:3000"
            raise SettingsError(f"ALLOWED_ORIGINS must list {wanted}, not {origin[:40]!r}")
    return origins


def _default_region(text: str | None, parameter: Mapping[str, str]) -> str | None:
    if text and not re.fullmatch(parameter["AllowedPattern"], text):
        raise SettingsError(f"DEFAULT_REGION {parameter['ConstraintDescription']}, not {text[:40]!r}")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise SettingsError(f"PORT must be a number from 1 to 65535, not {text[:40]!r}: try PORT=8080")
    return int(text)


def _origin(given: Mapping[str, str], prefix: str, parameter: Mapping[str, str]) -> Origin | None:
    url, token = given.get(f"{prefix}_URL"), given.get(f"{prefix}_TOKEN")
    if url is None and token is None:
        return None
    if url is None:
        raise SettingsError(f"{prefix}_TOKEN is set without {prefix}_URL: set both, or neither")
    url = url.removesuffix("/")
    if not re.fullmatch(parameter["AllowedPattern"], url) or not _has_host(url):
        raise SettingsError(f"{prefix}_URL {parameter['ConstraintDescription']}, like http://127.0.0.1:23373")
    if token is None:
        raise SettingsError(
            f"{prefix}_URL is set without {prefix}_TOKEN: set {prefix}_TOKEN to its access token"
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise SettingsError(f"{prefix}_TOKEN holds spaces or characters that no token has: copy it again")
    return Origin(url, token)


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:  # a port that is no number, or above 65535
        return False
