"""An HTTP API event (payload 2.0) → the route's answer as JSON; errors are translated here alone."""

import base64
import binascii
import gzip
import hashlib
import json
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from imagecache.api.fields import Field, read_all
from imagecache.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    RequestError,
    RequestTooLargeError,
    UnauthorizedError,
)
from imagecache.model.access import Role

Event = Mapping[str, Any]
Response = dict[str, Any]

# 500 of the longest https URLs. API Gateway takes 10 MB, Lambda 6.
_MOST_BODY_CHARS = 4 * 1024 * 1024
# What is shorter travels in one packet as it is.
_WORTH_GZIP = 1024
_QUICK = 1
_STATUSES = {
    InvalidRequestError: (HTTPStatus.BAD_REQUEST, "bad_request"),
    UnauthorizedError: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    ForbiddenError: (HTTPStatus.FORBIDDEN, "forbidden"),
    NotFoundError: (HTTPStatus.NOT_FOUND, "not_found"),
    ConflictError: (HTTPStatus.CONFLICT, "conflict"),
    RequestTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
}
_RANKS = (Role.NONE, Role.READ, Role.ADMIN)


class Log(Protocol):
    """As much of a logger as is used by the API."""

    def error(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...

    def info(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a request may carry and whose token it takes; `answer` is called with every field by its name.

    `gives` is the shape of the answer, for the OpenAPI document; `errors` the statuses beside 200 or 202
    that are this route's own.
    """

    answer: Callable[..., Any]
    gives: Any
    summary: str
    role: Role = Role.READ
    query: Sequence[Field] = ()
    body: Sequence[Field] | None = None
    path: Sequence[Field] = ()
    status: HTTPStatus = HTTPStatus.OK
    errors: Sequence[HTTPStatus] = ()


Routes = Mapping[str, Route]
"""By API Gateway's route key, as `GET /api/chats`."""


def serve(event: Event, *, routes: Routes, log: Log) -> Response:
    """The answer of the route that API Gateway has chosen, whatever is raised on the way to it."""
    route = routes[event["routeKey"]]
    try:
        answer = route.answer(**_values(route, event))
    except RequestError as error:
        status, code = _STATUSES[type(error)]
        return _json(status, {"message": str(error), "code": code}, event)
    except Exception as error:  # noqa: BLE001 - the last resort: logged without its text, which may hold URLs
        log.error(event["routeKey"], extra={"error": type(error).__name__, "trace": _frames(error)})
        trouble = {"message": "something of ours failed; it is in the log", "code": "internal"}
        return _json(HTTPStatus.INTERNAL_SERVER_ERROR, trouble, event)
    return _json(route.status, answer, event)


def _frames(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{one.filename}:{one.lineno} {one.name}" for one in frames[-12:]]


def _values(route: Route, event: Event) -> dict[str, Any]:
    role = _role(event)
    if route.role is not Role.NONE and role is Role.NONE:
        raise UnauthorizedError("send a token: Authorization: Bearer <token>")
    if _RANKS.index(role) < _RANKS.index(route.role):
        raise ForbiddenError("this takes the admin token")
    # An empty parameter is one that a form has left out.
    query = {name: text for name, text in (event.get("queryStringParameters") or {}).items() if text}
    body = _body(event, route.body) if route.body is not None else {}
    for field in route.body or ():
        if body.get(field.name) and _RANKS.index(role) < _RANKS.index(field.role):
            raise ForbiddenError(f"{field.name} takes the admin token")
    return {
        **read_all(route.path, event.get("pathParameters") or {}),
        **read_all(route.query, query),
        **read_all(route.body or (), body),
    }


def _role(event: Event) -> Role:
    """As the authorizer has said; it was never asked about a public route."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    return Role((authorizer.get("lambda") or {}).get("role", Role.NONE))


def _body(event: Event, fields: Sequence[Field]) -> dict[str, Any]:
    text = event.get("body") or ""
    if len(text) > _MOST_BODY_CHARS:
        raise RequestTooLargeError("the body may have 4 MB at most: send fewer URLs at a time")
    try:
        if event.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        body = json.loads(text) if text else {}
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRequestError("the body must be JSON in UTF-8") from error
    if not isinstance(body, dict):
        raise InvalidRequestError("the body must be a JSON object")
    if unknown := body.keys() - {field.name for field in fields}:
        raise InvalidRequestError(f"the body may hold {_names(fields)}, not {min(unknown)[:40]!r}")
    return body


def _names(fields: Sequence[Field]) -> str:
    return ", ".join(field.name for field in fields) or "nothing"


def _json(status: HTTPStatus, answer: Any, event: Event) -> Response:
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    asked: Mapping[str, str] = event.get("headers") or {}
    headers = {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    if status is HTTPStatus.OK and event["routeKey"].startswith("GET "):
        # Weak: the same for the compressed and the plain form.
        headers["etag"] = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        if _matches(headers["etag"], asked.get("if-none-match", "")):
            del headers["content-type"]
            return {"statusCode": HTTPStatus.NOT_MODIFIED, "headers": headers}
    if len(body) < _WORTH_GZIP or not _takes_gzip(asked.get("accept-encoding", "")):
        return {"statusCode": status, "headers": headers, "body": body.decode()}
    packed = base64.b64encode(gzip.compress(body, _QUICK, mtime=0)).decode()
    headers["content-encoding"] = "gzip"
    return {"statusCode": status, "headers": headers, "body": packed, "isBase64Encoded": True}


def _matches(etag: str, if_none_match: str) -> bool:
    """Weak comparison (RFC 9110 §13.1.2)."""
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether `gzip` is named and not refused by `;q=0` (RFC 9110 §12.5.3)."""
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False
