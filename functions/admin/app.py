"""API Gateway → what changes an image, at once; what takes longer is handed to other functions."""

import os
import secrets
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.api.admin import AdminApi
from imagecache.api.http import Response, serve
from imagecache.clock import now
from imagecache.config import Config, Workers
from imagecache.queues.invocations import Invocations
from imagecache.stores.cdn import PATIENCE, Cdn
from imagecache.stores.state.jobs import Jobs
from imagecache.usecases.caching.queue_images import image_requests
from imagecache.usecases.contacts.keep_contacts import contact_book
from imagecache.usecases.operating.change_image import image_changes
from imagecache.usecases.operating.look_up_images import ImageLookup

config, logger, dynamodb = Config.from_env(os.environ), Logger(), boto3.client("dynamodb")
s3, sqs, client = boto3.client("s3"), boto3.client("sqs"), partial(boto3.client, config=PATIENCE)
edge = Cdn(parameter=f"{config.secrets_path}/distribution-id", client=client)
requests = image_requests(config=config, dynamodb=dynamodb, sqs=sqs, clock=now)
routes = AdminApi(
    lookup=ImageLookup(requests=requests),
    changes=image_changes(config=config, dynamodb=dynamodb, s3=s3, edge=edge, requests=requests),
    book=contact_book(config=config, dynamodb=dynamodb, clock=now),
    jobs=Jobs(table_name=config.sync_state_table, dynamodb=dynamodb),
    invocations=Invocations(functions=boto3.client("lambda")),
    functions=Workers.from_env(os.environ).by_kind,
    clock=now,
    new_id=partial(secrets.token_hex, 8),
    base_url=config.public_base_url,
    log=logger,
).routes()


def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=routes, log=logger)
