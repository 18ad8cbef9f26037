"""Serves the routes of the API that change nothing: chats with pictures, and reports for operators."""

from imagecache import cold_start  # isort: split

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths

from imagecache.api.http import Response, Routes, serve
from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring

logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=function_clients(os.environ, clock=now), clock=now)
authorizer = wiring.authorizer
chat_routes = wiring.chat_routes().routes()


@cache
def all_routes() -> Routes:
    return wiring.read_api().routes()


# Every log line has API Gateway's request id, which is also in the access log and in error answers.
@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], _context: object) -> Response:
    # Nearly all requests are for chats. What only other routes need is imported at the first request for one.
    routes = chat_routes if event["routeKey"] in chat_routes else all_routes()
    return serve(event, routes=routes, find_role=authorizer.role, log=logger)


cold_start.finish()
