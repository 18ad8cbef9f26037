"""The agent's credentials for AWS, and a check that they may not do much more than they have to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from imagecache.wiring import MakeClient
from imagecache_cli.errors import SettingsError

_REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
# A long poll is answered after 20 s. That the network was lost must be noticed soon after it.
_PATIENCE = BotoConfig(
    connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3, "mode": "standard"}
)


@dataclass(frozen=True, slots=True)
class Key:
    """The access key that `make agent-credentials` has stored, and the region of its stack."""

    key_id: str
    region: str
    secret: str = field(repr=False)


def read_key(file: Path) -> Key | None:
    """Returns the stored key, or None if there is no such file.

    Raises SettingsError if it is damaged, or cannot be read.
    """
    try:
        content = json.loads(file.read_text())
        return Key(content["accessKeyId"], content["region"], content["secretAccessKey"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({error.strerror}): does it belong to you?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{file} is not a key: make a new one with `make agent-credentials STACK={file.stem}`"
        ) from error


def open_session(key: Key | None, environment: Mapping[str, str]) -> boto3.Session:
    """Returns a session with this key, or without one as the environment and the profile say.

    AWS_REGION comes before AWS_DEFAULT_REGION, which boto3 reads itself, as does the AWS command line.
    Raises SettingsError if the region of the stack is unknown, and BotoCoreError for a profile that does not
    exist.
    """
    if key:
        return boto3.Session(key.key_id, key.secret, region_name=key.region)
    session = boto3.Session(region_name=environment.get("AWS_REGION", "").strip() or None)
    if session.region_name is None:
        raise SettingsError(
            "no AWS region is known: make a key with `make agent-credentials STACK=NAME`, or set AWS_REGION"
        )
    return session


def require_kept_credentials(stack: str, session: boto3.Session) -> None:
    """Raises SettingsError if a service, which has no variables of this shell, had no credentials."""
    credentials = session.get_credentials()
    if credentials is None:
        raise SettingsError(
            f"there is no key for the agent: make one with `make agent-credentials STACK={stack}`,"
            " or set AWS_PROFILE"
        )
    if credentials.method == "env":
        raise SettingsError(
            "AWS_ACCESS_KEY_ID of this shell is not kept for the service: make a key with"
            f" `make agent-credentials STACK={stack}`, or set AWS_PROFILE instead"
        )


def client_maker(session: boto3.Session) -> MakeClient:
    """Returns a function that makes the AWS clients of this session."""

    def make_client(service: str, **options: Any) -> Any:
        return session.client(service, **{"config": _PATIENCE, **options})  # type: ignore[call-overload]  # a name that varies

    return make_client


def refuse_wide_rights(stack: str, function: str, make_client: MakeClient) -> None:
    """Raises SettingsError if these credentials may do what an agent never does.

    `function` is the name of a function of the stack. A few calls without any effect are tried, each of which
    AWS must refuse. Rights that none of them needs are not noticed.
    """
    arn: str = make_client("sts").get_caller_identity()["Arn"]
    if arn.endswith(":root"):
        raise SettingsError(_advice("they are those of the account's root user", stack))
    for what, call in _forbidden(stack, function, make_client).items():
        if _is_allowed(call):
            raise SettingsError(_advice(f"they may {what}", stack))


def _forbidden(stack: str, function: str, make_client: MakeClient) -> Mapping[str, Callable[[], object]]:
    token = f"/{stack}/admin-token"
    return {
        "list the account's users": partial(make_client("iam").list_users, MaxItems=1),
        "list the account's buckets": make_client("s3").list_buckets,
        "list the account's tables": partial(make_client("dynamodb").list_tables, Limit=1),
        "read the stack's tokens": partial(make_client("ssm").get_parameters, Names=[token]),
        "invoke the stack's functions": partial(
            make_client("lambda").invoke, FunctionName=function, InvocationType="DryRun"
        ),
    }


def _is_allowed(call: Callable[[], object]) -> bool:
    """Returns whether AWS allows a call. Raises any error that is not a refusal, such as a lost network."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] in _REFUSED:
            return False
        raise
    return True


def _advice(reason: str, stack: str) -> str:
    return (
        f"the agent's credentials allow more than an agent needs: {reason}. Make some of its own with"
        f" `make agent-credentials STACK={stack}` (docs/agent.md)"
    )
