"""The environment that the template gives its functions, with made-up names for what AWS would name."""

from typing import Any

from imagecache.config import Config
from imagecache.model.image import OriginOrder
from local.template import parameter_values


def made_settings(template: dict[str, Any], function: str | None = None) -> dict[str, str]:
    """Literals as written, parameters by their defaults, everything else `made`; with the function's own."""
    defaults = parameter_values(template, {})
    variables = dict(template["Globals"]["Function"]["Environment"]["Variables"])
    if function:
        own = template["Resources"][function]["Properties"].get("Environment", {})
        variables |= own.get("Variables", {})
    return {name: _made(value, defaults) for name, value in variables.items()}


def _made(value: Any, defaults: dict[str, str]) -> str:
    if isinstance(value, dict):
        return defaults.get(value.get("Ref", ""), "made")
    return str(value)


def made_config(**settings: Any) -> Config:
    """A configuration whose tables are named as the template's resources; `settings` replace parts of it."""
    defaults: dict[str, Any] = {
        "service": "imagecache",
        "chats_table": "BeeperChatsTable",
        "participants_table": "ChatParticipantsTable",
        "images_table": "CachedImagesTable",
        "contacts_table": "ContactsTable",
        "sync_state_table": "SyncStateTable",
        "image_bucket": "images",
        "images_queue_url": "images",
        "dead_letter_queue_url": "dead",
        "beeper_url": "http://127.0.0.1:1",
        "media_server_url": "",
        "public_base_url": "",
        "secrets_path": "/imagecache",
        "claim_lease_seconds": 90,
        "fetches_per_invocation": 5,
        "origin_order": OriginOrder.BEEPER_FIRST,
        "active_within_days": 0,
        "refetch_media_after_days": 0,
        "default_region": "GB",
        # moto is not thread-safe.
        "writes_at_once": 1,
    }
    return Config(**(defaults | settings))
