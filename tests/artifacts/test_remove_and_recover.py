"""`make remove` leaves nothing but what it names, and `make recover` brings that into a new stack."""

import contextlib
import functools
import io
import json
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deployment.data import TABLES
from deployment.page import publish_page
from deployment.recovery import _write_rows as write_rows
from deployment.release import main
from deployment.removal import empty_bucket
from deployment.stack import CloudFormationStack, DeploymentError
from imagecache.clock import DAY, now
from imagecache.stores.state.lock import SyncLock
from imagecache.stores.state.salt import SaltStore
from local.deploy import deploy
from local.engine import Engine, running_engine
from local.processes import Child
from local.template import ROOT, read_template
from tests.artifacts.outcome import Outcome
from tests.artifacts.terminal import converse

LAYERS = ("DependenciesLayer", "ImagingLayer", "DomainLayer")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Runs an engine that cannot delete a bucket with content."""

    def strict_child(folder: Path, _: str, arguments: list[str], **settings: Any) -> Child:
        return Child(folder, "tests.artifacts.strict_engine", arguments, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local.engine.Child", strict_child)
        with running_engine(tmp_path_factory.mktemp("engine")) as engine:
            yield engine


@dataclass(frozen=True, slots=True)
class Account:
    """What a person does with the stacks of one account, and what is there afterwards."""

    engine: Engine
    patch: pytest.MonkeyPatch

    def client(self, service: str) -> Any:
        return boto3.client(service, **self.engine.access)  # type: ignore[call-overload]  # a name that varies

    def run(self, command: str, **settings: str) -> Outcome:
        """Does what `make` would start, without a terminal."""
        with self.patch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in {**self.engine.environment, **settings}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO())
            output = io.StringIO()
            errors = io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                exit_code = main(command, [])
        return Outcome(exit_code, output.getvalue(), errors.getvalue())

    def deploy(self, name: str, version: str = "1", **parameters: str) -> dict[str, str]:
        """Deploys the template with tokens and the page, and returns the names of its resources.

        Another `version` makes another version of a layer, as changed code would.
        """
        template = read_template()
        template["Resources"]["DomainLayer"]["Properties"]["Description"] = version
        stack = deploy(
            self.engine,
            template,
            root=ROOT,
            builds=ROOT / ".local" / "build",
            name=name,
            parameters=parameters,
            secrets={"beeper-token": "b33per", "read-token": "r", "admin-token": "a"},
        )
        publish_page(self.client("s3"), stack.outputs["WebBucket"], ROOT / "web")
        return dict(stack.resources)

    def deploy_data(self, name: str, *others: str, **parameters: str) -> dict[str, str]:
        """Deploys only the tables and buckets of the template, and `others`, which is faster."""
        template = read_template()
        names = (*TABLES, "ImageBucket", "WebBucket", *others)
        stack = deploy(
            self.engine,
            {
                "Transform": template["Transform"],
                "Parameters": {"SyncState": template["Parameters"]["SyncState"]},
                "Resources": {resource: template["Resources"][resource] for resource in names},
                "Outputs": {"Address": {"Value": "-"}, "WebBucket": template["Outputs"]["WebBucket"]},
            },
            root=ROOT,
            builds=ROOT / ".local" / "build",
            name=name,
            parameters=parameters,
            secrets={},
        )
        return dict(stack.resources)

    def rows(self, table: str) -> list[dict[str, Any]]:
        items = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        return sorted(items, key=repr)

    def objects(self, bucket: str) -> dict[str, tuple[bytes, str, str]]:
        """Returns content, type and caching rule of every object."""
        s3 = self.client("s3")
        answers = {
            entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])
            for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        }
        return {
            key: (answer["Body"].read(), answer["ContentType"], answer["CacheControl"])
            for key, answer in answers.items()
        }

    def salt(self, table: str) -> bytes:
        return SaltStore(table_name=table, dynamodb=self.client("dynamodb")).read()

    def fill(self, resources: dict[str, str]) -> None:
        """Writes more rows than one request takes, with several types, and two versions of each object."""
        self.salt(resources["SyncStateTable"])
        dynamodb = self.client("dynamodb")
        for table in TABLES:
            keys = dynamodb.describe_table(TableName=resources[table])["Table"]["KeySchema"]
            rows: list[dict[str, Any]] = [
                {key["AttributeName"]: {"S": f"{number}"} for key in keys}
                | {"members": {"SS": ["a", "b"]}, "bytes": {"B": b"\0\1"}, "at": {"N": "1.5"}}
                for number in range(30)
            ]
            for written in (rows[:25], rows[25:]):
                requests = [{"PutRequest": {"Item": row}} for row in written]
                dynamodb.batch_write_item(RequestItems={resources[table]: requests})
        s3 = self.client("s3")
        for version in (b"old", b"new"):
            for key in ("originals/1", "images/1/96.webp", "images/1/192.webp"):
                s3.put_object(
                    Bucket=resources["ImageBucket"],
                    Key=key,
                    Body=version + key.encode(),
                    ContentType="image/webp",
                    CacheControl="immutable",
                )
        s3.delete_object(Bucket=resources["ImageBucket"], Key="images/1/192.webp")

    def exists(self, kind: str, name: str) -> bool:
        try:
            if kind == "table":
                self.client("dynamodb").describe_table(TableName=name)
            elif kind == "bucket":
                self.client("s3").head_bucket(Bucket=name)
            else:
                [stack] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
                return bool(stack["StackStatus"] != "DELETE_COMPLETE")
        except ClientError:
            return False
        return True

    def create_bucket(self, name: str, region: str = "eu-west-1") -> None:
        s3: Any = boto3.client("s3", **{**self.engine.access, "region_name": region})
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})

    def schedule_state(self, name: str) -> str:
        return str(self.client("scheduler").get_schedule(Name=name)["State"])

    def parameters(self, stack: str) -> list[str]:
        entries = self.client("ssm").get_parameters_by_path(Path=f"/{stack}")["Parameters"]
        return [entry["Name"] for entry in entries]

    def layer_versions(self) -> list[str]:
        versions = [self.client("lambda").list_layer_versions(LayerName=name) for name in LAYERS]
        return [entry["LayerVersionArn"] for answer in versions for entry in answer["LayerVersions"]]


@pytest.fixture
def account(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(engine, monkeypatch)


@pytest.fixture
def name() -> str:
    return f"s{uuid.uuid4().hex[:12]}"


def kept_of(resources: dict[str, str]) -> set[str]:
    return {resources[table] for table in TABLES} | {resources["ImageBucket"]}


def left_of(account: Account, resources: dict[str, str]) -> set[str]:
    """Returns which of these tables and bucket still exist."""
    return {
        kept
        for kept in kept_of(resources)
        if account.exists("bucket" if kept == resources["ImageBucket"] else "table", kept)
    }


def recovered_rows(account: Account, resources: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Returns all rows of a recovered stack, except for the record of its recovery."""
    rows = {table: account.rows(resources[table]) for table in TABLES}
    rows["SyncStateTable"] = [row for row in rows["SyncStateTable"] if row["name"] != {"S": "recovery"}]
    return rows


def test_what_is_removed_what_is_kept_and_how_it_comes_back(account: Account, name: str) -> None:
    layers = account.layer_versions()
    account.deploy(name)
    old = account.deploy(name, version="2")
    assert account.schedule_state(old["SyncFunctionEvery10Minutes"]) == "ENABLED"
    account.fill(old)
    assert (
        len(account.layer_versions()) == len(layers) + len(LAYERS) + 1
    )  # CloudFormation keeps the replaced one
    rows = {table: account.rows(old[table]) for table in TABLES}
    objects = account.objects(old["ImageBucket"])
    salt = account.salt(old["SyncStateTable"])

    unconfirmed = account.run("remove", STACK=name)
    assert unconfirmed.exit_code == 2
    assert f"CONFIRM={name} is not set: nothing was changed" in unconfirmed.errors
    assert account.objects(old["WebBucket"])

    removed = account.run("remove", STACK=name, CONFIRM=name)
    assert removed.exit_code == 0, removed.errors
    assert not account.exists("stack", name)
    assert not account.exists("bucket", old["WebBucket"])
    assert (account.parameters(name), account.layer_versions()) == ([], layers)
    named = {line.split()[-1] for line in removed.output.splitlines() if line.startswith("kept the ")}
    assert named == kept_of(old)
    assert f"make remove STACK={name} DATA=delete" in removed.output
    assert "left: the stack aws-sam-cli-managed-default with the bucket of uploaded code" in removed.output
    assert f"make recover STACK=<new stack> FROM={name} ImageBucket={old['ImageBucket']}" in removed.output

    new = account.deploy(f"{name}-new", SyncState="DISABLED")
    schedules = ("SyncFunctionEvery10Minutes", "ContactsFunctionEvery2Hours", "CleanupFunctionNightly")
    assert {account.schedule_state(new[schedule]) for schedule in schedules} == {"DISABLED"}
    # An earlier attempt was interrupted after a few rows and one object.
    account.client("dynamodb").put_item(TableName=new["ContactsTable"], Item=rows["ContactsTable"][0])
    recovered = account.run("recover", STACK=f"{name}-new", FROM=name, ImageBucket=old["ImageBucket"])
    assert recovered.exit_code == 0, recovered.errors
    assert recovered.output.splitlines()[0] == "recovered 151 rows, and copied 2 objects"
    assert recovered_rows(account, new) == rows
    assert account.objects(new["ImageBucket"]) == objects
    assert account.salt(new["SyncStateTable"]) == salt

    deleted = account.run("remove", STACK=name, CONFIRM=name, DATA="delete")
    assert deleted.exit_code == 0, deleted.errors
    assert left_of(account, old) == set()
    assert account.rows(new["ContactsTable"]) == rows["ContactsTable"]
    nothing = account.run("remove", STACK=name, CONFIRM=name, DATA="delete")
    assert (nothing.exit_code, f"nothing to remove of {name}" in nothing.errors) == (1, True)


@pytest.mark.parametrize("stack_is_gone", [False, True])
def test_a_removal_that_is_interrupted_is_completed_by_the_same_command(
    account: Account, name: str, monkeypatch: pytest.MonkeyPatch, stack_is_gone: bool
) -> None:
    layers = account.layer_versions()
    resources = account.deploy_data(name, "DomainLayer")
    account.client("s3").put_object(Bucket=resources["ImageBucket"], Key="originals/1", Body=b"1")
    account.client("ssm").put_parameter(Name=f"/{name}/read-token", Value="r", Type="SecureString")
    delete = CloudFormationStack.delete

    def interrupted(stack: CloudFormationStack) -> None:
        if stack_is_gone:
            delete(stack)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CloudFormationStack, "delete", interrupted)
        stopped = account.run("remove", STACK=name, CONFIRM=name)
    assert (stopped.exit_code, account.exists("stack", name)) == (130, not stack_is_gone)

    misspelt = account.run("remove", STACK=name, CONFIRM=name, DATA="all")
    assert (misspelt.exit_code, account.parameters(name)) == (2, [f"/{name}/read-token"])
    # Once the data of the stack is kept, and once it is deleted together with the stack.
    data = "keep" if stack_is_gone else "delete"
    removed = account.run("remove", STACK=name, CONFIRM=name, DATA=data)

    assert removed.exit_code == 0, removed.errors
    assert not account.exists("stack", name)
    assert (account.parameters(name), account.layer_versions()) == ([], layers)
    named = {line.split()[-1] for line in removed.output.splitlines() if line.startswith("kept the ")}
    left = left_of(account, resources)
    assert named == left == (kept_of(resources) if stack_is_gone else set())


def test_rows_that_dynamodb_does_not_take_at_once_are_sent_again_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deployment.recovery.time.sleep", lambda _: None)
    rows: list[dict[str, Any]] = [{"name": {"S": str(number)}} for number in range(3)]
    table = BusyTable(taken_per_request=1)
    write_rows(table, "t", rows)
    assert table.rows == rows
    with pytest.raises(DeploymentError, match="run the same command again in a minute"):
        write_rows(BusyTable(taken_per_request=0), "t", rows)


class BusyTable:
    """A client of DynamoDB that writes only so many rows of each request."""

    def __init__(self, *, taken_per_request: int) -> None:
        self._taken_per_request = taken_per_request
        self.rows: list[dict[str, Any]] = []

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        [(table, requests)] = RequestItems.items()
        taken = requests[: self._taken_per_request]
        self.rows += [request["PutRequest"]["Item"] for request in taken]
        rest = requests[self._taken_per_request :]
        return {"UnprocessedItems": {table: rest} if rest else {}}


def test_a_restored_backup_is_recovered_into_a_new_stack(account: Account, name: str) -> None:
    old = account.deploy_data(name)
    account.fill(old)
    restored = f"{name}-restored"
    dynamodb = account.client("dynamodb")
    for table in TABLES:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=old[table], TargetTableName=f"{restored}-{table}", UseLatestRestorableTime=True
        )
    rows = {table: account.rows(old[table]) for table in TABLES}
    new = account.deploy_data(f"{name}-new", SyncState="DISABLED")

    without_bucket = account.run("recover", STACK=f"{name}-new", FROM=restored)
    assert "one ImageBucket of" in without_bucket.errors
    assert "Name the one to copy: ImageBucket=..." in without_bucket.errors
    done = account.run("recover", STACK=f"{name}-new", FROM=restored, ImageBucket=old["ImageBucket"])

    assert done.exit_code == 0, done.errors
    assert recovered_rows(account, new) == rows


def test_a_recovery_is_repeated_only_when_a_person_says_so(account: Account, name: str) -> None:
    old = account.deploy_data(name)
    account.fill(old)
    new = account.deploy_data(f"{name}-new", SyncState="DISABLED")
    recover = functools.partial(account.run, "recover", STACK=f"{name}-new", FROM=name)
    assert recover().exit_code == 0
    changed = {"contactId": {"S": "0"}, "displayName": {"S": "Ada, renamed since"}}
    account.client("dynamodb").put_item(TableName=new["ContactsTable"], Item=changed)

    refused = recover()
    assert refused.exit_code == 1
    assert "would replace what has changed since: to do that, set AGAIN=yes" in refused.errors
    assert changed in account.rows(new["ContactsTable"])
    assert recover(AGAIN="no").exit_code == 2

    again = recover(AGAIN="yes")
    assert again.output.splitlines()[0] == "recovered 151 rows, and copied 0 objects"
    assert changed not in account.rows(new["ContactsTable"])


def test_a_recovery_that_is_interrupted_is_continued_within_a_day(
    account: Account, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = account.deploy_data(name)
    account.fill(old)
    # The source was recovered itself. Its record says nothing about the new stack.
    done_there = {"name": {"S": "recovery"}, "begunAt": {"N": "1"}, "completedAt": {"N": "2"}}
    account.client("dynamodb").put_item(TableName=old["SyncStateTable"], Item=done_there)
    new = account.deploy_data(f"{name}-new", SyncState="DISABLED")
    with monkeypatch.context() as patch:
        # The rows of the last table are not copied.
        patch.setattr("deployment.recovery.TABLES", (*TABLES[:-1], "interrupted"))
        with pytest.raises(KeyError):
            account.run("recover", STACK=f"{name}-new", FROM=name)

    with monkeypatch.context() as patch:
        patch.setattr("deployment.recovery.now", lambda: now() + 2 * DAY)
        too_late = account.run("recover", STACK=f"{name}-new", FROM=name)
    assert (too_late.exit_code, "set AGAIN=yes" in too_late.errors) == (1, True)

    continued = account.run("recover", STACK=f"{name}-new", FROM=name)
    assert continued.exit_code == 0, continued.errors
    rows = {table: account.rows(old[table]) for table in TABLES}
    rows["SyncStateTable"].remove(done_there)
    assert recovered_rows(account, new) == rows


def test_a_recovery_is_refused_where_it_would_mix_data(account: Account, name: str) -> None:
    old = account.deploy_data(name)
    account.fill(old)
    new = account.deploy_data(f"{name}-new")

    running = account.run("recover", STACK=f"{name}-new", FROM=name)
    assert "deploy it with PARAMETERS=SyncState=DISABLED first" in running.errors
    account.deploy_data(f"{name}-new", SyncState="DISABLED")
    lock = SyncLock(table_name=new["SyncStateTable"], dynamodb=account.client("dynamodb"))
    held = lock.acquire(now=now(), lease_ms=60_000)
    assert held
    syncing = account.run("recover", STACK=f"{name}-new", FROM=name)
    assert "a sync of" in syncing.errors
    lock.release(held.fence)
    account.salt(new["SyncStateTable"])
    used = account.run("recover", STACK=f"{name}-new", FROM=name)
    assert "has already stored pictures" in used.errors
    assert account.rows(new["ContactsTable"]) == []

    into_itself = account.run("recover", STACK=f"{name}-new", FROM=name, ContactsTable=new["ContactsTable"])
    assert "cannot be copied into itself: name those of the deleted stack" in into_itself.errors
    second = f"{name}-imagebucket-1a2b3c"
    account.create_bucket(second)
    ambiguous = account.run("recover", STACK=f"{name}-new", FROM=name)
    assert f"one ImageBucket of {name} was expected, but there is several: " in ambiguous.errors
    assert second in ambiguous.errors

    nowhere = account.run("recover", STACK=f"{name}-new", FROM="nowhere")
    assert "one BeeperChatsTable of nowhere was expected, but there is none" in nowhere.errors
    absent = account.run("recover", STACK=f"{name}-absent", FROM=name)
    assert f"{name}-absent in eu-west-1 is not deployed" in absent.errors
    refused = (running, syncing, used, into_itself, ambiguous, nowhere, absent)
    assert {outcome.exit_code for outcome in refused} == {1}


def test_at_a_terminal_the_stacks_name_is_typed_and_anything_else_changes_nothing(
    account: Account, name: str, tmp_path: Path
) -> None:
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody='{"Resources": {"WebBucket": {"Type": "AWS::S3::Bucket"}}}'
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        **account.engine.environment,
        "STACK": name,
        "CONFIRM": name,  # at a terminal a variable is not enough
    }
    command = [sys.executable, "-m", "deployment.release", "remove"]
    remove = functools.partial(converse, command, ROOT, environment)
    question = "Type the stack's name to delete it.*: "

    mistyped = remove([(question, "imagecache")])
    assert (mistyped.exit_code, account.exists("stack", name)) == (2, True)
    assert "that is not the stack's name: nothing was changed" in mistyped.screen

    removed = remove([(question, name)])
    assert (removed.exit_code, account.exists("stack", name)) == (0, False), removed.screen


def test_only_what_the_last_stack_of_a_name_has_left_is_deleted_with_it(account: Account, name: str) -> None:
    first = account.deploy_data(name)
    assert account.run("remove", STACK=name, CONFIRM=name).exit_code == 0
    second = account.deploy_data(name)
    assert account.run("remove", STACK=name, CONFIRM=name).exit_code == 0
    # The engine gives the tables of both stacks the same names, which AWS does not.
    table = f"{name}-ContactsTable-1A2B3C"
    account.client("dynamodb").create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "contactId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "contactId", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    # S3 has no capital letters, so this may be the bucket of a stack that is called `S...`.
    bucket = f"{name}-imagebucket-1a2b3c"
    account.create_bucket(bucket)
    others = [("table", table), ("bucket", first["ImageBucket"]), ("bucket", bucket)]

    removed = account.run("remove", STACK=name, CONFIRM=name, DATA="delete")
    assert removed.exit_code == 0, removed.errors
    assert left_of(account, second) == set()
    nothing_more = account.run("remove", STACK=name, CONFIRM=name, DATA="delete")
    assert nothing_more.exit_code == 1
    assert all(account.exists(kind, other) for kind, other in others)
    for outcome in (removed, nothing_more):
        lines = [line for line in outcome.output.splitlines() if "may belong to another stack" in line]
        assert {line.split()[1].rstrip(",") for line in lines} == {other for _, other in others}

    named = account.run("remove", STACK=name, CONFIRM=name, DATA="delete", ContactsTable=table)
    assert named.exit_code == 0, named.errors
    assert [account.exists(kind, other) for kind, other in others] == [False, True, True]


def test_data_of_other_stacks_and_regions_is_never_taken_for_what_a_stack_has_left(
    account: Account, name: str
) -> None:
    """A bucket of a stack of the same name in another region, and one whose name begins with this name."""
    elsewhere = f"{name}-imagebucket-1elsewhere"
    longer = f"{name}-imagebucket-imagebucket-1a2b3c"
    left = f"{name}-imagebucket-1a2b3c"
    for bucket, region in ((elsewhere, "us-west-2"), (longer, "eu-west-1"), (left, "eu-west-1")):
        account.create_bucket(bucket, region)

    exit_codes = [
        account.run("remove", STACK=name, CONFIRM=name, DATA="delete", ImageBucket=bucket).exit_code
        for bucket in ("", elsewhere, longer, left)
    ]

    assert exit_codes == [1, 1, 1, 0]
    assert [account.exists("bucket", bucket) for bucket in (elsewhere, longer, left)] == [True, True, False]


def test_the_engine_of_these_tests_deletes_no_full_bucket(account: Account, name: str) -> None:
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody='{"Resources": {"WebBucket": {"Type": "AWS::S3::Bucket"}}}'
    )
    [bucket] = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    account.client("s3").put_object(Bucket=bucket["PhysicalResourceId"], Key="index.html", Body=b"")
    cloudformation.delete_stack(StackName=name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    with pytest.raises(Exception, match="DELETE_FAILED"):
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert account.exists("bucket", bucket["PhysicalResourceId"])

    assert account.run("remove", STACK=name, CONFIRM=name).exit_code == 0
    assert not account.exists("bucket", bucket["PhysicalResourceId"])


def test_a_bucket_of_more_versions_than_a_request_deletes_is_emptied(account: Account, name: str) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        for number in range(6):
            s3.put_object(Bucket=name, Key=str(number), Body=b"")
    s3.delete_object(Bucket=name, Key="3")
    with account.patch.context() as patch:
        patch.setattr("deployment.removal._VERSIONS_PER_REQUEST", 5)
        for variable, value in account.engine.environment.items():
            patch.setenv(variable, value)
        assert empty_bucket(boto3.Session(region_name="eu-west-1"), name) == 13
    s3.delete_bucket(Bucket=name)


def test_a_stack_of_another_application_is_not_removed(account: Account, name: str) -> None:
    template = {"Resources": {"Orders": {"Type": "AWS::SQS::Queue", "Properties": {}}}}
    account.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))

    refused = account.run("remove", STACK=name, CONFIRM=name)

    assert refused.exit_code == 1
    assert "belongs to another application: choose another STACK" in refused.errors
    assert account.exists("stack", name)


def test_parameters_of_another_application_below_the_same_path_are_kept(account: Account, name: str) -> None:
    account.deploy_data(name)
    ssm = account.client("ssm")
    for parameter in ("db-password", "read-token"):
        ssm.put_parameter(Name=f"/{name}/{parameter}", Value="s3cret", Type="SecureString")

    assert account.run("remove", STACK=name, CONFIRM=name).exit_code == 0

    assert account.parameters(name) == [f"/{name}/db-password"]


def test_a_stack_that_is_protected_against_deletion_loses_nothing(account: Account, name: str) -> None:
    resources = account.deploy_data(name)
    account.client("s3").put_object(Bucket=resources["WebBucket"], Key="index.html", Body=b"the page")
    account.patch.setattr(CloudFormationStack, "is_protected", lambda _: True)

    refused = account.run("remove", STACK=name, CONFIRM=name)

    assert refused.exit_code == 1
    assert "is protected against deletion" in refused.errors
    assert account.exists("stack", name)
    assert account.client("s3").list_objects_v2(Bucket=resources["WebBucket"])["KeyCount"] == 1
