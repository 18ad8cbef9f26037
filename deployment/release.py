"""`make deploy`, `make secrets`, `make tokens`: the stack on AWS, its tokens in SSM, the page in its bucket.

Exit codes: 0 done; 1 AWS or SAM refused; 2 a setting is missing or wrong.
"""

import getpass
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deployment.page import publish_page
from local.console import announce, complain, say
from local.settings import SettingsError
from local.template import ROOT

_API_TOKENS = ("read-token", "admin-token")
_SECRETS = {
    "beeper-token": "Beeper's token (Settings, Integrations, Approved connections; read-only)",
    "media-server-token": "the media server's token (leave empty without one)",
    "dex-api-key": "the key of Dex's API (leave empty without one)",
    "cf-access-client-id": "Cloudflare Access: the service token's client id (leave empty without one)",
    "cf-access-client-secret": "Cloudflare Access: the service token's secret (leave empty without one)",
}


def main(command: str, sam: list[str]) -> int:
    """`deploy` everything, ask for the `secrets` anew, or make new `tokens` for the API."""
    try:
        stack = _required("STACK", r"[a-zA-Z][a-zA-Z0-9-]{0,127}", "like STACK=imagecache")
        match command:
            case "deploy":
                _deploy(stack, sam)
            case "secrets":
                _ask_for_secrets(stack, renew=True)
            case "tokens":
                _announce(_outputs(stack) or {}, _make_tokens(stack, renew=True))
    except SettingsError as error:
        complain(str(error))
        return 2
    except (BotoCoreError, ClientError, subprocess.CalledProcessError) as error:
        complain(f"stopped: {error}")
        return 1
    return 0


def _deploy(stack: str, sam: list[str]) -> None:
    url = _required("BEEPER_URL", r"https://[^/?#@]+", "an https address without a path: your tunnel's")
    first_time = _outputs(stack) is None
    subprocess.run([*sam, "build"], cwd=ROOT, check=True)
    _ask_for_secrets(stack, renew=False)
    parameters = f"BeeperUrl={url} {os.environ.get('PARAMETERS', '')}"  # all others stay as they are
    deploy = [*sam, "deploy", "--stack-name", stack, "--parameter-overrides", parameters.strip()]
    deploy += ["--no-fail-on-empty-changeset"]  # the page or a token may be all that is new
    if not sys.stdin.isatty():  # nobody is there to be asked
        deploy += ["--no-confirm-changeset"]
    elif first_time:
        deploy += ["--guided"]
    subprocess.run(deploy, cwd=ROOT, check=True)
    outputs = _outputs(stack) or {}
    publish_page(boto3.client("s3"), outputs["WebBucket"], ROOT / "web")
    # Last: made before a deployment that failed, they would never be shown.
    _announce(outputs, _make_tokens(stack, renew=False))


def _announce(outputs: Mapping[str, str], made: Mapping[str, str]) -> None:
    """Tokens are shown once, when they are made."""
    address = outputs.get("Address", "")
    if made:
        announce(f"ready {address}/#token={made['read-token']}")
        announce(f"admin token: {made['admin-token']}")
    else:
        announce(f"ready {address}/")
        say("the API's tokens are those of before; `make tokens` makes new ones")


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


def _known(stack: str) -> set[str]:
    pages = boto3.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"/{stack}")
    return {entry["Name"].rpartition("/")[2] for page in pages for entry in page["Parameters"]}


def _ask_for_secrets(stack: str, *, renew: bool) -> None:
    """Typed unseen, never on the command line; CloudFormation cannot make SecureStrings."""
    known = _known(stack)
    for name, what in _SECRETS.items():
        if renew or name not in known:
            value = getpass.getpass(f"{what}: ").strip()
            if value:
                _store(stack, name, value)
                say(f"/{stack}/{name} stored")


def _make_tokens(stack: str, *, renew: bool) -> dict[str, str]:
    """Both, or none when they are there already."""
    if not renew and set(_API_TOKENS) <= _known(stack):
        return {}
    made = {name: secrets.token_urlsafe(24) for name in _API_TOKENS}
    for name, value in made.items():
        _store(stack, name, value)
    return made


def _store(stack: str, name: str, value: str) -> None:
    path = f"/{stack}/{name}"
    boto3.client("ssm").put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
