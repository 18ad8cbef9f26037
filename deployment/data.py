"""Finds the tables and the image bucket of a stack, also after the stack itself has been deleted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from deployment.stack import CloudFormationStack, DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IMAGE_BUCKET = "ImageBucket"
TABLES = ("BeeperChatsTable", "CachedImagesTable", "ChatParticipantsTable", "ContactsTable", "SyncStateTable")


@dataclass(frozen=True, slots=True)
class StackData:
    """Names what outlives a stack: its tables, by their names in the template, and its image bucket."""

    tables: Mapping[str, str]
    bucket: str


def data_of(stack: CloudFormationStack) -> StackData:
    """Returns the names of a deployed stack's tables and of its image bucket.

    Raises DeploymentError if one of them is missing.
    """
    names = {resource.logical_id: resource.physical_id for resource in stack.resources()}
    missing = [name for name in (*TABLES, IMAGE_BUCKET) if name not in names]
    if missing:
        raise DeploymentError(f"{stack} has no {', '.join(missing)}: deploy it with `make deploy`")
    return StackData({name: names[name] for name in TABLES}, names[IMAGE_BUCKET])


def left_by_the_last_stack(stack: CloudFormationStack) -> dict[str, list[str]]:
    """Returns the tables and buckets of the last deleted stack of this name that still exist.

    They are sorted by their names in the template. CloudFormation's history of that stack names them, so none
    of them belongs to another stack. After 90 days it has no history, and nothing is returned.
    """
    existing = {*_table_names(stack.session), *_bucket_names(stack.session)}
    found: dict[str, list[str]] = {name: [] for name in (*TABLES, IMAGE_BUCKET)}
    for resource in stack.kept_by_the_last_deletion(found):
        if resource.physical_id in existing:
            found[resource.logical_id].append(resource.physical_id)
    return found


def leftovers(session: boto3.Session, stack: str) -> dict[str, list[str]]:
    """Returns what deleted stacks of this name may have left: tables and buckets, by names in the template.

    CloudFormation has named them `<stack>-<name in the template>-<random text>`. Bucket names are in lower
    case, so those of a stack whose name differs in case only are found, too. They are cut if the stack's name
    is long; such a bucket is not found. A table named without the random text, such as a restored one, is
    found, too.
    """
    tables = _table_names(session)
    found = {name: _named(tables, f"{stack}-{name}") for name in TABLES}
    found[IMAGE_BUCKET] = _buckets_named(session, f"{stack}-{IMAGE_BUCKET}".lower())
    return found


def _table_names(session: boto3.Session) -> list[str]:
    pages = session.client("dynamodb").get_paginator("list_tables").paginate()
    return [name for page in pages for name in page["TableNames"]]


def _bucket_names(session: boto3.Session) -> list[str]:
    return [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]


def _buckets_named(session: boto3.Session, prefix: str) -> list[str]:
    """Returns the buckets of this region whose names begin with `prefix`.

    S3 lists the buckets of all regions, but those of other regions may belong to other stacks.
    """
    s3 = session.client("s3")
    names = _named(_bucket_names(session), prefix)
    return [name for name in names if _region_of(s3, name) == session.region_name]


def _region_of(s3: "S3Client", bucket: str) -> str:
    # Two regions have names of their own here, which are older than the names of regions.
    location = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
    return {None: "us-east-1", "EU": "eu-west-1"}.get(location, location)


def _named(names: list[str], prefix: str) -> list[str]:
    # The random text has no hyphen: what follows one belongs to a stack whose name begins with `prefix`.
    return [name for name in names if re.fullmatch(rf"{re.escape(prefix)}(-[A-Za-z0-9]+)?", name)]
