"""Settings of a deployment: what is wrong is named before anything is built."""

import os

import pytest

from deployment.release import main
from deployment.settings import read_stack_name
from local.template import read_template

GOOD = {"STACK": "imagecache", "AWS_REGION": "eu-west-1", "BEEPER_URL": "https://beeper.example"}


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the settings of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"STACK": ""}, "STACK must be set"),
        ({"STACK": "1 stack"}, "STACK must be set"),
        ({"STACK": "aws-cache"}, "STACK must be set to the name of the stack: at most 48"),  # SSM's rule
        ({"STACK": "SSMcache"}, "STACK must be set"),
        ({"STACK": "a" * 49}, "STACK must be set"),  # CloudFront's names end at 64 characters
        ({"AWS_REGION": ""}, "no AWS region is known: set AWS_REGION"),
        ({"AWS_REGION": "eu-west"}, "'eu-west' is not a commercial AWS region"),
        ({"AWS_REGION": "us-gov-west-1"}, "'us-gov-west-1' is not a commercial AWS region"),
        ({"BEEPER_URL": "http://beeper.example"}, "BEEPER_URL must be an https address"),
        ({"BEEPER_URL": "https://user:secret@beeper.example"}, "BEEPER_URL must be"),
        ({"PARAMETERS": "BeeperURL=https://a.example"}, "PARAMETERS must be Name=value pairs of the"),
        ({"PARAMETERS": "SyncState"}, "PARAMETERS must be Name=value pairs"),
        ({"PARAMETERS": "SyncState='ENABLED"}, "PARAMETERS cannot be read"),
        ({"PARAMETERS": "SyncState=OFF"}, "SyncState must be one of ENABLED, DISABLED, not 'OFF'"),
        ({"PARAMETERS": "DefaultRegion=XX"}, "DefaultRegion must be the code of a country"),
        (
            {"PARAMETERS": "CacherTimeoutSeconds=60.5"},
            "CacherTimeoutSeconds must be a whole number from 1 to 900",
        ),
        (
            {"PARAMETERS": "CacherTimeoutSeconds=901"},
            "CacherTimeoutSeconds must be a whole number from 1 to 900",
        ),
        ({"PARAMETERS": "ActiveWithinDays=90.5"}, "ActiveWithinDays must be a whole number of days"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    change: dict[str, str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert main("deploy", ["false"]) == 2
    errors = capsys.readouterr().err
    assert complaint in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("name", ["a" * 48, "imagecache", "my-Cache-2"])
def test_the_longest_names_fit_into_what_aws_allows(name: str) -> None:
    """CloudFront allows 64 characters for an origin access control, and the longest region has 14.

    It documents no limit for the names of policies, which are up to 7 characters longer.
    """
    assert read_stack_name({"STACK": name}) == name
    resources = read_template()["Resources"]
    pattern = resources["OriginAccess"]["Properties"]["OriginAccessControlConfig"]["Name"]["Fn::Sub"]
    longest = pattern.replace("${AWS::StackName}", name).replace("${AWS::Region}", "ap-southeast-1")
    assert len(longest) <= 64
