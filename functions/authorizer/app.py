"""Finds the role of a request's token for API Gateway. The functions of the API answer 401 and 403.

It allows every request, and returns the role as context. API Gateway caches an answer and uses it for all
routes, so the answer must not depend on the route of the request.
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths

from imagecache.clock import now
from imagecache.config import Config
from imagecache.failure_log import failures_logged
from imagecache.wiring import Wiring

logger = Logger()
authorizer = Wiring(Config.from_env(os.environ), make_client=boto3.client, clock=now).authorizer


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
# If this function fails, API Gateway answers the request with the status 500 and without details.
@failures_logged(logger, "the token could not be checked")
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    role = authorizer.role(event["headers"].get("authorization", ""))
    return {"isAuthorized": True, "context": {"role": role.value}}
