"""Tells API Gateway whose token a request carries, or refuses the request if nobody has that token.

A refused request costs this one invocation and no other: API Gateway answers 403 itself. A request without
the header does not even come here: it is answered 401. API Gateway caches an answer and uses it for all
routes, so it must not depend on the route of the request; the functions behind it compare the role with that
of their route.
"""

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths

from imagecache.aws_clients import client_maker
from imagecache.clock import now
from imagecache.config import Config
from imagecache.failure_log import failures_logged
from imagecache.model.access import Role
from imagecache.wiring import Wiring

logger = Logger()
authorizer = Wiring(Config.from_env(os.environ), make_client=client_maker(), clock=now).authorizer


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
# If this function fails, API Gateway answers the request with the status 500 and without details.
@failures_logged(logger, "the token could not be checked")
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    role = authorizer.role(event["headers"].get("authorization", ""))
    return {"isAuthorized": role is not Role.NONE, "context": {"role": role.value}}
