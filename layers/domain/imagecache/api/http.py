"""An HTTP API event (payload 2.0) → the route's answer as JSON; errors are translated here alone."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from imagecache.errors import BadRequestError

Response = dict[str, Any]
Request = Mapping[str, str]
Route = Callable[[Request], dict[str, Any]]


def serve(event: Mapping[str, Any], *, routes: Mapping[str, Route]) -> Response:
    """The route that API Gateway has chosen, called with the query parameters."""
    route = routes[event["routeKey"]]
    try:
        return _json(200, route(event.get("queryStringParameters") or {}))
    except BadRequestError as error:
        return _json(400, {"message": str(error), "code": "bad_request"})


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return {
        "statusCode": status,
        "headers": {
            "content-type": "application/json; charset=utf-8",
            "cache-control": "private, no-cache",
            "x-content-type-options": "nosniff",
        },
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    }
