"""The error answers of the API's functions, and of API Gateway, for the OpenAPI document."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import NotRequired

from typing_extensions import TypedDict  # as in imagecache.api.shapes

from imagecache.api.http import Route
from imagecache.model.access import Role


class Refusal(TypedDict):
    """An error of the API, or an error of API Gateway, which has only a `message`."""

    message: str
    code: NotRequired[str]
    requestId: NotRequired[str]


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """An error answer of several routes. `by_gateway` means that API Gateway sends it, too."""

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
        "With a `code`: the read token was sent, and this needs the admin token. Without one, API Gateway "
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
    """Returns the statuses of all errors that a route may answer with."""
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
