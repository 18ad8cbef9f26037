"""API Gateway → what changes an image, at once; what takes longer is handed to other functions."""

import os
import secrets
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.api.http import Response, serve
from imagecache.clock import now
from imagecache.config import Config, Workers
from imagecache.wiring import Wiring

logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=boto3.client, clock=now)
routes = wiring.admin_api(
    functions=Workers.from_env(os.environ).by_kind, new_id=lambda: secrets.token_hex(8), log=logger
).routes()


def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=routes, log=logger)
