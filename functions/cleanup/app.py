"""Nightly schedule → the statistics snapshot."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.stores.chats import BeeperChats
from imagecache.stores.images import CachedImages
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.count_images import count_images

config = Config.from_env(os.environ)
logger = Logger()
dynamodb = boto3.client("dynamodb")


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    statistics = count_images(
        images=CachedImages(table_name=config.images_table, dynamodb=dynamodb),
        chats=BeeperChats(table_name=config.chats_table, dynamodb=dynamodb),
        state=SyncState(table_name=config.sync_state_table, dynamodb=dynamodb),
        clock=now,
    )
    logger.info("statistics", extra=statistics)
    return statistics
