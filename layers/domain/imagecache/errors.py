"""Every error of ours, grouped by what the caller can do about it.

- ImageCacheError
  - ConfigError        an operator mends the settings
  - RejectedSourceError     nobody can: this URL is never fetched
  - ImageFailedError       the image is recorded as failed, by `reason`; some heal by trying later
  - OriginDownError         not the image's fault: the same message is worth trying again later
    - OriginUnauthorizedError   ... after a person has reconnected Beeper
    - OriginBusyError           ... when its rate limit allows
    - OriginFaultyError         ... though this may have been the one bad answer
  - RequestError            the caller of the API mends the request, by its status and code:
    BadRequestError, UnauthorizedError, ForbiddenError, NotFoundError, ConflictError, TooLargeError
"""

from http import HTTPStatus

from imagecache.model.image import FailureReason, RejectionReason


class ImageCacheError(Exception):
    """Base of all errors of ours."""


class ConfigError(ImageCacheError):
    """A setting is missing or malformed; the message names it."""


class RejectedSourceError(ImageCacheError):
    """A source URL that has no key and is never fetched."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class ImageFailedError(ImageCacheError):
    """This image cannot be had, or not now; `reason` decides when it is tried again."""

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class OriginDownError(ImageCacheError):
    """The laptop sleeps, the tunnel is down, or what answers is not Beeper.

    `retry_after` is the origin's own wish, in seconds; None when it said nothing.
    """

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class OriginUnauthorizedError(OriginDownError):
    """The origin refuses our token: only a person can reconnect it."""


class OriginBusyError(OriginDownError):
    """Too many requests (429)."""


class OriginFaultyError(OriginDownError):
    """An answer that is late, cut short or an error of the origin's own: several in a row are an outage."""


class RequestError(ImageCacheError):
    """The API's caller sent something that cannot be served; the message says what to do."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"


class BadRequestError(RequestError):
    """A parameter, a cursor or a body that no request may have."""


class UnauthorizedError(RequestError):
    """No token, or one that is not ours."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"


class ForbiddenError(RequestError):
    """The read token, where it takes the admin's."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFoundError(RequestError):
    """A chat, an image or a job that is not here."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class ConflictError(RequestError):
    """What is asked for does not go with the state that the thing is in."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class TooLargeError(RequestError):
    """A body longer than any that makes sense."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"
