"""`make deploy` as far as the embedded engine goes: SAM's own deployment, tokens, page, address."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.engine import running_engine
from tools.environment import ensure_environment

ROOT = Path(__file__).parent.parent.parent
# What is built once for all these tests is deployed, instead of being built once more.
SAM = """
import os, sys
sam, template, config, verb, *rest = sys.argv[1:]
if verb == "deploy":
    os.execv(sam, [sam, "-m", "samcli", verb, "-t", template, "--config-file", config, *rest])
"""


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory, build: Path) -> list[str]:
    script = tmp_path_factory.mktemp("sam") / "sam.py"
    script.write_text(SAM)
    files = [script, ensure_environment("sam"), build / "template.yaml", ROOT / "samconfig.toml"]
    return [sys.executable, *map(str, files)]


def release(environment: dict[str, str], *command: str) -> str:
    """What it says on stdout, all of it good."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "deployment.release", *command],
        cwd=ROOT,
        env=environment,
        input="b33per\n\n\n\n\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,  # no terminal to ask for secrets at
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_a_deployment_makes_tokens_once_and_puts_the_page_in_its_bucket(
    tmp_path: Path, sam: list[str]
) -> None:
    with running_engine(tmp_path / "engine") as engine:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            **engine.environment,
            "SAM_CLI_TELEMETRY": "0",
            "STACK": "deployed",
            "BEEPER_URL": "https://beeper.example",
        }
        chosen = {"PARAMETERS": 'AlarmEmail=me@example.com CleanupSchedule="rate(1 day)"'}
        ready, admin = release(environment | chosen, "deploy", *sam).splitlines()[-2:]
        address, _, token = ready.removeprefix("ready ").partition("/#token=")
        ssm = boto3.client("ssm", **engine.access)
        assert secrets(ssm) == {
            "beeper-token": "b33per",
            "read-token": token,
            "admin-token": admin.removeprefix("admin token: "),
        }
        assert address.startswith("https://")
        cloudformation = boto3.client("cloudformation", **engine.access)
        outputs = cloudformation.describe_stacks(StackName="deployed")
        named = {one["OutputKey"]: one["OutputValue"] for one in outputs["Stacks"][0]["Outputs"]}
        page = boto3.client("s3", **engine.access).list_objects_v2(Bucket=named["WebBucket"])["Contents"]
        files = {path.relative_to(ROOT / "web") for path in (ROOT / "web").rglob("*") if path.is_file()}
        assert {one["Key"] for one in page} == {path.as_posix() for path in files}

        again = release(environment, "deploy", *sam)
        assert again.splitlines()[-1] == f"ready {address}/"
        assert token not in again
        assert told_of_alarms(engine.access) == ["me@example.com"]
        [stack] = cloudformation.describe_stacks(StackName="deployed")["Stacks"]
        given = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
        assert (given["BeeperUrl"], given["CleanupSchedule"]) == ("https://beeper.example", "rate(1 day)")

        ready, admin = release(environment, "tokens").splitlines()
        new = secrets(ssm)
        assert (ready, admin) == (
            f"ready {address}/#token={new['read-token']}",
            f"admin token: {new['admin-token']}",
        )
        assert token not in new.values()
        assert new["beeper-token"] == "b33per"


def told_of_alarms(access: dict[str, Any]) -> list[str]:
    """The addresses that hear of every alarm."""
    alarms = boto3.client("cloudwatch", **access).describe_alarms()["MetricAlarms"]
    assert len(alarms) == 10
    [topic] = {action for alarm in alarms for action in alarm["AlarmActions"]}
    listed = boto3.client("sns", **access).list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return [one["Endpoint"] for one in listed if one["Protocol"] == "email"]


def secrets(ssm: Any) -> dict[str, str]:
    """All that is below the stack's name, but for the one parameter that the template itself puts there."""
    stored = ssm.get_parameters_by_path(Path="/deployed", WithDecryption=True)["Parameters"]
    plain = [one["Name"] for one in stored if one["Type"] != "SecureString"]
    assert plain in ([], ["/deployed/distribution-id"])
    kept = [one for one in stored if one["Name"] not in plain]
    return {one["Name"].rpartition("/")[2]: one["Value"] for one in kept}
