"""The environment variables of the functions, for tests: one set on its own, and those of a template."""

from dataclasses import replace
from typing import Any

from imagecache.config import Config
from local.template import parameter_values

# Tables are named as in the template; see tests/tables.py.
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "imagecache",
    "CHATS_TABLE": "BeeperChatsTable",
    "PARTICIPANTS_TABLE": "ChatParticipantsTable",
    "IMAGES_TABLE": "CachedImagesTable",
    "CONTACTS_TABLE": "ContactsTable",
    "SYNC_STATE_TABLE": "SyncStateTable",
    "IMAGE_BUCKET": "images",
    "SOURCE": "tunnel",
    "IMAGES_QUEUE_URL": "images",
    "SYNC_REQUESTS_QUEUE_URL": "sync-requests",
    "DEAD_LETTER_QUEUE_URL": "dead",
    "BEEPER_URL": "http://127.0.0.1:1",
    "MEDIA_SERVER_URL": "",
    "PUBLIC_BASE_URL": "",
    "SECRETS_PATH": "/imagecache",
    "CLAIM_LEASE_SECONDS": "90",
    "FETCHES_PER_INVOCATION": "5",
    "ORIGIN_ORDER": "beeper-first",
    "ACTIVE_WITHIN_DAYS": "0",
    "REFETCH_MEDIA_AFTER_DAYS": "0",
    "DEFAULT_REGION": "GB",
    "CONTACT_URL": "",
    "FORMER_PICTURES": "show",
    "WRITES_AT_ONCE": "1",  # moto is not thread-safe
}


def config_with(**changes: Any) -> Config:
    """Returns the configuration that `ENVIRONMENT` gives, with some fields changed."""
    return replace(Config.from_env(ENVIRONMENT), **changes)


def template_settings(template: dict[str, Any], function: str | None = None) -> dict[str, str]:
    """Returns the variables that a template gives to all functions, or to the named one.

    Parameters have their defaults; names that AWS would generate are replaced by `made`.
    """
    defaults = parameter_values(template, {})
    variables = dict(template["Globals"]["Function"]["Environment"]["Variables"])
    if function:
        own = template["Resources"][function]["Properties"].get("Environment", {})
        variables |= own.get("Variables", {})
    return {name: _resolve(value, defaults) for name, value in variables.items()}


def _resolve(value: Any, defaults: dict[str, str]) -> str:
    if isinstance(value, dict):
        return defaults.get(value.get("Ref", ""), "made")
    return str(value)
