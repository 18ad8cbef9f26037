"""Each function of the running stack, and an agent, may do what its work needs, and nothing else.

The engine evaluates the policies of the functions' roles in all other tests, too: they show that no right is
missing. Here each role tries every call that a function could misuse.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.api.conftest import Running

pytestmark = pytest.mark.engine

KEYS = {
    "BeeperChatsTable": ["chatId"],
    "ChatParticipantsTable": ["chatId", "participantId"],
    "CachedImagesTable": ["imageKey"],
    "ContactsTable": ["contactId"],
    "SyncStateTable": ["name"],
}
INDEXES = {
    "BeeperChatsTable": ("byActivity", "folder"),
    "ChatParticipantsTable": ("byImage", "imageKey"),
    "CachedImagesTable": ("byBlob", "blobId"),
    "ContactsTable": ("byImage", "imageKey"),
}
SECRETS = (
    "beeper-token",
    "media-server-token",
    "cf-access-client-id",
    "cf-access-client-secret",
    "dex-api-key",
    "read-token",
    "admin-token",
)
STATE_ROWS = ("salt", "origin#none")
STATE = {
    f"SyncStateTable {action}{of_row}"
    for action in ("GetItem", "PutItem", "UpdateItem")
    for of_row in ("", *(f" of {row}" for row in STATE_ROWS))
}
CONTACTS = {
    f"ContactsTable {action}" for action in ("GetItem", "Scan", "PutItem", "UpdateItem", "DeleteItem")
}
SYNCED = {"Scan", "PutItem", "INSERT", "UpdateItem", "DeleteItem"}

MAY = {
    "SyncFunction": {
        *(f"BeeperChatsTable {action}" for action in SYNCED | {"BatchGetItem"}),
        *(f"ChatParticipantsTable {action}" for action in SYNCED | {"Query"}),
        *("CachedImagesTable BatchGetItem", "CachedImagesTable UpdateItem", "CachedImagesTable index Query"),
        "CachedImagesTable INSERT",
        *CONTACTS,
        "ContactsTable BatchGetItem",
        *STATE,
        *("send image", "send sync request", "invoke SyncFunction"),
        *("read beeper-token", "read cf-access-client-id", "read cf-access-client-secret"),
    },
    "CacherFunction": {
        *("CachedImagesTable GetItem", "CachedImagesTable UpdateItem"),
        *("SyncStateTable GetItem of salt", "SyncStateTable PutItem of salt"),
        *("SyncStateTable GetItem of origin#none", "SyncStateTable UpdateItem of origin#none"),
        *("send image", "hide image", "receive image", "delete image"),
        *("put original", "put thumbnail"),
        *("read beeper-token", "read media-server-token"),
        *("read cf-access-client-id", "read cf-access-client-secret"),
    },
    "ReadFunction": {
        *("BeeperChatsTable GetItem", "BeeperChatsTable BatchGetItem", "BeeperChatsTable index Query"),
        *("ChatParticipantsTable Query", "ChatParticipantsTable Scan", "ChatParticipantsTable index Query"),
        *("ContactsTable BatchGetItem", "ContactsTable index Query"),
        *("CachedImagesTable GetItem", "CachedImagesTable BatchGetItem", "CachedImagesTable Scan"),
        *("CachedImagesTable index Query", "CachedImagesTable index Scan"),
        *("SyncStateTable GetItem", *(f"SyncStateTable GetItem of {row}" for row in STATE_ROWS)),
        *("read read-token", "read admin-token"),
    },
    "AdminFunction": {
        *("BeeperChatsTable BatchGetItem", "ChatParticipantsTable index Query"),
        *("ChatParticipantsTable Query", "ChatParticipantsTable UpdateItem"),
        *CONTACTS,
        *("ContactsTable BatchGetItem", "ContactsTable index Query"),
        *("CachedImagesTable GetItem", "CachedImagesTable BatchGetItem"),
        *("CachedImagesTable INSERT", "CachedImagesTable UpdateItem", "CachedImagesTable index Query"),
        *STATE,
        "send image",
        *("invoke SyncFunction", "invoke JobsFunction", "invoke CleanupFunction"),
        *("list versions", "delete version", "delete versions", "invalidate", "read distribution-id"),
        *("delete original", "delete thumbnail", "delete objects"),
        *("read read-token", "read admin-token"),
    },
    "JobsFunction": {
        *("BeeperChatsTable index Query", "ChatParticipantsTable Query", "ContactsTable BatchGetItem"),
        *("CachedImagesTable BatchGetItem", "CachedImagesTable UpdateItem", "CachedImagesTable index Query"),
        "CachedImagesTable INSERT",
        *STATE,
        *("send image", "receive dead letter", "delete dead letter", "invoke JobsFunction"),
    },
    "ContactsFunction": {
        *CONTACTS,
        *("SyncStateTable UpdateItem", *(f"SyncStateTable UpdateItem of {row}" for row in STATE_ROWS)),
        *("invoke SyncFunction", "read dex-api-key"),
    },
    "CleanupFunction": {
        *("BeeperChatsTable index Query", "ContactsTable BatchGetItem"),
        *("ContactsTable index Query", "ContactsTable index Scan"),
        *("ChatParticipantsTable Query", "ChatParticipantsTable Scan"),
        *("ChatParticipantsTable UpdateItem", "ChatParticipantsTable DeleteItem"),
        *("ChatParticipantsTable index Query", "ChatParticipantsTable index Scan"),
        *("CachedImagesTable BatchGetItem", "CachedImagesTable Scan"),
        *("CachedImagesTable UpdateItem", "CachedImagesTable DeleteItem"),
        *("CachedImagesTable INSERT", "CachedImagesTable UPDATE", "CachedImagesTable DELETE"),
        *("CachedImagesTable index Query", "CachedImagesTable index Scan"),
        *STATE,
        *("send image", "invoke CleanupFunction"),
        *("list versions", "get original", "put thumbnail", "delete version", "delete versions"),
    },
}
AGENT = "AgentUser"
FUNCTIONS = tuple(MAY)
# What sync and the cacher do, without their secrets and invocations, and what Lambda does for them.
MAY[AGENT] = {
    name
    for name in MAY["SyncFunction"] | MAY["CacherFunction"]
    if not name.startswith(("read ", "invoke ", "send sync request"))
} | {f"{action} sync request" for action in ("receive", "hide", "delete")}
REFUSED = {"AccessDenied", "AccessDeniedException"}
# The answers to calls that are allowed and change nothing.
WITHOUT_EFFECT = {
    "ConditionalCheckFailedException",
    "NoSuchKey",
    "AWS.SimpleQueueService.EmptyBatchRequest",
    "AWS.SimpleQueueService.InvalidAttributeName",
}
Call = Callable[[], object]
PROBE = """
import os


def handler(event, context):
    return {name: os.environ[name] for name in event["names"]}
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls with the credentials of one function."""

    resources: dict[str, str]
    credentials: dict[str, Any] = field(repr=False)

    def calls(self) -> Iterator[tuple[str, Call]]:
        """Yields every call that is tried, by a name for it. None has an effect that lasts."""
        for table, key_names in KEYS.items():
            yield from self._table_calls(table, key_names)
        yield from self._state_calls()
        yield from self._bucket_calls()
        yield from self._queue_calls()
        yield from self._secret_calls()
        yield from self._other_calls()

    def _client(self, service: str) -> Any:
        make_client: Any = boto3.client  # its type has one case for each service
        return make_client(service, **self.credentials)

    def _table_calls(self, table: str, key_names: list[str]) -> Iterator[tuple[str, Call]]:
        dynamodb = self._client("dynamodb")
        name = self.resources[table]
        key = {key_name: {"S": "nobody"} for key_name in key_names}
        one = {"TableName": name, "Key": key}
        only_if_it_exists = {
            "ConditionExpression": "attribute_exists(#key)",
            "ExpressionAttributeNames": {"#key": key_names[0]},
        }

        def query(key_name: str, **index: str) -> object:
            return dynamodb.query(
                TableName=name,
                KeyConditionExpression="#key = :nobody",
                ExpressionAttributeNames={"#key": key_name},
                ExpressionAttributeValues={":nobody": {"S": "nobody"}},
                **index,
            )

        yield f"{table} GetItem", lambda: dynamodb.get_item(**one)
        yield f"{table} BatchGetItem", lambda: dynamodb.batch_get_item(RequestItems={name: {"Keys": [key]}})
        yield f"{table} Query", lambda: query(key_names[0])
        yield f"{table} Scan", lambda: dynamodb.scan(TableName=name, Limit=1)
        yield f"{table} PutItem", lambda: dynamodb.put_item(TableName=name, Item=key, **only_if_it_exists)
        yield f"{table} UpdateItem", lambda: dynamodb.update_item(**one, **only_if_it_exists)
        yield f"{table} DeleteItem", lambda: dynamodb.delete_item(**one, **only_if_it_exists)
        deletion = {name: [{"DeleteRequest": {"Key": key}}]}
        yield f"{table} BatchWriteItem", lambda: dynamodb.batch_write_item(RequestItems=deletion)
        for verb, statement in self._statements(name, key_names).items():
            yield f"{table} {verb}", partial(self._execute, statement)
        yield f"{table} DescribeTable", lambda: dynamodb.describe_table(TableName=name)
        if table in INDEXES:
            index, key_name = INDEXES[table]
            yield f"{table} index Query", lambda: query(key_name, IndexName=index)
            yield f"{table} index Scan", lambda: dynamodb.scan(TableName=name, IndexName=index, Limit=1)

    def _statements(self, name: str, key_names: list[str]) -> dict[str, str]:
        """Returns a PartiQL statement of each kind, by its verb. None has an effect."""
        no_key = ", ".join(f"'{key_name}': ''" for key_name in key_names)
        never = " AND ".join(f"{key_name} = 'nobody'" for key_name in key_names)
        return {
            "INSERT": f'INSERT INTO "{name}" VALUE {{{no_key}}}',
            "UPDATE": f'UPDATE "{name}" SET changed = 1 WHERE {never}',  # noqa: S608 - fixed names
            "DELETE": f'DELETE FROM "{name}" WHERE {never}',  # noqa: S608 - fixed names
            "SELECT": f'SELECT * FROM "{name}" WHERE {never}',  # noqa: S608 - fixed names
        }

    def _execute(self, statement: str) -> object:
        return self._client("dynamodb").batch_execute_statement(Statements=[{"Statement": statement}])

    def _state_calls(self) -> Iterator[tuple[str, Call]]:
        """Yields calls for single rows of syncState, of which a function may have some only."""
        dynamodb = self._client("dynamodb")
        for row in STATE_ROWS:
            table = {"TableName": self.resources["SyncStateTable"]}
            key = {"name": {"S": row}}
            never = {
                "ConditionExpression": "attribute_exists(#key) AND attribute_not_exists(#key)",
                "ExpressionAttributeNames": {"#key": "name"},
            }
            yield f"SyncStateTable GetItem of {row}", partial(dynamodb.get_item, **table, Key=key)
            yield f"SyncStateTable PutItem of {row}", partial(dynamodb.put_item, **table, Item=key, **never)
            yield (
                f"SyncStateTable UpdateItem of {row}",
                partial(dynamodb.update_item, **table, Key=key, **never),
            )

    def _bucket_calls(self) -> Iterator[tuple[str, Call]]:
        s3 = self._client("s3")
        images = self.resources["ImageBucket"]
        web = self.resources["WebBucket"]
        for kind, key in (
            ("original", "originals/probe"),
            ("thumbnail", "images/probe"),
            ("object", "probe"),
        ):
            thing = {"Bucket": images, "Key": key}
            yield f"get {kind}", partial(s3.get_object, **thing)
            yield f"put {kind}", partial(s3.put_object, **thing, Body=b"")
            yield f"delete {kind}", partial(s3.delete_object, **thing)
        yield "delete version", lambda: s3.delete_object(Bucket=images, Key="images/probe", VersionId="none")
        versions = {"Objects": [{"Key": "originals/probe", "VersionId": "none"}], "Quiet": True}
        yield "delete versions", lambda: s3.delete_objects(Bucket=images, Delete=versions)
        objects = {"Objects": [{"Key": "originals/probe"}], "Quiet": True}
        yield "delete objects", lambda: s3.delete_objects(Bucket=images, Delete=objects)
        yield "list objects", lambda: s3.list_objects_v2(Bucket=images)
        yield "list versions", lambda: s3.list_object_versions(Bucket=images, Prefix="none")
        yield "get page", lambda: s3.get_object(Bucket=web, Key="index.html")
        yield "put page", lambda: s3.put_object(Bucket=web, Key="probe", Body=b"")

    def _queue_calls(self) -> Iterator[tuple[str, Call]]:
        sqs = self._client("sqs")
        for kind, queue in (
            ("image", "ImagesQueue"),
            ("dead letter", "ImagesDeadLetterQueue"),
            ("sync request", "SyncRequestsQueue"),
        ):
            url = {"QueueUrl": self.resources[queue]}
            nothing = {**url, "Entries": []}
            yield f"send {kind}", partial(sqs.send_message_batch, **nothing)
            yield f"receive {kind}", partial(sqs.receive_message, **url, VisibilityTimeout=0)
            yield f"delete {kind}", partial(sqs.delete_message_batch, **nothing)
            yield f"hide {kind}", partial(sqs.change_message_visibility_batch, **nothing)
            yield f"purge {kind}", partial(sqs.purge_queue, **url)

    def _secret_calls(self) -> Iterator[tuple[str, Call]]:
        ssm = self._client("ssm")
        for secret in SECRETS:
            name = f"/imagecache/{secret}"
            yield f"read {secret}", partial(ssm.get_parameters, Names=[name], WithDecryption=True)
            yield (
                f"overwrite {secret}",
                partial(ssm.put_parameter, Name=name, Value="x", Type="SecureString", Overwrite=True),
            )
        both = [f"/imagecache/{secret}" for secret in ("beeper-token", "admin-token")]
        yield "read tokens of both sides", lambda: ssm.get_parameters(Names=both, WithDecryption=True)
        yield "read all secrets", lambda: ssm.get_parameters_by_path(Path="/imagecache", WithDecryption=True)
        yield "read distribution-id", lambda: ssm.get_parameter(Name="/imagecache/distribution-id")

    def _other_calls(self) -> Iterator[tuple[str, Call]]:
        functions = self._client("lambda")
        for name in FUNCTIONS:
            function = {"FunctionName": self.resources[name]}
            yield (
                f"invoke {name}",
                partial(functions.invoke, **function, InvocationType="DryRun"),
            )
            yield (
                f"change {name}",
                partial(functions.update_function_code, **function, ZipFile=packed(PROBE)),
            )
        role = self.resources["SyncFunctionRole"]
        yield (
            "change role",
            lambda: self._client("iam").put_role_policy(RoleName=role, PolicyName="p", PolicyDocument="{}"),
        )
        yield "describe stack", lambda: self._client("cloudformation").describe_stacks(StackName="imagecache")
        batch = {"Paths": {"Quantity": 1, "Items": ["/images/none"]}, "CallerReference": "probe"}
        yield (
            "invalidate",
            lambda: self._client("cloudfront").create_invalidation(
                DistributionId=self.resources["Distribution"], InvalidationBatch=batch
            ),
        )


def packed(code: str) -> bytes:
    """Returns the package of a function with this code."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("app.py", code)
    return out.getvalue()


def is_allowed(call: Call) -> bool:
    """Returns whether the engine evaluated the policy in favour of the call. Raises what says neither."""
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in REFUSED:
            return False
        if code not in WITHOUT_EFFECT:
            raise
    return True


@pytest.fixture(scope="module")
def resources(running: Running) -> dict[str, str]:
    """Returns logical id → physical id of everything in the stack."""
    described = boto3.client("cloudformation", **running.engine).describe_stack_resources(
        StackName="imagecache"
    )
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in described["StackResources"]
    }


@pytest.fixture
def caller(request: pytest.FixtureRequest, running: Running, resources: dict[str, str]) -> Iterator[Caller]:
    """Yields the credentials of the wanted function, or of a user with the policy of an agent."""
    credentials = (
        user_credentials(running, resources["AgentPolicy"])
        if request.param == AGENT
        else function_credentials(running, resources[request.param])
    )
    yield Caller(resources, {"endpoint_url": running.engine["endpoint_url"], **credentials})
    s3 = boto3.client("s3", **running.engine)
    bucket = resources["ImageBucket"]
    for prefix in ("originals/probe", "images/probe"):
        listing = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
        for version in [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def user_credentials(running: Running, policy: str) -> dict[str, str]:
    """Returns the key of a new user with this policy, as `make agent-credentials` makes one."""
    iam = boto3.client("iam", **running.engine)
    iam.create_user(UserName=AGENT)
    iam.attach_user_policy(UserName=AGENT, PolicyArn=policy)
    key = iam.create_access_key(UserName=AGENT)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def function_credentials(running: Running, function: str) -> dict[str, str]:
    """Returns the credentials that the engine gives to a function with the role of this one."""
    functions = boto3.client("lambda", **running.engine)
    role = functions.get_function_configuration(FunctionName=function)["Role"]
    functions.create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": packed(PROBE)},
    )
    variables = {
        "aws_access_key_id": "AWS_ACCESS_KEY_ID",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "aws_session_token": "AWS_SESSION_TOKEN",
    }
    answer = functions.invoke(FunctionName="probe", Payload=json.dumps({"names": [*variables.values()]}))
    values = json.loads(answer["Payload"].read())
    functions.delete_function(FunctionName="probe")
    return {name: values[variable] for name, variable in variables.items()}


@pytest.mark.parametrize("caller", MAY, indirect=True)
def test_a_function_may_do_what_its_work_needs_and_nothing_else(
    caller: Caller, request: pytest.FixtureRequest
) -> None:
    who = request.node.callspec.params["caller"]
    assert {name for name, call in caller.calls() if is_allowed(call)} == MAY[who]
