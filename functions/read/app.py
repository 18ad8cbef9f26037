"""API Gateway → chats with every picture, and what an operator asks: nothing is changed."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from imagecache.api.http import Response, serve
from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring

logger = Logger()
routes = Wiring(Config.from_env(os.environ), make_client=boto3.client, clock=now).read_api().routes()


def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=routes, log=logger)
