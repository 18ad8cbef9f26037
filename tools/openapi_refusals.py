"""What a request may be answered instead of what it asked for, by functions or by API Gateway before them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import NotRequired

from typing_extensions import TypedDict  # as in imagecache.api.shapes

from imagecache.api.http import Route
from imagecache.model.access import Role


class Refusal(TypedDict):
    """An error of ours, or one of API Gateway's own, which has no `code`."""

    message: str
    code: NotRequired[str]


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """An answer that many routes share. Unless it is `of_ours_alone`, API Gateway may give it as well."""

    name: str
    description: str
    of_ours_alone: bool = False


REFUSALS = {
    HTTPStatus.BAD_REQUEST: RefusalKind(
        "BadRequest", "A parameter, a cursor or a body that no request may have.", of_ours_alone=True
    ),
    HTTPStatus.UNAUTHORIZED: RefusalKind("Unauthorized", "No token, or one that is not ours."),
    HTTPStatus.FORBIDDEN: RefusalKind(
        "Forbidden", "The read token, where it takes the admin token.", of_ours_alone=True
    ),
    HTTPStatus.NOT_FOUND: RefusalKind("NotFound", "No such chat, image or job."),
    HTTPStatus.CONFLICT: RefusalKind(
        "Conflict", "The image is not in the state that this is for.", of_ours_alone=True
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RefusalKind("TooLarge", "A body of more than 4 MB."),
    HTTPStatus.TOO_MANY_REQUESTS: RefusalKind("TooManyRequests", "Too many requests: slower, please."),
    HTTPStatus.INTERNAL_SERVER_ERROR: RefusalKind(
        "InternalError", "Something of ours failed; it is in the log."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: RefusalKind("Unavailable", "Nobody is free: try again in a moment."),
}


def refused(route: Route) -> set[HTTPStatus]:
    """The statuses of all that may happen to a request, from what the route takes and whom it serves."""
    statuses = {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *route.errors,
    }
    if route.query or route.path or route.body is not None:
        statuses.add(HTTPStatus.BAD_REQUEST)
    if route.body is not None:
        statuses.add(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if route.role is not Role.NONE:
        statuses.add(HTTPStatus.UNAUTHORIZED)
    if route.role is Role.ADMIN:
        statuses.add(HTTPStatus.FORBIDDEN)
    return statuses
