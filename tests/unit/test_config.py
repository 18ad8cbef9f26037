"""A setting that is missing or malformed is named when a function starts."""

import pytest

from imagecache.config import Config
from imagecache.errors import ConfigError

ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "imagecache",
    "CHATS_TABLE": "chats",
    "PARTICIPANTS_TABLE": "participants",
    "IMAGES_TABLE": "images",
    "CONTACTS_TABLE": "contacts",
    "SYNC_STATE_TABLE": "state",
    "IMAGE_BUCKET": "bucket",
    "IMAGES_QUEUE_URL": "https://queue",
    "DEAD_LETTER_QUEUE_URL": "https://dead",
    "BEEPER_URL": "https://beeper.example",
    "MEDIA_SERVER_URL": "",
    "PUBLIC_BASE_URL": "",
    "SECRETS_PATH": "/imagecache",
    "CLAIM_LEASE_SECONDS": "90",
    "FETCHES_PER_INVOCATION": "5",
    "ORIGIN_ORDER": "beeper-first",
    "ACTIVE_WITHIN_DAYS": "0",
    "REFETCH_MEDIA_AFTER_DAYS": "0",
    "DEFAULT_REGION": "US",
    "WRITES_AT_ONCE": "8",
}


def test_the_environment_becomes_one_frozen_config() -> None:
    config = Config.from_env(ENVIRONMENT)
    assert (config.chats_table, config.claim_lease_seconds, config.media_server_url) == ("chats", 90, "")


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_env({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize("value", ["", "0", "-1", "ninety", "1.5"])
def test_a_number_that_is_not_valid_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="CLAIM_LEASE_SECONDS"):
        Config.from_env(ENVIRONMENT | {"CLAIM_LEASE_SECONDS": value})


def test_an_unknown_order_of_origins_is_named() -> None:
    with pytest.raises(ConfigError, match="ORIGIN_ORDER"):
        Config.from_env(ENVIRONMENT | {"ORIGIN_ORDER": "media-first"})
