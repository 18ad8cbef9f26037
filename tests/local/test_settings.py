"""Settings are checked before anything starts; a wrong one is named in one line, with exit code 2."""

import os
import subprocess
import sys

import pytest

from local.settings import Origin, SettingsError, read_settings
from local.template import ROOT, read_template

TEMPLATE = read_template()
BEEPER = {"BEEPER_URL": "http://127.0.0.1:23373", "BEEPER_TOKEN": "bdapi_x"}


def test_without_settings_the_demo_account_is_served_on_port_8080() -> None:
    settings = read_settings({}, TEMPLATE)
    assert (settings.port, settings.beeper, settings.media_server) == (8080, None, None)


@pytest.mark.parametrize("url", [None, "http://localhost:1234"])
def test_without_a_token_the_address_is_where_a_beeper_can_be_connected(url: str | None) -> None:
    settings = read_settings({"BEEPER_URL": url} if url else {}, TEMPLATE)
    assert (settings.beeper, settings.beeper_url) == (None, url or "http://127.0.0.1:23373")


def test_beeper_and_media_server_are_read_with_their_tokens() -> None:
    media_server = {"MEDIA_SERVER_URL": "https://media.example/", "MEDIA_SERVER_TOKEN": "m"}
    settings = read_settings({"PORT": "9000", **BEEPER, **media_server}, TEMPLATE)
    assert settings.port == 9000
    assert settings.beeper == Origin("http://127.0.0.1:23373", "bdapi_x")
    assert settings.media_server == Origin("https://media.example", "m")


def test_a_token_alone_means_beeper_desktop_on_this_machine() -> None:
    settings = read_settings({"BEEPER_TOKEN": "bdapi_x"}, TEMPLATE)
    assert settings.beeper == Origin("http://127.0.0.1:23373", "bdapi_x")


def test_dex_and_the_media_server_are_kept_for_a_beeper_that_is_connected_later() -> None:
    media_server = {"MEDIA_SERVER_URL": "https://media.example", "MEDIA_SERVER_TOKEN": "m"}
    settings = read_settings({**media_server, "DEX_API_KEY": "d3x", "DEFAULT_REGION": "AU"}, TEMPLATE)
    assert (settings.dex_key, settings.default_region) == ("d3x", "AU")
    assert settings.media_server == Origin("https://media.example", "m")


def test_former_pictures_are_treated_as_the_person_says_or_as_the_template_does() -> None:
    assert read_settings({"FORMER_PICTURES": "keep"}, TEMPLATE).former_pictures == "keep"
    assert read_settings({}, TEMPLATE).former_pictures is None


def test_the_url_for_owners_of_web_servers_is_optional() -> None:
    settings = read_settings({"CONTACT_URL": "mailto:me@example.com"}, TEMPLATE)
    assert settings.contact_url == "mailto:me@example.com"
    assert read_settings({"CONTACT_URL": " "}, TEMPLATE).contact_url is None


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"DEFAULT_REGION": "Australia"}, "DEFAULT_REGION"),
        ({"DEFAULT_REGION": "XX"}, "DEFAULT_REGION"),
        ({"FORMER_PICTURES": "hide"}, "FORMER_PICTURES"),
        ({"DEFAULT_REGION": "au"}, "DEFAULT_REGION"),
        ({"CONTACT_URL": "me@example.com"}, "CONTACT_URL"),
        ({"RESTORE": "/no/such/folder"}, "RESTORE"),
        ({"CONTACT_URL": "https://example.com/\r\nX-Header: 1"}, "CONTACT_URL"),
        ({"PORT": "65536"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"PORT": "८०८०"}, "PORT"),
        ({"BEEPER_URL": "http://192.168.1.2:23373"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_TOKEN": "two words"}, "BEEPER_TOKEN"),
        ({**BEEPER, "BEEPER_TOKEN": "naïve"}, "BEEPER_TOKEN"),
        ({**BEEPER, "BEEPER_URL": "127.0.0.1:23373"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "ftp://127.0.0.1"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "http://192.168.1.2:23373"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "http://127.0.0.1:99999"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "https://beeper.example/v1"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "https://me@beeper.example"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "https://beeper.example:port"}, "BEEPER_URL"),
        ({**BEEPER, "BEEPER_URL": "https://"}, "BEEPER_URL"),
        ({**BEEPER, "MEDIA_SERVER_URL": "https://media.example"}, "MEDIA_SERVER_TOKEN"),
        ({**BEEPER, "MEDIA_SERVER_TOKEN": "x"}, "MEDIA_SERVER_URL"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(environment: dict[str, str], variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment, TEMPLATE)
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


def test_make_run_names_a_wrong_variable_and_exits_with_2() -> None:
    environment = {**os.environ, "MEDIA_SERVER_URL": "http://127.0.0.1:8000"}
    ended = subprocess.run(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "MEDIA_SERVER_TOKEN" in ended.stderr
