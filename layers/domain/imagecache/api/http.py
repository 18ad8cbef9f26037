"""Answers events of the HTTP API (payload format 2.0): finds the route, reads its fields, writes its JSON.

No other module converts errors to HTTP statuses.
"""

import base64
import binascii
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import orjson

from imagecache.api.fields import Field, read_all
from imagecache.api.shapes import Error
from imagecache.api.sizes import MOST_ANSWER_BYTES, sent_bytes
from imagecache.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    RequestError,
    RequestTooLargeError,
    UnauthorizedError,
)
from imagecache.failure_log import failure_fields
from imagecache.model.access import Role

Event = Mapping[str, Any]
Response = dict[str, Any]

# The size of 500 of the longest https URLs. API Gateway allows 10 MB, and Lambda 6 MB.
_MOST_BODY_CHARS = 4 * 1024 * 1024
# A shorter answer fits into one network packet without compression.
_LEAST_BYTES_TO_COMPRESS = 1024
# By measurement: 6 makes a page of chats a tenth smaller than 1, for a millisecond or less.
_COMPRESSION = 6
_HEAD = "HEAD "
_STATUSES: Mapping[type[RequestError], tuple[HTTPStatus, str]] = {
    InvalidRequestError: (HTTPStatus.BAD_REQUEST, "bad_request"),
    UnauthorizedError: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    ForbiddenError: (HTTPStatus.FORBIDDEN, "forbidden"),
    NotFoundError: (HTTPStatus.NOT_FOUND, "not_found"),
    ConflictError: (HTTPStatus.CONFLICT, "conflict"),
    RequestTooLargeError: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
}
# Each role has all rights of the roles before it.
_ROLES = (Role.NONE, Role.READ, Role.ADMIN)


class Log(Protocol):
    """The methods of a logger that the API uses."""

    def error(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...

    def info(self, message: object, /, *, extra: Mapping[str, object]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An operation of the API: its fields, the role that it needs, and its handler.

    The handler `answer` is called with the value of every field as a keyword argument, and returns JSON of
    the shape `gives`. `status` is the status of a success. `errors` has the statuses of errors that only some
    routes answer with, for the OpenAPI document.
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
"""Routes by API Gateway's route key, such as `GET /api/chats`."""


FindRole = Callable[[str], Role]
"""Returns the role of the sender of this Authorization header, which is empty if the request has none."""


def serve(event: Event, *, routes: Routes, find_role: FindRole, log: Log) -> Response:
    """Calls the event's route and returns its answer, or an answer that reports the route's error.

    `find_role` is not called for a route that needs no token.

    HEAD is answered as GET, without a body. An unexpected exception is answered with the status 500. It is
    logged without its message, because that may contain a URL.
    """
    route_key: str = event["routeKey"]
    if not route_key.startswith(_HEAD):
        return _answer(event, routes=routes, find_role=find_role, log=log)
    as_get = {**event, "routeKey": f"GET {route_key.removeprefix(_HEAD)}"}
    return _without_body(_answer(as_get, routes=routes, find_role=find_role, log=log))


def _answer(event: Event, *, routes: Routes, find_role: FindRole, log: Log) -> Response:
    route_key = event["routeKey"]
    route = routes[route_key]
    try:
        answer = route.answer(**_arguments(route, event, find_role))
    except RequestError as error:
        status, code = _STATUSES[type(error)]
        return _error(status, code, str(error), event)
    except Exception as error:  # noqa: BLE001 - the last resort
        log.error("the request failed", extra={"route": route_key, **failure_fields(error)})
        message = f"Internal error. Details are in the server log (request id {_request_id(event)})."
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", message, event)
    response = _json(route.status, answer, event)
    if _is_too_large(response):
        message = "The answer would have more than 6 MB: ask for fewer at a time"
        return _error(*_STATUSES[RequestTooLargeError], message, event)
    return response


def _without_body(response: Response) -> Response:
    """Returns the answer to a HEAD request, with the length that the body would have."""
    body: str = response.get("body", "")
    if not body:
        return response
    length = len(base64.b64decode(body)) if response.get("isBase64Encoded") else len(body.encode())
    return {
        "statusCode": response["statusCode"],
        "headers": {**response["headers"], "content-length": str(length)},
        "body": "",
    }


def _is_too_large(response: Response) -> bool:
    """Returns True if the answer is larger than Lambda can return.

    A page of a list never is, because it ends before that size.
    """
    body = response.get("body", "")
    # A character takes four bytes at most. Few answers are so long that they have to be measured.
    return len(body) * 4 > MOST_ANSWER_BYTES and sent_bytes(body) > MOST_ANSWER_BYTES


def _arguments(route: Route, event: Event, find_role: FindRole) -> dict[str, Any]:
    """Checks the role and the fields, and returns the arguments for the handler. Raises RequestError."""
    role = _role(route, event, find_role)
    if route.role is not Role.NONE and role is Role.NONE:
        raise UnauthorizedError(
            "The token is missing or not valid: send the header Authorization: Bearer <token>"
        )
    if not _may(role, route.role):
        raise ForbiddenError("This needs the admin token: the request was sent with the read token")
    query = _query(event, route.query)
    body = _body(event, route.body) if route.body is not None else {}
    for field in route.body or ():
        if body.get(field.name) and not _may(role, field.role):
            raise ForbiddenError(
                f"{field.name} needs the admin token: this request was sent with the read token"
            )
    return {
        **read_all(route.path, event.get("pathParameters") or {}),
        **read_all(route.query, query),
        **read_all(route.body or (), body),
    }


def _may(role: Role, needed: Role) -> bool:
    return _ROLES.index(role) >= _ROLES.index(needed)


def _role(route: Route, event: Event, find_role: FindRole) -> Role:
    """Returns the role of the sender, or NONE on a public route, where the token does not matter."""
    if route.role is Role.NONE:
        return Role.NONE
    headers: Mapping[str, str] = event.get("headers") or {}
    return find_role(headers.get("authorization", ""))


def _query(event: Event, fields: Sequence[Field]) -> dict[str, str]:
    """Returns each parameter whose value is not empty, because a form sends unused fields with empty values.

    Raises InvalidRequestError for a parameter that is not in `fields`, because a misspelt filter must not
    list everything.
    """
    sent: Mapping[str, str] = event.get("queryStringParameters") or {}
    if unknown := sent.keys() - {field.name for field in fields}:
        allowed = f"the query may have {_names(fields)}" if fields else "this route has no query parameters"
        raise InvalidRequestError(f"{min(unknown)[:40]!r} is not a query parameter: {allowed}")
    return {name: text for name, text in sent.items() if text}


def _body(event: Event, fields: Sequence[Field]) -> dict[str, Any]:
    """Returns the JSON object in the body, or an empty dict if there is no body. Raises RequestError."""
    text = event.get("body") or ""
    if len(text) > _MOST_BODY_CHARS:
        raise RequestTooLargeError("The body may have at most 4 MB: send fewer URLs at a time")
    try:
        if event.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        body = json.loads(text) if text else {}
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRequestError("The body must be JSON in UTF-8") from error
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object")
    if unknown := body.keys() - {field.name for field in fields}:
        allowed = f"the body may have {_names(fields)}" if fields else "the body must be empty"
        raise InvalidRequestError(f"{min(unknown)[:40]!r} is not a field of the body: {allowed}")
    return body


def _names(fields: Sequence[Field]) -> str:
    return ", ".join(field.name for field in fields)


def _error(status: HTTPStatus, code: str, message: str, event: Event) -> Response:
    answer: Error = {"message": message, "code": code, "requestId": _request_id(event)}
    return _json(status, answer, event)


def _request_id(event: Event) -> str:
    """Returns API Gateway's request id, which is also in its access log and in our log lines."""
    return str(event.get("requestContext", {}).get("requestId", ""))


def _json(status: HTTPStatus, answer: Any, event: Event) -> Response:
    # The keys of some objects are of an enumeration.
    body = orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS)
    asked: Mapping[str, str] = event.get("headers") or {}
    headers = {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    if status is HTTPStatus.OK and event["routeKey"].startswith("GET "):
        # Weak, because the compressed and the plain form have the same tag.
        headers["etag"] = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        if _matches(headers["etag"], asked.get("if-none-match", "")):
            del headers["content-type"]
            return {"statusCode": HTTPStatus.NOT_MODIFIED, "headers": headers}
    if len(body) < _LEAST_BYTES_TO_COMPRESS or not _accepts_gzip(asked.get("accept-encoding", "")):
        return {"statusCode": status, "headers": headers, "body": body.decode()}
    compressed = base64.b64encode(gzip.compress(body, _COMPRESSION, mtime=0)).decode()
    headers["content-encoding"] = "gzip"
    return {"statusCode": status, "headers": headers, "body": compressed, "isBase64Encoded": True}


def _matches(etag: str, if_none_match: str) -> bool:
    """Returns True if the header If-None-Match names this ETag, by weak comparison (RFC 9110 §13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def _accepts_gzip(accept_encoding: str) -> bool:
    """Returns True if the header names `gzip` without refusing it by `;q=0` (RFC 9110 §12.5.3)."""
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False
