"""API Gateway → a page of chats with every picture, and whether the origin is well."""

import os
from functools import partial
from typing import Any

import boto3

from imagecache.api.answers import chats_page, health
from imagecache.api.http import Response, serve
from imagecache.config import Config
from imagecache.stores.chats import BeeperChats
from imagecache.stores.images import CachedImages
from imagecache.stores.sync_state import SyncState

config = Config.from_env(os.environ)
dynamodb = boto3.client("dynamodb")
chats = BeeperChats(table_name=config.chats_table, dynamodb=dynamodb)
images = CachedImages(table_name=config.images_table, dynamodb=dynamodb)
state = SyncState(table_name=config.sync_state_table, dynamodb=dynamodb)

ROUTES = {
    "GET /api/chats": partial(chats_page, chats=chats, images=images, base_url=config.public_base_url),
    "GET /api/health": partial(health, state=state),
}


def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=ROUTES)
