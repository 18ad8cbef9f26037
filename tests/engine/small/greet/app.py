"""HTTP request → what arrived."""

import json
from typing import Any

GREETING = "hello"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    role = event["requestContext"].get("authorizer", {}).get("lambda", {}).get("role")
    answer = {
        "greeting": GREETING,
        "route": event["routeKey"],
        "role": role,
        "query": event["rawQueryString"],
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
