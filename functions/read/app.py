"""API Gateway → chats with every picture, and what an operator asks: nothing is changed."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.api.http import Response, serve
from imagecache.api.read import ReadApi
from imagecache.clock import now
from imagecache.config import Config
from imagecache.stores.chats.chat_reader import ChatReader
from imagecache.stores.chats.participants import ParticipantsTable
from imagecache.stores.contacts.contacts import ContactsTable
from imagecache.stores.images.cached_images import CachedImages
from imagecache.stores.images.catalogue import ImageCatalogue
from imagecache.stores.state.jobs import Jobs
from imagecache.stores.state.sync_state import SyncState

config, logger, dynamodb = Config.from_env(os.environ), Logger(), boto3.client("dynamodb")
routes = ReadApi(
    chats=ChatReader(table_name=config.chats_table, dynamodb=dynamodb),
    participants=ParticipantsTable(config.participants_table, dynamodb, at_once=config.writes_at_once),
    contacts=ContactsTable(table_name=config.contacts_table, dynamodb=dynamodb),
    images=CachedImages(table_name=config.images_table, dynamodb=dynamodb),
    catalogue=ImageCatalogue(table_name=config.images_table, dynamodb=dynamodb),
    state=SyncState(table_name=config.sync_state_table, dynamodb=dynamodb),
    jobs=Jobs(table_name=config.sync_state_table, dynamodb=dynamodb),
    clock=now,
    base_url=config.public_base_url,
).routes()


def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=routes, log=logger)
