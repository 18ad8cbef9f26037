"""API Gateway's question whose token this is → a role for the functions, which answer 401 and 403 themselves.

It always allows: a cached answer serves every route, so it must not depend on the one that was asked for.
"""

import os
from typing import Any

import boto3

from imagecache.clock import now
from imagecache.config import Config
from imagecache.wiring import Wiring

authorizer = Wiring(Config.from_env(os.environ), make_client=boto3.client, clock=now).authorizer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    role = authorizer.role(event["headers"].get("authorization", ""))
    return {"isAuthorized": True, "context": {"role": role.value}}
