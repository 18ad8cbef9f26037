"""Schedule, or anybody who invokes it with {"complete", "force"} → one run over Beeper's chats."""

import os
from dataclasses import asdict
from typing import Any

import boto3
import requests
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.queues.images import ImagesQueue
from imagecache.sources.chat_api import ChatApi
from imagecache.stores.chats import BeeperChats
from imagecache.stores.images import CachedImages
from imagecache.stores.participants import ChatParticipants
from imagecache.stores.secrets import Secrets
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.request_images import ImageRequests
from imagecache.usecases.sync_chats import ChatSync

config, logger = Config.from_env(os.environ), Logger()
dynamodb, functions, session = boto3.client("dynamodb"), boto3.client("lambda"), requests.Session()
secrets = Secrets(path=config.secrets_path, ssm=boto3.client("ssm"))
images = CachedImages(table_name=config.images_table, dynamodb=dynamodb)
queue = ImagesQueue(queue_url=config.images_queue_url, sqs=boto3.client("sqs"))
sync = ChatSync(
    chats=BeeperChats(table_name=config.chats_table, dynamodb=dynamodb),
    participants=ChatParticipants(config.participants_table, dynamodb, at_once=config.writes_at_once),
    images=ImageRequests(images=images, queue=queue, clock=now, at_once=config.writes_at_once),
    state=SyncState(table_name=config.sync_state_table, dynamodb=dynamodb),
    clock=now,
    active_within_days=config.active_within_days,
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    api = ChatApi(base_url=config.beeper_url, token=secrets.get("beeper-token"), session=session)
    order = {name: event.get(name) is True for name in ("complete", "force")}
    report = sync.run(api, milliseconds_left=context.get_remaining_time_in_millis, **order)
    logger.info("sync", extra=asdict(report))
    if report.outcome == "unfinished":
        functions.invoke(FunctionName=context.function_name, InvocationType="Event", Payload="{}")
    return asdict(report)
