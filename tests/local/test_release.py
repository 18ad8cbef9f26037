"""`make deploy` says what is missing before anything is built; tokens never appear on a command line."""

import getpass

import boto3
import pytest
from moto import mock_aws

from deployment.release import main

GOOD = {"STACK": "imagecache", "BEEPER_URL": "https://beeper.example"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"STACK": ""}, "STACK must be set"),
        ({"STACK": "1 stack"}, "STACK must be set"),
        ({"BEEPER_URL": ""}, "BEEPER_URL must be set"),
        ({"BEEPER_URL": "http://beeper.example"}, "BEEPER_URL must be set, an https address"),
        ({"BEEPER_URL": "https://user:secret@beeper.example"}, "BEEPER_URL must be set"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    change: dict[str, str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (GOOD | change).items():
        monkeypatch.setenv(name, value)
    assert main("deploy", ["false"]) == 2
    errors = capsys.readouterr().err
    assert complaint in errors
    assert errors.count("\n") == 1


def test_secrets_are_typed_unseen_and_stored_as_secure_strings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK", "imagecache")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "s3cret" if "Beeper" in prompt else "")
    with mock_aws():
        assert main("secrets", []) == 0
        stored = boto3.client("ssm").get_parameters_by_path(Path="/imagecache", WithDecryption=True)
    assert [(entry["Name"], entry["Type"], entry["Value"]) for entry in stored["Parameters"]] == [
        ("/imagecache/beeper-token", "SecureString", "s3cret")
    ]
    assert "s3cret" not in "".join(capsys.readouterr())
