"""Serves the routes of the API that change nothing: chats with pictures, and reports for operators."""

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths

from imagecache.api.http import Response, serve
from imagecache.aws_clients import client_maker
from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring

logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=client_maker(), clock=now)
routes = wiring.read_api().routes()


# Every log line has API Gateway's request id, which is also in the access log and in error answers.
@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=routes, log=logger)
