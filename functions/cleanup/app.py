"""Nightly schedule → the statistics snapshot."""

import os
from dataclasses import asdict
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.clock import now
from imagecache.config import Config
from imagecache.stores.image_facts import ImageCatalogue
from imagecache.stores.participants import ChatParticipants
from imagecache.stores.sync_state import SyncState
from imagecache.usecases.count_cache import count_cache

config = Config.from_env(os.environ)
logger = Logger()
dynamodb = boto3.client("dynamodb")
state = SyncState(table_name=config.sync_state_table, dynamodb=dynamodb)


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    counts = count_cache(
        catalogue=ImageCatalogue(table_name=config.images_table, dynamodb=dynamodb),
        participants=ChatParticipants(config.participants_table, dynamodb, at_once=config.writes_at_once),
    )
    snapshot = asdict(counts) | {"counted_at": now()}
    state.record_statistics(snapshot)
    logger.info("statistics", extra=snapshot)
    return snapshot
