"""Bad settings: one line that names the variable, and exit code 2 before anything starts."""

import os
import subprocess
import sys

import pytest

from local.settings import Origin, SettingsError, read_settings
from local.template import ROOT, read_template

TEMPLATE = read_template()
BEEPER = {"BEEPER_URL": "http://127.0.0.1:23373", "BEEPER_TOKEN": "bdapi_x"}


def test_nothing_set_means_the_demo_account_on_8080() -> None:
    settings = read_settings({}, TEMPLATE)
    assert (settings.port, settings.beeper, settings.media_server) == (8080, None, None)


def test_own_beeper_and_media_server() -> None:
    media_server = {"MEDIA_SERVER_URL": "https://media.example/", "MEDIA_SERVER_TOKEN": "m"}
    settings = read_settings({"PORT": "9000", **BEEPER, **media_server}, TEMPLATE)
    assert settings.port == 9000
    assert settings.beeper == Origin("http://127.0.0.1:23373", "bdapi_x")
    assert settings.media_server == Origin("https://media.example", "m")


def test_own_contacts() -> None:
    settings = read_settings({**BEEPER, "DEX_API_KEY": "d3x", "DEFAULT_REGION": "AU"}, TEMPLATE)
    assert (settings.dex_key, settings.default_region) == ("d3x", "AU")
    assert read_settings({"DEX_API_KEY": "d3x"}, TEMPLATE).dex_key is None, "the demo account has its own"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"DEFAULT_REGION": "Australia"}, "DEFAULT_REGION"),
        ({"PORT": "65536"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"PORT": "८०८०"}, "PORT"),
        ({"BEEPER_URL": BEEPER["BEEPER_URL"]}, "BEEPER_TOKEN"),
        ({"BEEPER_TOKEN": "x"}, "BEEPER_URL"),
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
        ({"MEDIA_SERVER_URL": "https://media.example", "MEDIA_SERVER_TOKEN": "x"}, "BEEPER_URL"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment, TEMPLATE)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_says_so_and_exits_with_2() -> None:
    environment = {**os.environ, "BEEPER_URL": "http://127.0.0.1:23373"}
    ended = subprocess.run(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "BEEPER_TOKEN" in ended.stderr
