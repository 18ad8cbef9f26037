"""Reads the settings of `make run` from environment variables, and checks them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.template import Template

_DEFAULT_PORT = "8080"
_SHOWN_LENGTH = 40  # the number of characters of a wrong value that a message contains


class SettingsError(Exception):
    """A variable is missing or wrong. The message is one line with its name and what to do."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server to read from, and the token that it requires."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origins:
    """The servers from which a stack gets chats, pictures and contacts."""

    beeper: Origin
    media_server: Origin | None
    dex: Origin | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a stack.

    `beeper` is the Beeper whose token was given, or None. A person may connect the Beeper at `beeper_url`. If
    there is neither, the stack shows the demo account, which has its own media server and contacts.
    `restore` is the folder of a backup to restore before the first sync.
    """

    port: int
    beeper: Origin | None
    beeper_url: str
    media_server: Origin | None
    allowed_origins: tuple[str, ...] = ()
    default_region: str | None = None
    contact_url: str | None = None
    former_pictures: str | None = None
    restore: Path | None = None
    dex_key: str | None = field(default=None, repr=False)


def read_settings(environment: Mapping[str, str], template: Template) -> Settings:
    """Reads the settings, and checks them with the patterns of the template's parameters, like AWS.

    An empty variable counts as not set. Raises SettingsError.
    """
    values = {name: value.strip() for name, value in environment.items() if value.strip()}
    parameters = template["Parameters"]
    beeper_url = _url(values, "BEEPER", parameters["BeeperUrl"])
    beeper_token = _token(values, "BEEPER")
    return Settings(
        port=_port(values.get("PORT", _DEFAULT_PORT)),
        beeper=Origin(beeper_url, beeper_token) if beeper_token else None,
        beeper_url=beeper_url,
        media_server=_media_server(values, parameters["MediaServerUrl"]),
        allowed_origins=_allowed_origins(values.get("ALLOWED_ORIGINS", "")),
        default_region=_default_region(values.get("DEFAULT_REGION")),
        contact_url=_contact_url(values.get("CONTACT_URL"), parameters["ContactUrl"]),
        former_pictures=_former_pictures(values.get("FORMER_PICTURES"), parameters["FormerPictures"]),
        restore=_backup_folder(values.get("RESTORE")),
        dex_key=values.get("DEX_API_KEY"),
    )


def _allowed_origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not re.fullmatch(r"https?://[^/?#@,\s]+", origin):
            raise SettingsError(
                "ALLOWED_ORIGINS must list addresses without a path, like http://localhost:3000,"
                f" not {_shown(origin)}"
            )
    return origins


def _default_region(text: str | None) -> str | None:
    if text is not None:
        check_region(text, name="DEFAULT_REGION")
    return text


def check_region(text: str, *, name: str) -> None:
    """Raises SettingsError if the setting with this name is not a country that has phone numbers."""
    import phonenumbers  # noqa: PLC0415 - takes 0.06 s, and few need it

    if text not in phonenumbers.SUPPORTED_REGIONS:
        raise SettingsError(
            f"{name} must be the code of a country in two capital letters, like GB or US, not {_shown(text)}"
        )


def _contact_url(text: str | None, parameter: Mapping[str, Any]) -> str | None:
    if text is not None and not re.fullmatch(parameter["AllowedPattern"], text):
        raise SettingsError(f"CONTACT_URL {parameter['ConstraintDescription']}, not {_shown(text)}")
    return text


def _former_pictures(text: str | None, parameter: Mapping[str, Any]) -> str | None:
    choices: list[str] = parameter["AllowedValues"]
    if text is not None and text not in choices:
        raise SettingsError(f"FORMER_PICTURES must be one of {', '.join(choices)}, not {_shown(text)}")
    return text


def _backup_folder(text: str | None) -> Path | None:
    if text is None:
        return None
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise SettingsError(f"RESTORE must be the folder of a backup, and there is no folder {_shown(text)}")
    return folder


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise SettingsError(f"PORT must be a number from 1 to 65535, like 8080, not {_shown(text)}")
    return int(text)


# Valid addresses, by the prefix of their variables.
_EXAMPLES = {"BEEPER": "http://127.0.0.1:23373", "MEDIA_SERVER": "http://127.0.0.1:8000"}


def _media_server(values: Mapping[str, str], parameter: Mapping[str, str]) -> Origin | None:
    url, token = values.get("MEDIA_SERVER_URL"), _token(values, "MEDIA_SERVER")
    if url is None and token is None:
        return None
    if url is None:
        raise SettingsError("MEDIA_SERVER_TOKEN is set without MEDIA_SERVER_URL: set MEDIA_SERVER_URL, too")
    if token is None:
        raise SettingsError("MEDIA_SERVER_URL is set without MEDIA_SERVER_TOKEN: set MEDIA_SERVER_TOKEN, too")
    return Origin(_url(values, "MEDIA_SERVER", parameter), token)


def _url(values: Mapping[str, str], prefix: str, parameter: Mapping[str, str]) -> str:
    """Returns the variable `<prefix>_URL`, or the default value of the template's parameter."""
    url = values.get(f"{prefix}_URL", parameter["Default"]).removesuffix("/")
    if not re.fullmatch(parameter["AllowedPattern"], url) or not _has_valid_host(url):
        raise SettingsError(f"{prefix}_URL {parameter['ConstraintDescription']}, like {_EXAMPLES[prefix]}")
    return url


def _token(values: Mapping[str, str], prefix: str) -> str | None:
    token = values.get(f"{prefix}_TOKEN")
    if token is not None and not is_token(token):
        raise SettingsError(f"{prefix}_TOKEN contains characters that no token has: copy it again")
    return token


def is_token(text: str) -> bool:
    """Returns True if the text has only characters that a token may have in a header."""
    return bool(re.fullmatch(r"[!-~]+", text))


def _has_valid_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:  # the port is not a number, or above 65535
        return False


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_LENGTH])
