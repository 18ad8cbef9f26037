"""The answers to requests that are refused or fail, by the functions or by API Gateway in front of them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import NotRequired

from typing_extensions import TypedDict  # as in imagecache.api.shapes

from imagecache.api.http import Route
from imagecache.model.access import Role


class Refusal(TypedDict):
    """An error of the API, or one of API Gateway itself, which has a `message` alone."""

    message: str
    code: NotRequired[str]
    requestId: NotRequired[str]


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """An answer that many routes have. `by_gateway`: API Gateway gives it as well, with a `message` alone."""

    name: str
    description: str
    by_gateway: bool = False


REFUSALS = {
    HTTPStatus.BAD_REQUEST: RefusalKind(
        "BadRequest", "A parameter, a cursor or the body is not valid, or the route has no such parameter."
    ),
    HTTPStatus.UNAUTHORIZED: RefusalKind(
        "Unauthorized",
        "The request has no token: send the header `Authorization: Bearer <token>`.",
        by_gateway=True,
    ),
    HTTPStatus.FORBIDDEN: RefusalKind(
        "Forbidden",
        "With a `code`: the read token was sent, and this takes the admin token. Without one, API Gateway "
        "has answered: the token is not valid.",
        by_gateway=True,
    ),
    HTTPStatus.NOT_FOUND: RefusalKind(
        "NotFound",
        "There is no such chat, image, contact or job. An unknown path is answered by API Gateway, with a "
        "`message` alone.",
        by_gateway=True,
    ),
    HTTPStatus.CONFLICT: RefusalKind(
        "Conflict",
        "The image is not in a state for this, or another request has changed the contact at the same time.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RefusalKind(
        "TooLarge",
        "The body has more than 4 MB, or the answer would have more than 6 MB: ask for fewer at a time.",
        by_gateway=True,
    ),
    HTTPStatus.TOO_MANY_REQUESTS: RefusalKind(
        "TooManyRequests", "There are too many requests: send fewer.", by_gateway=True
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: RefusalKind(
        "InternalError",
        "The server has failed. Its log has the details, by the request id in the answer.",
        by_gateway=True,
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: RefusalKind(
        "Unavailable", "The server is busy: try again in a moment.", by_gateway=True
    ),
}


def refused(route: Route) -> set[HTTPStatus]:
    """Returns the statuses that a route may answer with besides its success."""
    statuses = {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *route.errors,
    }
    if route.role is not Role.NONE:
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return statuses
