"""Serves the routes of api/admin.py. What takes long is started as a job in another function."""

from imagecache import cold_start  # isort: split

import os
import secrets
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths

from imagecache.api.http import Response, serve
from imagecache.aws_requests import function_clients
from imagecache.clock import now
from imagecache.config import Config, JobFunctions
from imagecache.wiring import Wiring

logger = Logger()
wiring = Wiring(Config.from_env(os.environ), make_client=function_clients(os.environ, clock=now), clock=now)
authorizer = wiring.authorizer
admin_api = wiring.admin_api(
    functions=JobFunctions.from_env(os.environ).by_kind, new_id=lambda: secrets.token_hex(8), log=logger
)
routes = admin_api.routes()


# Every log line has API Gateway's request id, which is also in the access log and in error answers.
@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], _context: object) -> Response:
    return serve(event, routes=routes, find_role=authorizer.role, log=logger)


cold_start.finish()
