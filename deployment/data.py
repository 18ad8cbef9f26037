"""Finds the tables and the image bucket of a stack, also after the stack itself has been deleted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import boto3

from deployment.stack import CloudFormationStack, DeploymentError

IMAGE_BUCKET = "ImageBucket"
TABLES = ("BeeperChatsTable", "CachedImagesTable", "ChatParticipantsTable", "ContactsTable", "SyncStateTable")


@dataclass(frozen=True, slots=True)
class StackData:
    """What a stack keeps when it is deleted: its tables by their names in the template, and the image bucket."""

    tables: Mapping[str, str]
    bucket: str


def data_of(stack: CloudFormationStack) -> StackData:
    """Returns the data of a deployed stack. Raises DeploymentError if it has not all of its tables."""
    names = {resource.logical_id: resource.physical_id for resource in stack.resources()}
    missing = [name for name in (*TABLES, IMAGE_BUCKET) if name not in names]
    if missing:
        raise DeploymentError(f"{stack} has no {', '.join(missing)}: deploy it with `make deploy`")
    return StackData({name: names[name] for name in TABLES}, names[IMAGE_BUCKET])


def leftovers(session: boto3.Session, stack: str) -> dict[str, list[str]]:
    """Returns the tables and buckets that deleted stacks of this name have left, by their names in the template.

    CloudFormation has named them `<stack>-<name in the template>-<random text>`. Bucket names are in lower case,
    and cut if the stack's name is long; such a bucket is not found. A table named without the random text, such
    as a restored one, is found, too.
    """
    tables = list(_table_names(session))
    buckets = [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]
    found = {name: _named(tables, f"{stack}-{name}") for name in TABLES}
    found[IMAGE_BUCKET] = _named(buckets, f"{stack}-{IMAGE_BUCKET}".lower())
    return found


def _named(names: list[str], prefix: str) -> list[str]:
    return [name for name in names if name == prefix or name.startswith(f"{prefix}-")]


def _table_names(session: boto3.Session) -> Iterator[str]:
    for page in session.client("dynamodb").get_paginator("list_tables").paginate():
        yield from page["TableNames"]
