"""The settings of the functions, read from the environment variables that template.yaml sets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagecache.errors import ConfigError
from imagecache.model.agent import Source
from imagecache.model.image import OriginOrder
from imagecache.model.person import FormerPictures

if TYPE_CHECKING:
    from imagecache.model.job import JobKind

# A comment of a User-Agent header may have no parentheses, and no line may end in it.
_CONTACT_URL = re.compile(r"(?:https?://|mailto:)[A-Za-z0-9._~:/?#@!$&'*+,;=%-]{1,200}")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of every function; template.yaml describes each one.

    `service` is the name of the stack, and `source` how it gets at Beeper. `media_server_url` is empty if
    there is no media server; `public_base_url` is empty if the page and the pictures have the same address;
    `contact_url` is empty if web servers learn no address of the owner.
    """

    service: str
    source: Source
    chats_table: str
    participants_table: str
    images_table: str
    contacts_table: str
    sync_state_table: str
    image_bucket: str
    images_queue_url: str
    sync_requests_queue_url: str
    dead_letter_queue_url: str
    beeper_url: str
    media_server_url: str
    public_base_url: str
    secrets_path: str
    claim_lease_seconds: int
    fetches_per_invocation: int
    origin_order: OriginOrder
    active_within_days: int
    refetch_media_after_days: int
    default_region: str
    contact_url: str
    former_pictures: FormerPictures
    writes_at_once: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """Reads the settings. Raises ConfigError, with the name of the variable, if one is not valid."""
        return cls(
            service=_required(environ, "POWERTOOLS_SERVICE_NAME"),
            source=_source(environ),
            chats_table=_required(environ, "CHATS_TABLE"),
            participants_table=_required(environ, "PARTICIPANTS_TABLE"),
            images_table=_required(environ, "IMAGES_TABLE"),
            contacts_table=_required(environ, "CONTACTS_TABLE"),
            sync_state_table=_required(environ, "SYNC_STATE_TABLE"),
            image_bucket=_required(environ, "IMAGE_BUCKET"),
            images_queue_url=_required(environ, "IMAGES_QUEUE_URL"),
            sync_requests_queue_url=_required(environ, "SYNC_REQUESTS_QUEUE_URL"),
            dead_letter_queue_url=_required(environ, "DEAD_LETTER_QUEUE_URL"),
            beeper_url=_required(environ, "BEEPER_URL"),
            media_server_url=_setting(environ, "MEDIA_SERVER_URL"),
            public_base_url=_setting(environ, "PUBLIC_BASE_URL"),
            secrets_path=_required(environ, "SECRETS_PATH"),
            origin_order=_origin_order(environ),
            claim_lease_seconds=_whole(environ, "CLAIM_LEASE_SECONDS", least=1),
            fetches_per_invocation=_whole(environ, "FETCHES_PER_INVOCATION", least=1),
            active_within_days=_whole(environ, "ACTIVE_WITHIN_DAYS", least=0),
            refetch_media_after_days=_whole(environ, "REFETCH_MEDIA_AFTER_DAYS", least=0),
            default_region=_setting(environ, "DEFAULT_REGION"),
            contact_url=_contact_url(environ),
            former_pictures=_former_pictures(environ),
            writes_at_once=_whole(environ, "WRITES_AT_ONCE", least=1),
        )


@dataclass(frozen=True, slots=True)
class JobFunctions:
    """The additional settings of functions/admin: the name of the function for each kind of job."""

    by_kind: Mapping["JobKind", str]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "JobFunctions":
        """Reads the settings. Raises ConfigError, which names the variable that is missing or empty."""
        # Only functions/admin needs the kinds of jobs; the others would import them in each cold start.
        from imagecache.model.job import JOB_TYPES  # noqa: PLC0415 - see the comment above

        return cls({kind: _required(environ, job_type.worker.value) for kind, job_type in JOB_TYPES.items()})


@dataclass(frozen=True, slots=True)
class DexSettings:
    """The additional settings of functions/contacts.

    `key_parameter` is the name of the SSM parameter with Dex's API key, empty if Dex is not configured.
    `sync_function` is the name of functions/sync, which links imported contacts with members.
    """

    url: str
    key_parameter: str
    sync_function: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "DexSettings":
        """Reads the settings. Raises ConfigError, which names the variable that is missing or empty."""
        return cls(
            url=_required(environ, "DEX_URL"),
            key_parameter=_setting(environ, "DEX_API_KEY_PARAMETER"),
            sync_function=_required(environ, "SYNC_FUNCTION"),
        )


def _setting(environ: Mapping[str, str], name: str) -> str:
    """Returns a setting that may be empty. Raises ConfigError if the variable is not set."""
    if name not in environ:
        raise ConfigError(f"environment variable {name} is not set")
    return environ[name]


def _required(environ: Mapping[str, str], name: str) -> str:
    """Returns a setting that must not be empty. Raises ConfigError if it is empty or not set."""
    if not _setting(environ, name):
        raise ConfigError(f"environment variable {name} is empty")
    return environ[name]


def _whole(environ: Mapping[str, str], name: str, *, least: int) -> int:
    """Returns a setting as a number. Raises ConfigError if it is not a whole number of at least `least`."""
    value = _required(environ, name)
    if not value.isdecimal() or int(value) < least:
        raise ConfigError(
            f"environment variable {name} must be a whole number of at least {least}, not {value!r}"
        )
    return int(value)


def _source(environ: Mapping[str, str]) -> Source:
    """Returns how the stack gets at Beeper. Raises ConfigError if it is not one of Source."""
    value = _required(environ, "SOURCE")
    if value not in set(Source):
        raise ConfigError(f"environment variable SOURCE must be one of {', '.join(Source)}")
    return Source(value)


def _origin_order(environ: Mapping[str, str]) -> OriginOrder:
    """Returns the order of Beeper and the media server. Raises ConfigError if it is not an OriginOrder."""
    value = _required(environ, "ORIGIN_ORDER")
    if value not in set(OriginOrder):
        raise ConfigError(f"environment variable ORIGIN_ORDER must be one of {', '.join(OriginOrder)}")
    return OriginOrder(value)


def _contact_url(environ: Mapping[str, str]) -> str:
    """Returns the URL for owners of web servers, or an empty text. Raises ConfigError if it is not valid."""
    value = _setting(environ, "CONTACT_URL")
    if value and not _CONTACT_URL.fullmatch(value):
        raise ConfigError(
            "environment variable CONTACT_URL must be empty, or an https, http or mailto URL without blanks"
            f" and parentheses, not {value!r}"
        )
    return value


def _former_pictures(environ: Mapping[str, str]) -> FormerPictures:
    """Returns how former pictures are treated. Raises ConfigError if it is not one of FormerPictures."""
    value = _required(environ, "FORMER_PICTURES")
    if value not in set(FormerPictures):
        raise ConfigError(f"environment variable FORMER_PICTURES must be one of {', '.join(FormerPictures)}")
    return FormerPictures(value)
