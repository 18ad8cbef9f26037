"""Stores and queue made of the template's own resources, and an account to fill them from.

moto answers for S3 and SQS, and DynamoDB Local for the tables. Where DynamoDB Local cannot run, moto answers
for them, too, and the tests take twice as much CPU time.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from moto import mock_aws

from demo.account import Account
from demo.chat_pages import PARTICIPANTS
from demo.invention import ODD_CHAT_IDS
from demo.service import DemoAccount
from imagecache.aws_clients import client_maker
from imagecache.model.image import ImageMessage, OriginName
from imagecache.queues.images import ImagesQueue, from_body
from imagecache.sources.beeper.chats import ChatApi
from imagecache.sources.beeper.images import AssetsServe
from imagecache.sources.transport import punctual_session
from imagecache.sources.web_images import GuardedWeb
from imagecache.stores.images.claims import Won
from imagecache.usecases.caching.cache_batch import BatchCacher
from imagecache.usecases.caching.cache_image import ImageCacher
from imagecache.usecases.caching.fetch_image import ImageSources
from imagecache.usecases.sync.sync_chats import ChatSync
from imagecache.usecases.sync.sync_run import SyncReport
from imagecache.wiring import Wiring
from tests.bucket_clock import bucket_clock
from tests.dynamodb_local.client import empty_tables
from tests.settings import config_with
from tests.tables import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

NOW = 1_800_000_000_000
DISTRIBUTION_PARAMETER = "/imagecache/distribution-id"
# boto3's session keeps what it has read of the services, which takes longer than most tests.
KEEPING_SESSION: Any = {"reset_boto3_session": False}
EXCEPT_DYNAMODB: Any = {"passthrough": {"services": ["dynamodb"]}}
TABLES = ("BeeperChatsTable", "ChatParticipantsTable", "CachedImagesTable", "ContactsTable", "SyncStateTable")


@dataclass
class Stack:
    """Stores and queue. moto is not thread-safe: everything here runs in one thread."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    queue_url: str
    now: int = NOW
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clients = {"dynamodb": self.dynamodb, "s3": self.s3, "sqs": self.sqs}
        config = config_with(images_queue_url=self.queue_url)

        def client(service: str, **options: Any) -> Any:
            return clients[service] if service in clients else boto3.client(service, **options)  # type: ignore[call-overload]  # a name that varies

        self.wiring = Wiring(config, make_client=client, clock=self.clock)
        self.chats_table = self.wiring.chats_table
        self.participants_table = self.wiring.participants_table
        self.cached_images = self.wiring.cached_images
        self.contacts_table = self.wiring.contacts_table
        self.claims = self.wiring.claims
        self.jobs = self.wiring.jobs
        self.circuits = self.wiring.circuits
        self.blobs = self.wiring.blobs
        self.queue = self.wiring.images_queue
        self.image_queueing = self.wiring.image_queueing

    def clock(self) -> int:
        return self.now

    def writes(self) -> list[str]:
        """Names of the calls so far that change anything."""
        changing = ("Put", "Update", "Delete", "BatchWrite", "BatchExecute", "Send", "Transact")
        return [name for name in self.calls if name.startswith(changing)]

    def chat_api(self, demo: DemoAccount, session: requests.Session) -> ChatApi:
        secrets = {"beeper-token": demo.beeper_token}
        return ChatApi(base_url=demo.beeper_url, secrets=secrets, session=session)

    def sync(
        self,
        demo: DemoAccount,
        session: requests.Session,
        *,
        complete: bool = False,
        force: bool = False,
        active_within_days: int = 0,
        remaining_ms: Callable[[], int] = lambda: 900_000,
    ) -> SyncReport:
        """One run over the demo account."""
        return self.runs(active_within_days).run(
            self.chat_api(demo, session), remaining_ms=remaining_ms, complete=complete, force=force
        )

    def runs(self, active_within_days: int = 0) -> ChatSync:
        return replace(self.wiring.chat_sync, active_within_days=active_within_days)

    def cacher(self, demo: DemoAccount, session: requests.Session) -> ImageCacher:
        serve = AssetsServe(base_url=demo.beeper_url, token=demo.beeper_token, session=session)
        sources = ImageSources(media={OriginName.BEEPER: serve}, web=GuardedWeb())
        return self.image_cacher(sources)

    def image_cacher(self, sources: ImageSources) -> ImageCacher:
        """Builds a cacher that waits on the replaced clock."""
        cacher = self.wiring.image_cacher(sources)
        gate = replace(cacher.fetcher.gate, sleep=self.sleep)
        return replace(cacher, fetcher=replace(cacher.fetcher, gate=gate))

    def batch_cacher(self, cacher: ImageCacher, *, queue: ImagesQueue | None = None) -> BatchCacher:
        """Works on one message at a time, because moto is not thread-safe."""
        return BatchCacher(
            cacher=cacher, queue=queue or self.queue, clock=self.clock, fetches_at_once=1, threads=1
        )

    def won(self, message: ImageMessage, *, nonce: str = "n") -> Won:
        """Claims an image that nothing keeps from being claimed."""
        claim = self.claims.claim(message, now=self.now, lease_seconds=90, nonce=nonce)
        assert isinstance(claim, Won)
        return claim

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def messages(self) -> list[dict[str, Any]]:
        """Everything that waits in the queue, taken out of it."""
        taken: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in batch:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                taken.append({**message, "messageId": message["MessageId"], "body": message["Body"]})
        return taken

    def drain(self, cacher: ImageCacher) -> list[str]:
        """Every waiting message through the cacher; the results in order."""
        return [cacher.cache(from_body(message["body"])).result for message in self.messages()]

    def row(self, image_key: str) -> dict[str, Any]:
        item = self.dynamodb.get_item(TableName="CachedImagesTable", Key={"imageKey": {"S": image_key}})
        return {name: next(iter(value.values())) for name, value in item.get("Item", {}).items()}


@cache
def clients() -> tuple["DynamoDBClient", "S3Client", "SQSClient"]:
    """Made once, as they take longer than most tests; moto answers them only while it is active."""
    make_client = client_maker()
    return make_client("dynamodb"), make_client("s3"), make_client("sqs")


@contextmanager
def fresh_stack() -> Iterator[Stack]:
    with ExitStack() as resources:
        are_created = resources.enter_context(empty_tables(*TABLES))
        core = KEEPING_SESSION | EXCEPT_DYNAMODB if are_created else KEEPING_SESSION
        resources.enter_context(mock_aws(config={"core": core}))
        dynamodb, s3, sqs = clients()
        if not are_created:
            create_tables(dynamodb, *TABLES)
        s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        versioned: Any = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="images", VersioningConfiguration=versioned)
        stack = Stack(dynamodb, s3, sqs, sqs.create_queue(QueueName="images")["QueueUrl"])
        record = _record(stack)
        for service in (dynamodb, s3, sqs):
            service.meta.events.register("before-call.*.*", record)
        try:
            with bucket_clock(s3, stack.clock):
                yield stack
        finally:
            for service in (dynamodb, s3, sqs):
                service.meta.events.unregister("before-call.*.*", record)


@pytest.fixture
def stack() -> Iterator[Stack]:
    with fresh_stack() as stack:
        yield stack


def _record(stack: Stack) -> Any:
    def record(model: Any, **_: object) -> None:
        stack.calls.append(model.name)

    return record


@pytest.fixture
def demo() -> Iterator[DemoAccount]:
    """Serves a small account with every kind of chat and no contacts.

    A sync of 20 chats takes seconds.
    """
    with DemoAccount(scale=0.05) as account:
        leave_out_similar_chats(account.account)
        account.chat_api.lists_contacts = False  # to store them takes a second
        yield account


def leave_out_similar_chats(account: Account) -> None:
    """Removes pairs that look like other pairs, and members that no page of a list shows."""
    targets = {chat.merged_into for chat in account.chats}
    pairs = [
        chat
        for chat in account.chats
        if chat.last_activity
        and len(chat.people) == 2
        and not (chat.quirks or chat.is_archived or chat.merged_into or chat.id in {*targets, *ODD_CHAT_IDS})
    ]
    for chat in pairs[2:]:
        account.remove_chat(chat.id)
    for chat in account.chats:
        for person in chat.people[PARTICIPANTS + 2 :]:
            account.remove_member(chat.id, person.id)


@pytest.fixture
def key(demo: DemoAccount) -> str:
    """An image that the account delivers."""
    return demo.account.deliverable()[-1]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with punctual_session() as session:
        yield session
