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
        raise SettingsError(f"{file} is not a key: make a new one with `make agent-credentials`") from error


def client_maker(key: Key | None) -> MakeClient:
    """Returns a function that makes AWS clients with this key, or as the environment and the profile say.

    Raises SettingsError if neither says which region the stack is in.
    """
    session = boto3.Session(key.key_id, key.secret, region_name=key.region) if key else boto3.Session()
    if session.region_name is None:
        raise SettingsError(
            "no AWS region is known: make a key with `make agent-credentials`, or set AWS_REGION"
        )

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
        raise SettingsError(_advice("they are those of the account's root user"))
    for what, call in _forbidden(stack, function, make_client).items():
        if _is_allowed(call):
            raise SettingsError(_advice(f"they may {what}"))


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
    """Returns whether AWS allows a call. Raises what says neither, such as that there is no network."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] in _REFUSED:
            return False
        raise
    return True


def _advice(reason: str) -> str:
    return (
        f"the agent's credentials allow more than an agent needs: {reason}. Make some of its own with"
        " `make agent-credentials` (docs/agent.md)"
    )
