"""Copies tables and pictures of an earlier stack into a new one.

The sources are the tables and the bucket that a removed stack has left, or tables restored from a backup.
Every step replaces rows and objects by what the source has, and skips objects that are there already, so a
recovery that was interrupted is continued by the same command. Nothing is deleted, neither here nor there.

The row `recovery` of the new stack's syncState records the recovery, because a second one would replace what
has changed since. It is not copied from the source.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from deployment.data import IMAGE_BUCKET, TABLES, StackData, data_of, leftovers
from deployment.settings import read_repetition, read_source_name
from deployment.stack import CloudFormationStack, DeploymentError
from imagecache.clock import DAY, now
from local.console import announce, say

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ROWS_PER_REQUEST = 25  # DynamoDB's limit of one BatchWriteItem
_ATTEMPTS = 12
_COPIES_AT_ONCE = 16
_SALT = {"name": {"S": "salt"}}
_LOCK = {"name": {"S": "lock"}}
_RECORD = {"name": {"S": "recovery"}}


def recover(stack: CloudFormationStack, environment: Mapping[str, str]) -> None:
    """Copies the data of the deleted stack `FROM` into the stack.

    `AGAIN=yes` repeats a recovery. Raises SettingsError or DeploymentError, before anything is copied, if a
    source is missing or ambiguous, or if the stack is not ready for it.
    """
    name = read_source_name(environment)
    is_repeated = read_repetition(environment)
    stack.deployed_outputs()
    if stack.parameters().get("SyncState") != "DISABLED":
        raise DeploymentError(
            f"{stack} could sync or delete pictures during the recovery:"
            " deploy it with PARAMETERS=SyncState=DISABLED first"
        )
    target = data_of(stack)
    source = _source(stack.session, name, target, environment)
    state = target.tables["SyncStateTable"]
    _refuse_during_a_sync(stack, state)
    if not is_repeated:
        _refuse_repetition(stack, state)
    # The salt comes first: it goes into the names of all pictures.
    _copy_salt(stack, source.tables["SyncStateTable"], state)
    record = {**_RECORD, "source": {"S": name}, "begunAt": {"N": str(now())}}
    dynamodb = stack.session.client("dynamodb")
    dynamodb.put_item(TableName=state, Item=record)
    objects = _copy_objects(stack.session, source.bucket, target.bucket)
    rows = sum(_copy_rows(stack.session, source.tables[table], target.tables[table]) for table in TABLES)
    dynamodb.put_item(TableName=state, Item={**record, "completedAt": {"N": str(now())}})
    announce(f"recovered {rows} rows, and copied {objects} objects")
    announce(f"to start the schedules: make deploy STACK={stack.name} PARAMETERS=SyncState=ENABLED")


def _refuse_during_a_sync(stack: CloudFormationStack, table: str) -> None:
    """Raises DeploymentError if a run of sync, which may have been started by hand, holds its lock."""
    if _time_in(stack, table, _LOCK, "heldUntil") >= now():
        raise DeploymentError(
            f"a sync of {stack} is running, or has ended without releasing its lock:"
            " try again when it is over, in at most 16 minutes"
        )


def _refuse_repetition(stack: CloudFormationStack, table: str) -> None:
    """Raises DeploymentError if the stack was recovered, or if a recovery was begun more than a day ago."""
    begun_at = _time_in(stack, table, _RECORD, "begunAt")
    is_complete = _time_in(stack, table, _RECORD, "completedAt") > 0
    if is_complete or 0 < begun_at < now() - DAY:
        begun = datetime.fromtimestamp(begun_at / 1000, UTC)
        raise DeploymentError(
            f"data was recovered into {stack} on {begun:%Y-%m-%d}, and another recovery would replace what"
            " has changed since: to do that, set AGAIN=yes"
        )


def _time_in(stack: CloudFormationStack, table: str, key: dict[str, dict[str, str]], attribute: str) -> int:
    """Returns a time (ms) in a row, or 0 if there is none."""
    dynamodb: Any = stack.session.client("dynamodb")
    row = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
    return int(row[attribute]["N"]) if attribute in row else 0


def _source(
    session: boto3.Session, name: str, target: StackData, environment: Mapping[str, str]
) -> StackData:
    """Returns the tables and the bucket to copy: the only ones of their name, or those named by variables."""
    found = leftovers(session, name)
    own = {*target.tables.values(), target.bucket}
    chosen = {}
    for logical_id, physical_names in found.items():
        candidates = [candidate for candidate in physical_names if candidate not in own]
        if given := environment.get(logical_id):
            candidates = [given]
        if len(candidates) != 1:
            what = f"several: {', '.join(candidates)}" if candidates else "none"
            raise DeploymentError(
                f"one {logical_id} of {name} was expected, but there is {what}."
                f" Name the one to copy: {logical_id}=..."
            )
        chosen[logical_id] = candidates[0]
    if own & set(chosen.values()):
        raise DeploymentError(
            "a table or bucket of the stack cannot be copied into itself: name those of the deleted stack"
        )
    bucket = chosen.pop(IMAGE_BUCKET)
    return StackData(chosen, bucket)


def _copy_salt(stack: CloudFormationStack, source: str, target: str) -> None:
    dynamodb = stack.session.client("dynamodb")
    salt = dynamodb.get_item(TableName=source, Key=_SALT, ConsistentRead=True).get("Item")
    present = dynamodb.get_item(TableName=target, Key=_SALT, ConsistentRead=True).get("Item")
    if present and present != salt:
        raise DeploymentError(
            f"{stack} has already stored pictures, under ids that differ from those in {source}:"
            " recover into a new stack"
        )
    if salt:
        dynamodb.put_item(TableName=target, Item=salt)


def _copy_rows(session: boto3.Session, source: str, target: str) -> int:
    """Copies every row of a table, and returns how many there were."""
    dynamodb: Any = session.client("dynamodb")
    count = 0
    for page in dynamodb.get_paginator("scan").paginate(TableName=source, ConsistentRead=True):
        rows = [row for row in page["Items"] if not _is_record(row)]
        for start in range(0, len(rows), _ROWS_PER_REQUEST):
            _write_rows(dynamodb, target, rows[start : start + _ROWS_PER_REQUEST])
        count += len(rows)
    say(f"{target}: {count} rows")
    return count


def _is_record(row: Mapping[str, Any]) -> bool:
    """Returns True if the row is the record of a recovery. Its name is not enough: a contact may have it."""
    return row.get("name") == _RECORD["name"] and "begunAt" in row


def _write_rows(dynamodb: Any, table: str, rows: list[dict[str, Any]]) -> None:
    requests: dict[str, Any] = {table: [{"PutRequest": {"Item": row}} for row in rows]}
    for attempt in range(_ATTEMPTS):
        requests = dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems", {})
        if not requests:
            return
        time.sleep(min(0.05 * 2**attempt, 5))
    raise DeploymentError(f"DynamoDB is too busy to write to {table}: run the same command again in a minute")


def _copy_objects(session: boto3.Session, source: str, target: str) -> int:
    """Copies the objects that `target` does not have yet, within S3, and returns how many that were."""
    s3 = session.client("s3", config=Config(max_pool_connections=_COPIES_AT_ONCE))
    present = _listed(s3, target)
    missing = [key for key, content in _listed(s3, source).items() if present.get(key) != content]

    def copy(key: str) -> None:
        s3.copy_object(Bucket=target, Key=key, CopySource={"Bucket": source, "Key": key})

    with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
        for count, _ in enumerate(pool.map(copy, missing), start=1):
            if count % 1000 == 0:
                say(f"{target}: {count} of {len(missing)} objects copied")
    return len(missing)


def _listed(s3: "S3Client", bucket: str) -> dict[str, tuple[int, str]]:
    """Returns the size and the entity tag of every object, by its key."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {
        entry["Key"]: (entry["Size"], entry["ETag"]) for page in pages for entry in page.get("Contents", [])
    }
