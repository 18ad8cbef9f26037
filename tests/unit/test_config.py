"""A setting that is missing or malformed is named when a function starts."""

import pytest

from imagecache.config import Config
from imagecache.errors import ConfigError
from tests.settings import ENVIRONMENT


def test_the_environment_becomes_one_frozen_config() -> None:
    config = Config.from_env(ENVIRONMENT)
    assert config.chats_table == ENVIRONMENT["CHATS_TABLE"]
    assert (config.claim_lease_seconds, config.media_server_url) == (90, "")


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


@pytest.mark.parametrize(
    "url", ["", "https://example.com/~ada?about=1", "http://a.example", "mailto:ada@example.com"]
)
def test_the_owner_may_give_a_url_for_owners_of_web_servers(url: str) -> None:
    assert Config.from_env(ENVIRONMENT | {"CONTACT_URL": url}).contact_url == url


@pytest.mark.parametrize(
    "url",
    [
        "ada@example.com",
        "example.com",
        "ftp://example.com",
        "javascript:x",
        "https://",
        "mailto:",
        "https://example.com/a b",
        "https://example.com/\r\nX-Header: 1",
        "https://example.com\n",
        "mailto:a@b.c\r",
        "https://example.com/)",
        "https://example.com/\\",
        "https://ex\u00e4mple.com",
        "https://example.com/" + "a" * 200,
    ],
    ids=ascii,
)
def test_a_url_for_owners_of_web_servers_that_is_no_header_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="CONTACT_URL"):
        Config.from_env(ENVIRONMENT | {"CONTACT_URL": url})
