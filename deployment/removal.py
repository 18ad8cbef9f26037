"""Deletes a stack with all that CloudFormation leaves behind. Keeps the data, unless `DATA=delete` is set."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3

from deployment.agent_key import AgentUser
from deployment.data import IMAGE_BUCKET, TABLES, left_by_the_last_stack, leftovers
from deployment.stack import CloudFormationStack, DeploymentError, Resource
from deployment.terminal import ask, has_terminal
from deployment.tokens import StoredTokens
from local.console import announce, say
from local.settings import SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_LAYER = "AWS::Lambda::LayerVersion"
_VERSIONS_PER_REQUEST = 1000  # S3's limit
_SAM_BUCKET = "aws-sam-cli-managed-default"


def remove(stack: CloudFormationStack, tokens: StoredTokens, environment: Mapping[str, str]) -> None:
    """Deletes the stack, its tokens in SSM and its layers, and with `DATA=delete` its tables and pictures.

    The stack may be deleted already: then only what is left of it is deleted. `environment` holds `DATA`,
    `CONFIRM` where there is no terminal, and the names of tables or a bucket that are to be deleted although
    another stack may have left them. Raises SettingsError or DeploymentError.
    """
    deletes_data = _deletes_data(environment)
    exists = bool(stack.status())
    if exists:
        stack.refuse_another_application()
    if stack.is_protected():
        raise DeploymentError(
            f"{stack} is protected against deletion. To turn that off: aws cloudformation"
            f" update-termination-protection --no-enable-termination-protection --stack-name {stack.name}"
            f" --region {stack.session.region_name}"
        )
    data = _data(stack) if exists else left_by_the_last_stack(stack)
    uncertain = {} if exists else _without(leftovers(stack.session, stack.name), data)
    for name, physical_names in uncertain.items():
        if environment.get(name) in physical_names:
            physical_names.remove(environment[name])
            data[name].append(environment[name])
    names = tokens.names()
    if not exists and not names and not (deletes_data and any(data.values())):
        _announce_uncertain(stack, uncertain)
        raise DeploymentError(f"there is nothing to remove of {stack}: check STACK and the region")
    _confirm(stack, data, environment, deletes_data=deletes_data)
    # CloudFormation cannot delete the policy of an agent while a user has it.
    if AgentUser(stack).revoke():
        announce(f"ended the key of the agent of {stack}")
    if exists:
        _delete_stack(stack)
    # Those of the template are gone with the stack.
    tokens.delete(tokens.names())
    announce(f"removed {stack}, with its tokens")
    if deletes_data:
        _delete_data(stack.session, data)
    elif any(data.values()):
        _announce_data(stack, data)
    _announce_uncertain(stack, uncertain)
    _announce_rest(stack)


def empty_bucket(session: boto3.Session, bucket: str) -> int:
    """Deletes every version of every object, and every delete marker. Returns how many there were.

    Raises DeploymentError if S3 refuses to delete one of them.
    """
    s3 = session.client("s3")
    count = 0
    # Deleting changes the list, so each round asks for its beginning.
    while versions := _first_versions(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        for error in answer.get("Errors", []):
            raise DeploymentError(
                f"S3 did not delete {bucket}/{error['Key']}: {error['Message']}. Run the same command again"
            )
        count += len(versions)
    return count


def _first_versions(s3: "S3Client", bucket: str) -> "list[ObjectIdentifierTypeDef]":
    page = s3.list_object_versions(Bucket=bucket, MaxKeys=_VERSIONS_PER_REQUEST)
    entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]


def _deletes_data(environment: Mapping[str, str]) -> bool:
    choice = environment.get("DATA", "")
    if choice not in {"", "keep", "delete"}:
        raise SettingsError("DATA must be keep or delete")
    return choice == "delete"


def _data(stack: CloudFormationStack) -> dict[str, list[str]]:
    """Returns the tables and the bucket that belong to the stack now, in the form of `leftovers`."""
    data: dict[str, list[str]] = {name: [] for name in (*TABLES, IMAGE_BUCKET)}
    for resource in stack.resources():
        if resource.logical_id in data:
            data[resource.logical_id].append(resource.physical_id)
    return data


def _without(data: Mapping[str, list[str]], certain: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Returns `data` without what is in `certain`."""
    return {
        name: [physical_name for physical_name in physical_names if physical_name not in certain[name]]
        for name, physical_names in data.items()
    }


def _confirm(
    stack: CloudFormationStack,
    data: Mapping[str, list[str]],
    environment: Mapping[str, str],
    *,
    deletes_data: bool,
) -> None:
    """Returns if the person has typed the stack's name, here or as `CONFIRM`. Raises SettingsError if not."""
    say(f"this deletes {stack}: its functions, its page, its API and all of its tokens")
    for name in [name for names in data.values() for name in names]:
        say(f"it {'also DELETES' if deletes_data else 'keeps'} {name}")
    if has_terminal():
        answer = ask(f"Type the stack's name to {'delete it WITH ALL DATA' if deletes_data else 'delete it'}")
    else:
        answer = environment.get("CONFIRM", "")
    if answer != stack.name:
        how = "that is not the stack's name" if has_terminal() else f"CONFIRM={stack.name} is not set"
        raise SettingsError(f"{how}: nothing was changed")


def _delete_stack(stack: CloudFormationStack) -> None:
    resources = stack.resources()
    for resource in resources:
        if resource.logical_id == "WebBucket":
            empty_bucket(stack.session, resource.physical_id)  # CloudFormation cannot delete a full one
    _delete_layers(stack, resources)
    say("CloudFormation deletes the stack; CloudFront takes about five minutes")
    try:
        stack.delete()
    except DeploymentError as error:
        raise DeploymentError(
            f"{stack} was not deleted completely: {error}. Remove the cause and run the same command again"
        ) from error


def _delete_layers(stack: CloudFormationStack, resources: list[Resource]) -> None:
    """Deletes every version of a layer that the stack has ever had, which SAM makes CloudFormation keep.

    This comes before the deletion of the stack: only the stack's history names the versions, so after an
    interruption nothing else would find them. Functions keep running without the version that they use.
    """
    layers = stack.physical_ids_in_history(_LAYER)
    layers |= {resource.physical_id for resource in resources if resource.type == _LAYER}
    client = stack.session.client("lambda")
    for layer in sorted(layers):
        # One that could not be created has no such ARN.
        if match := re.fullmatch(r"arn:aws:lambda:[^:]+:[0-9]+:layer:([^:]+):([0-9]+)", layer):
            client.delete_layer_version(LayerName=match[1], VersionNumber=int(match[2]))


def _delete_data(session: boto3.Session, data: Mapping[str, list[str]]) -> None:
    dynamodb = session.client("dynamodb")
    s3 = session.client("s3")
    for name, physical_names in data.items():
        for physical_name in physical_names:
            if name == IMAGE_BUCKET:
                count = empty_bucket(session, physical_name)
                s3.delete_bucket(Bucket=physical_name)
                announce(f"deleted the bucket {physical_name} with {count} versions of objects")
            else:
                dynamodb.delete_table(TableName=physical_name)
                announce(f"deleted the table {physical_name}; AWS keeps a backup of it for 35 days")


def _announce_data(stack: CloudFormationStack, data: Mapping[str, list[str]]) -> None:
    for name, physical_names in data.items():
        for physical_name in physical_names:
            announce(f"kept the {'bucket' if name == IMAGE_BUCKET else 'table'} {physical_name}")
    announce(f"to delete what was kept: make remove STACK={stack.name} DATA=delete")
    buckets = "".join(f" {IMAGE_BUCKET}={bucket}" for bucket in data[IMAGE_BUCKET])
    announce(f"to bring it into another stack: make recover STACK=<new stack> FROM={stack.name}{buckets}")


def _announce_uncertain(stack: CloudFormationStack, uncertain: Mapping[str, list[str]]) -> None:
    for name, physical_names in uncertain.items():
        for physical_name in physical_names:
            announce(
                f"kept {physical_name}, which may belong to another stack: to delete it,"
                f" make remove STACK={stack.name} DATA=delete {name}={physical_name}"
            )


def _announce_rest(stack: CloudFormationStack) -> None:
    announce(
        f"left: the stack {_SAM_BUCKET} with the bucket of uploaded code, which all stacks of the SAM CLI in"
        f" {stack.session.region_name} share"
    )
