"""Makes ministack evaluate the policy of each function's role, as AWS does.

With `AUTH=true` ministack does that, but this module has to correct these differences from AWS:

- ministack derives the credentials of a function from the names of the function and its role, so that anybody
  can compute them. This module makes them random.
- ministack treats the access key ids `test`, the account's number and an empty one as the root user. With
  this module every caller except a function and an IAM user is the root user, because the gate has checked
  the run's token.
- ministack checks the wrong action or resource of some requests. For a batch of messages it checks an action
  that AWS does not have. For a deletion of object versions it checks the first object as if the object itself
  were deleted. For a request for several parameters it checks none of them. For a batch of PartiQL statements
  it checks an action that AWS does not have, and no table.
- ministack does not know the condition key `dynamodb:LeadingKeys`, so it ignores conditions on it.
"""

import contextlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

_Extract = Callable[..., Any]  # a function of ministack that returns the action or the resource of a request

_ACTION_OF_BATCH = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


# The start of a PartiQL statement that changes a row, as our stores write it, and the action that AWS checks.
_STATEMENT = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "([\w.-]+)" ')
_ACTION_OF_STATEMENT = {
    "INSERT INTO": "dynamodb:PartiQLInsert",
    "UPDATE": "dynamodb:PartiQLUpdate",
    "DELETE FROM": "dynamodb:PartiQLDelete",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of one function."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


class FunctionCredentials:
    """Creates random credentials for each function. They are new in each run of the engine."""

    def __init__(self) -> None:
        self._issued: dict[str, Credentials] = {}

    def issue(self, key_id: str) -> Credentials:
        """Returns the credentials with this key id, which are the same for all processes of a function."""
        new = Credentials(key_id, secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        # The engine starts processes in several threads. With `setdefault` all of them get the same value.
        return self._issued.setdefault(key_id, new)

    def is_function(self, key_id: str) -> bool:
        """Returns True if this is the key id of a function."""
        return key_id in self._issued

    def match(self, token: bytes, authorization: bytes) -> bool:
        """Returns True if the session token and the Authorization header belong to the same function.

        ministack checks the signature afterwards, which proves that the caller has the secret key.
        """
        return any(
            hmac.compare_digest(token, issued.token.encode()) and _names(authorization, issued.key_id)
            for issued in list(self._issued.values())
        )


class UserKeys:
    """The access keys of IAM users in the engine. `key_ids` returns their ids.

    Only a program with the token of the run can make a user and a key, for example `make agent-credentials`.
    """

    def __init__(self, key_ids: Callable[[], Iterable[str]]) -> None:
        self._key_ids = key_ids

    def is_user(self, key_id: str) -> bool:
        """Returns True if this is the id of a user's key."""
        return key_id in set(self._key_ids())

    def match(self, authorization: bytes) -> bool:
        """Returns True if the Authorization header names a user's key.

        ministack checks the signature afterwards, which proves that the caller has the secret key.
        """
        return any(_names(authorization, key_id) for key_id in self._key_ids())


def _names(authorization: bytes, key_id: str) -> bool:
    return authorization.startswith(f"AWS4-HMAC-SHA256 Credential={key_id}/".encode())


class _Resources(str):
    """Holds the ARNs of all resources of a request in `arns`.

    It is also a text, the first ARN, because ministack's code expects a text.
    """

    __slots__ = ("arns",)

    def __new__(cls, arns: list[str]) -> "_Resources":
        resources = super().__new__(cls, arns[0])
        resources.arns = arns
        return resources

    arns: list[str]


def evaluate_policies() -> tuple[FunctionCredentials, UserKeys]:
    """Makes ministack in this process evaluate the policies of functions, by replacing some of its functions.

    Returns the credentials that it then issues to Lambda functions, and the keys of IAM users.
    """
    # ministack has no types, and importing it takes a second.
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.services import dynamodb, iam, lambda_svc, sts  # type: ignore[import-untyped]  # noqa: PLC0415

    functions = FunctionCredentials()
    users = UserKeys(lambda: [key_id for _, key_id in iam._access_keys.to_dict()])
    predictable = lambda_runtime.execution_credentials

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        key_id = predictable(config)["AWS_ACCESS_KEY_ID"]  # it also registers a session of the role
        issued = functions.issue(key_id)
        session = {"SecretAccessKey": issued.secret, "SessionToken": issued.token}
        sts.register_session(key_id, {**sts._sessions[key_id], **session})
        return {
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": issued.secret,
            "AWS_SESSION_TOKEN": issued.token,
        }

    lambda_runtime.execution_credentials = execution_credentials
    lambda_svc.execution_credentials = execution_credentials
    iam_evaluator.is_root_access_key = lambda key_id: (
        not (functions.is_function(key_id) or users.is_user(key_id))
    )
    iam_evaluator.enforce = _for_every_resource(iam_evaluator.enforce)
    iam_actions.extract_iam_action = _without_batches(
        iam_actions.extract_iam_action, iam_actions._s3_batch_delete_targets
    )
    iam_actions.extract_resource_arn = _with_every_parameter(iam_actions.extract_resource_arn)
    iam_actions.dynamodb_service_context = _with_leading_keys(
        iam_actions.dynamodb_service_context, lambda table: dynamodb._tables[table]["pk_name"]
    )
    # Functions inherit the variables of this process. With the token of the run they would be the root user.
    os.environ.pop("AWS_SESSION_TOKEN", None)
    return functions, users


def _without_batches(original: _Extract, deleted: Callable[[str, bytes], list[tuple[str, str]]]) -> _Extract:
    """Wraps ministack's function to return the action that AWS would check for a batch or a deletion.

    `deleted` returns the ARN and the version of each object that a request deletes from a bucket.
    """

    def extract_iam_action(service: str, method: str, path: str, *rest: Any) -> str | None:
        action = original(service, method, path, *rest)
        _, body, _ = rest
        if action == "s3:DeleteObject" and method == "POST":
            # ministack checks only the first object for this action, and the others for the right one.
            [(_, version), *_] = deleted(path.strip("/"), body) or [("", "")]
            return "s3:DeleteObjectVersion" if version else action
        if action == "dynamodb:BatchExecuteStatement":
            actions = {_ACTION_OF_STATEMENT[verb] for verb, _ in _statements(body)}
            # No role may send this action itself, so other statements and a mixture of actions are refused.
            return actions.pop() if len(actions) == 1 else action
        return _ACTION_OF_BATCH.get(action, action)

    return extract_iam_action


def _with_every_parameter(original: _Extract) -> _Extract:
    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, *place: Any
    ) -> str:
        if service == "ssm" and headers.get("x-amz-target") == "AmazonSSM.GetParameters":
            _, region, account_id = place
            names = json.loads(body).get("Names", [])
            arns = [f"arn:aws:ssm:{region}:{account_id}:parameter/{name.lstrip('/')}" for name in names]
            if arns:
                return _Resources(arns)
        if service == "dynamodb" and (tables := {table for _, table in _statements(body)}):
            _, region, account_id = place
            return _Resources([f"arn:aws:dynamodb:{region}:{account_id}:table/{table}" for table in tables])
        return str(original(service, method, path, headers, body, *place))

    return extract_resource_arn


def _statements(body: bytes) -> list[tuple[str, str]]:
    """Returns the verb and the table of each PartiQL statement in a request.

    Returns an empty list if the request has none, or one that is not of the form that our stores write.
    """
    try:
        texts = [statement["Statement"] for statement in json.loads(body)["Statements"]]
        starts = [_STATEMENT.match(text) for text in texts]
    except (KeyError, TypeError, ValueError):
        return []
    return [(start[1], start[2]) for start in starts if start] if all(starts) else []


def _with_leading_keys(original: _Extract, partition_key: Callable[[str], str]) -> _Extract:
    """Wraps ministack's function to return the partition key of the item that a request names, too.

    Requests for several items are not covered, because no role with such a condition may send them.
    `partition_key` returns the name of a table's partition key.
    """

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        context: dict[str, Any] = original(body)
        # The request may name no single item, or be malformed.
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            request = json.loads(body)
            item = request["Key"] if "Key" in request else request["Item"]
            [value] = item[partition_key(request["TableName"])].values()
            context["dynamodb:LeadingKeys"] = [value]
        return context

    return dynamodb_service_context


def _for_every_resource(original: Callable[..., Any]) -> Callable[..., Any]:
    def enforce(*caller: Any, resource_arn: str = "*", **context: Any) -> Any:
        arns = resource_arn.arns if isinstance(resource_arn, _Resources) else [resource_arn]
        denials = (original(*caller, resource_arn=arn, **context) for arn in arns)
        return next((denial for denial in denials if denial), None)

    return enforce
