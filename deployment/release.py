"""Does what `make deploy`, `make secrets` and `make tokens` promise: a stack on AWS, its tokens and its page.

Tokens are SecureStrings in SSM, below `/<stack>/`. Exit codes: 0 done; 1 AWS or SAM refused; 2 a setting is
missing or wrong.
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
    "media-server-token": "the media server's token (leave empty if there is no media server)",
    "dex-api-key": "the key of Dex's API (leave empty without Dex)",
    "cf-access-client-id": "the client id of the Cloudflare Access service token (leave empty without one)",
    "cf-access-client-secret": "the secret of the Cloudflare Access service token (leave empty without one)",
}
_STACK_NAME = r"[a-zA-Z][a-zA-Z0-9-]{0,127}"
_BEEPER_URL = r"https://[^/?#@]+"
_TOKEN_BYTES = 24


def main(command: str, sam: list[str]) -> int:
    """Runs a command and returns the exit code. `sam` is how to call the SAM CLI, which `deploy` needs.

    `deploy` builds and deploys everything, `secrets` asks for every secret again, and `tokens` replaces the
    API's tokens.
    """
    try:
        stack = _required_variable("STACK", _STACK_NAME, "for example STACK=imagecache")
        match command:
            case "deploy":
                _deploy(stack, sam)
            case "secrets":
                _ask_for_secrets(stack, again=True)
            case "tokens":
                _announce(_outputs(stack) or {}, _create_tokens(stack, again=True))
    except SettingsError as error:
        complain(str(error))
        return 2
    except (BotoCoreError, ClientError, subprocess.CalledProcessError) as error:
        complain(f"stopped: {error}")
        return 1
    return 0


def _deploy(stack: str, sam: list[str]) -> None:
    url = _required_variable(
        "BEEPER_URL", _BEEPER_URL, "an https address without a path, for example your tunnel's"
    )
    is_new = _outputs(stack) is None
    subprocess.run([*sam, "build"], cwd=ROOT, check=True)
    _ask_for_secrets(stack, again=False)
    # Parameters that are not named here keep the values of the last deployment.
    parameters = f"BeeperUrl={url} {os.environ.get('PARAMETERS', '')}".strip()
    command = [*sam, "deploy", "--stack-name", stack, "--parameter-overrides", parameters]
    # An unchanged stack is not an error: the page or a token may be the only thing that is new.
    command.append("--no-fail-on-empty-changeset")
    has_terminal = sys.stdin.isatty()
    if not has_terminal:
        command.append("--no-confirm-changeset")
    elif is_new:
        command.append("--guided")
    subprocess.run(command, cwd=ROOT, check=True)
    outputs = _outputs(stack) or {}
    publish_page(boto3.client("s3"), outputs["WebBucket"], ROOT / "web")
    # Tokens are shown only when they are created. They are created last, because a deployment that failed
    # afterwards would leave tokens behind that were never shown.
    _announce(outputs, _create_tokens(stack, again=False))


def _announce(outputs: Mapping[str, str], created: Mapping[str, str]) -> None:
    """Prints the page's address, and the tokens if they were created just now."""
    address = outputs.get("Address", "")
    if created:
        announce(f"ready {address}/#token={created['read-token']}")
        announce(f"admin token: {created['admin-token']}")
    else:
        announce(f"ready {address}/")
        say("the API's tokens have not changed; `make tokens` creates new ones")


def _required_variable(name: str, pattern: str, advice: str) -> str:
    """Returns an environment variable. Raises SettingsError if it is not set or does not match `pattern`."""
    value = os.environ.get(name, "")
    if not re.fullmatch(pattern, value):
        raise SettingsError(f"{name} must be set, {advice}")
    return value


def _outputs(stack: str) -> Mapping[str, str] | None:
    """Returns the stack's outputs, or None if there is no such stack."""
    try:
        [description] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        # CloudFormation answers ValidationError for this as well as for a malformed name.
        if "does not exist" in str(error):
            return None
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def _stored_names(stack: str) -> set[str]:
    """Returns the names of the stack's parameters in SSM, without the stack's own name."""
    pages = boto3.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"/{stack}")
    return {parameter["Name"].rpartition("/")[2] for page in pages for parameter in page["Parameters"]}


def _ask_for_secrets(stack: str, *, again: bool) -> None:
    """Asks for each secret that is not stored yet, or with `again` for all of them, and stores the answers.

    An empty answer stores nothing. The answers are not shown while they are typed, and are never arguments of
    a command, which other users could see. The template cannot store them: CloudFormation creates no
    SecureStrings.
    """
    stored_names = _stored_names(stack)
    for name, description in _SECRETS.items():
        if again or name not in stored_names:
            value = getpass.getpass(f"{description}: ").strip()
            if value:
                _store(stack, name, value)
                say(f"/{stack}/{name} stored")


def _create_tokens(stack: str, *, again: bool) -> dict[str, str]:
    """Creates and returns both tokens of the API. If both exist, and without `again`, returns nothing."""
    if not again and set(_API_TOKENS) <= _stored_names(stack):
        return {}
    tokens = {name: secrets.token_urlsafe(_TOKEN_BYTES) for name in _API_TOKENS}
    for name, value in tokens.items():
        _store(stack, name, value)
    return tokens


def _store(stack: str, name: str, value: str) -> None:
    path = f"/{stack}/{name}"
    boto3.client("ssm").put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
