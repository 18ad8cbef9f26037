"""`make deploy` and `make secrets`: template.yaml on AWS, its tokens in SSM, the page in its bucket.

Exit codes: 0 done; 1 AWS or SAM refused; 2 a setting is missing or wrong.
"""

import getpass
import os
import re
import subprocess
import sys
from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.console import announce, complain, say
from local.page import publish_page
from local.settings import SettingsError
from local.template import ROOT

_SECRETS = {
    "beeper-token": "Beeper's token (Settings, Integrations, Approved connections; read-only)",
    "media-server-token": "the media server's token (leave empty without one)",
    "cf-access-client-id": "Cloudflare Access: the service token's client id (leave empty without one)",
    "cf-access-client-secret": "Cloudflare Access: the service token's secret (leave empty without one)",
}


def main(command: str, sam: list[str]) -> int:
    """`deploy` everything, or only ask for the `secrets` anew."""
    try:
        stack = _required("STACK", r"[a-zA-Z][a-zA-Z0-9-]{0,127}", "like STACK=imagecache")
        if command == "deploy":
            _deploy(stack, sam)
        else:
            _ask_for_secrets(stack, renew=True)
    except SettingsError as error:
        complain(str(error))
        return 2
    except (BotoCoreError, ClientError, subprocess.CalledProcessError) as error:
        complain(f"stopped: {error}")
        return 1
    return 0


def _deploy(stack: str, sam: list[str]) -> None:
    url = _required("BEEPER_URL", r"https://[^/?#@]+", "an https address without a path: your tunnel's")
    if os.environ.get("ALLOW_OPEN_API") != "yes":
        raise SettingsError(
            "this version's API asks for no token: whoever knows its address could read your chats. "
            "Set ALLOW_OPEN_API=yes to deploy all the same"
        )
    first_time = _outputs(stack) is None
    subprocess.run([*sam, "build"], cwd=ROOT, check=True)
    _ask_for_secrets(stack, renew=False)
    deploy = [*sam, "deploy", "--stack-name", stack, "--parameter-overrides", f"BeeperUrl={url}"]
    subprocess.run([*deploy, *(["--guided"] if first_time else [])], cwd=ROOT, check=True)
    outputs = _outputs(stack) or {}
    publish_page(boto3.client("s3"), outputs["WebBucket"], ROOT / "web")
    announce(f"ready {outputs['Address']}/")


def _required(name: str, pattern: str, example: str) -> str:
    value = os.environ.get(name, "")
    if not re.fullmatch(pattern, value):
        raise SettingsError(f"{name} must be set, {example}")
    return value


def _outputs(stack: str) -> Mapping[str, str] | None:
    """None while there is no such stack."""
    try:
        [described] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _ask_for_secrets(stack: str, *, renew: bool) -> None:
    """Typed unseen, never on the command line; CloudFormation cannot make SecureStrings."""
    ssm = boto3.client("ssm")
    known = {entry["Name"] for entry in ssm.get_parameters_by_path(Path=f"/{stack}")["Parameters"]}
    for name, what in _SECRETS.items():
        if renew or f"/{stack}/{name}" not in known:
            value = getpass.getpass(f"{what}: ").strip()
            if value:
                ssm.put_parameter(Name=f"/{stack}/{name}", Value=value, Type="SecureString", Overwrite=True)
                say(f"/{stack}/{name} stored")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
