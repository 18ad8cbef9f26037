"""Schedule, or anybody who invokes it → one run over Beeper's chats."""

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

config = Config.from_env(os.environ)
logger = Logger()
dynamodb = boto3.client("dynamodb")
secrets = Secrets(path=config.secrets_path, ssm=boto3.client("ssm"))
queue = ImagesQueue(queue_url=config.images_queue_url, sqs=boto3.client("sqs"))


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    images = CachedImages(table_name=config.images_table, dynamodb=dynamodb)
    token = secrets.get("beeper-token")
    with requests.Session() as session:
        report = ChatSync(
            chat_api=ChatApi(base_url=config.beeper_url, token=token, session=session),
            chats=BeeperChats(table_name=config.chats_table, dynamodb=dynamodb),
            participants=ChatParticipants(table_name=config.participants_table, dynamodb=dynamodb),
            images=ImageRequests(images=images, queue=queue, clock=now),
            state=SyncState(table_name=config.sync_state_table, dynamodb=dynamodb),
            clock=now,
        ).run()
    logger.info("sync", extra=asdict(report))
    return asdict(report)
