"""HTTP request → what arrived."""

import json
from typing import Any

GREETING = "hello"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    answer = {
        "greeting": GREETING,
        "route": event["routeKey"],
        "query": event["rawQueryString"],
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
