"""`make deploy` against the embedded engine: SAM's own deployment, the tokens, the page, the address."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.engine import running_engine
from tools.environment import ensure_environment

ROOT = Path(__file__).parent.parent.parent
# Plays the SAM CLI: skips `sam build`, and deploys what was built once for all tests of this folder.
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


@pytest.fixture
def tokens_file() -> Iterator[Path]:
    """Returns where tokens are written when no terminal shows them."""
    file = ROOT / ".local" / "deployed.tokens"
    yield file
    file.unlink(missing_ok=True)


def release(environment: dict[str, str], *command: str) -> str:
    """Runs the program, which must succeed, and returns what it prints on stdout."""
    completed = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "deployment.release", *command],
        cwd=ROOT,
        env=environment,
        input="b33per\n\n\n\n\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,  # without a terminal, secrets are read from stdin
    )
    assert completed.returncode == 0, completed.stderr + completed.stdout
    return completed.stdout


def test_a_deployment_makes_tokens_once_and_puts_the_page_in_its_bucket(
    tmp_path: Path, sam: list[str], tokens_file: Path
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
        parameters = {"PARAMETERS": 'AlarmEmail=me@example.com CleanupSchedule="rate(1 day)"'}
        tracked = (ROOT / "samconfig.toml").read_bytes()
        announced = release(environment | parameters, "deploy", *sam).splitlines()[-2:]
        ready, admin = tokens_file.read_text().splitlines()
        address, _, token = ready.removeprefix("ready ").partition("/#token=")
        ssm = boto3.client("ssm", **engine.access)
        assert secrets(ssm) == {
            "beeper-token": "b33per",
            "read-token": token,
            "admin-token": admin.removeprefix("admin token: "),
        }
        assert announced == [f"ready {address}/", f"the tokens are in {tokens_file}"]
        assert address.startswith("https://")
        assert (ROOT / "samconfig.toml").read_bytes() == tracked
        cloudformation = boto3.client("cloudformation", **engine.access)
        [stack] = cloudformation.describe_stacks(StackName="deployed")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        page = boto3.client("s3", **engine.access).list_objects_v2(Bucket=outputs["WebBucket"])["Contents"]
        files = {path.relative_to(ROOT / "web") for path in (ROOT / "web").rglob("*") if path.is_file()}
        assert {entry["Key"] for entry in page} == {path.as_posix() for path in files}

        again = release(environment, "deploy", *sam)
        assert again.splitlines()[-1] == f"ready {address}/"
        assert token not in again
        assert alarm_recipients(engine.access) == ["me@example.com"]
        [stack] = cloudformation.describe_stacks(StackName="deployed")["Stacks"]
        kept = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
        assert (kept["BeeperUrl"], kept["CleanupSchedule"]) == ("https://beeper.example", "rate(1 day)")

        release(environment, "tokens")
        ready, admin = tokens_file.read_text().splitlines()
        new = secrets(ssm)
        assert (ready, admin) == (
            f"ready {address}/#token={new['read-token']}",
            f"admin token: {new['admin-token']}",
        )
        assert token not in new.values()
        assert new["beeper-token"] == "b33per"


def alarm_recipients(access: dict[str, Any]) -> list[str]:
    """Returns the e-mail addresses that every alarm is sent to."""
    alarms = boto3.client("cloudwatch", **access).describe_alarms()["MetricAlarms"]
    assert len(alarms) == 10
    [topic] = {action for alarm in alarms for action in alarm["AlarmActions"]}
    subscriptions = boto3.client("sns", **access).list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return [entry["Endpoint"] for entry in subscriptions if entry["Protocol"] == "email"]


def secrets(ssm: Any) -> dict[str, str]:
    """Returns the SecureStrings below the stack's name. The template creates one other parameter there."""
    parameters = ssm.get_parameters_by_path(Path="/deployed", WithDecryption=True)["Parameters"]
    plain = [parameter["Name"] for parameter in parameters if parameter["Type"] != "SecureString"]
    assert plain in ([], ["/deployed/distribution-id"])
    return {
        parameter["Name"].rpartition("/")[2]: parameter["Value"]
        for parameter in parameters
        if parameter["Type"] == "SecureString"
    }
