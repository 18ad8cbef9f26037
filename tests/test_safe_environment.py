"""What tests/conftest.py promises to every other test."""

import os
import socket
from pathlib import Path

import boto3
import pytest
import requests
from requests.exceptions import ConnectionError as NotListening


@pytest.fixture
def expected_attempts(outside_connections: list[str]) -> list[str]:
    return outside_connections


def test_there_is_a_region_and_no_account_of_anybody() -> None:
    session = boto3.session.Session()
    credentials = session.get_credentials()

    assert session.region_name == "eu-west-1"
    assert credentials is not None
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("testing", "testing", None)


def test_no_setting_of_the_developer_reaches_a_test() -> None:
    settings = {name for name in os.environ if name.startswith(("AWS_", "BEEPER_", "MEDIA_SERVER_"))}

    assert settings == {
        "AWS_ACCESS_KEY_ID",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_MAX_ATTEMPTS",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SHARED_CREDENTIALS_FILE",
    }


def test_connecting_to_another_machine_is_a_failure_that_no_outage_handling_hides(
    expected_attempts: list[str],
) -> None:
    with pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        requests.get("http://192.0.2.1/", timeout=1)

    assert expected_attempts == ["192.0.2.1"]
    expected_attempts.clear()


def test_looking_up_another_machine_is_a_failure(expected_attempts: list[str]) -> None:
    with pytest.raises(AssertionError, match=r"pictures\.invalid"):
        requests.get("https://pictures.invalid/", timeout=1)

    assert expected_attempts == ["pictures.invalid"]
    expected_attempts.clear()


def test_a_caught_connection_fails_the_test_all_the_same(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)  # its rule reads the settings of a project
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    pytester.makepyfile(
        """
        import socket

        def test_swallows_everything():
            try:
                socket.create_connection(("192.0.2.1", 80), timeout=1)
            except BaseException:
                pass
        """
    )

    outcomes = pytester.runpytest_subprocess("-p", "tests.conftest").parseoutcomes()

    assert outcomes == {"passed": 1, "errors": 1}


def test_this_machine_itself_may_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port), timeout=5) as client:
            assert client.getpeername() == ("127.0.0.1", port)

    with pytest.raises(NotListening):
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)
