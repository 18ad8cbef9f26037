"""Distinguishes answers of Beeper from answers of other programs.

Between AWS and the laptop there may be a tunnel and a login. While the laptop is asleep, the tunnel answers
instead of Beeper, often with an HTML page and with any status, even 200 or 404. Such an answer says nothing
about the requested chat or image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import requests
import urllib3

from imagecache.errors import (
    ImageFailedError,
    OriginBusyError,
    OriginDownError,
    OriginFaultyError,
    OriginUnauthorizedError,
    OriginUnreachableError,
)
from imagecache.sources.pages import is_html_page
from imagecache.sources.transport import NO_COMPRESSION, Deadline, TimeLimits, read_body, retry_after

TUNNEL_STATUSES = frozenset({*range(520, 528), 530})
"""Statuses that only Cloudflare uses, for an origin that it cannot reach."""

GATEWAY_STATUSES = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
"""Statuses that any tunnel may use. Beeper uses them, too, if its own servers do not answer."""

_NO_PARAMETERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer from Beeper or from the media server, not from a tunnel or a login."""

    status: int
    body: bytes


def get_answer(
    session: requests.Session,
    url: str,
    *,
    parameters: Mapping[str, str] = _NO_PARAMETERS,
    headers: Mapping[str, str],
    seconds: float,
    connect_seconds: float,
) -> Answer:
    """Sends a GET request, whose answer must be complete within `seconds`.

    Raises OriginDownError, or one of its subclasses, if there is no answer or it comes from another program,
    such as the tunnel. Raises ImageFailedError (TOO_LARGE) if the body is too large.
    """
    deadline = Deadline(seconds)
    try:
        response = session.get(
            url,
            params=dict(parameters),
            headers={**headers, **NO_COMPRESSION},
            timeout=(min(connect_seconds, seconds), deadline.remaining()),
            stream=True,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise connection_error(error) from error
    with response:
        check_answer(response)
        body = read_body(response.raw, deadline)
        if is_html_page(body):
            raise OriginDownError(
                f"status {response.status_code}, with a web page, probably an error page of the tunnel",
                retry_after=retry_after(response.headers),
            )
        return Answer(response.status_code, body)


def check_health(
    session: requests.Session, url: str, *, headers: Mapping[str, str], limits: TimeLimits
) -> None:
    """Sends a GET request that no image has any influence on.

    Any answer of the origin itself shows that it works, unless it is a server error. Raises OriginDownError
    or one of its subclasses otherwise.
    """
    try:
        answer = get_answer(
            session,
            url,
            headers=headers,
            seconds=limits.check_seconds,
            connect_seconds=limits.connect_seconds,
        )
    except ImageFailedError as error:
        raise OriginDownError(error.detail) from error
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OriginDownError(f"status {answer.status}")


def connection_error(error: requests.RequestException) -> OriginDownError:
    """Returns the error for a request without an answer.

    This is an OriginUnreachableError if no connection was made. If the origin accepted the connection and
    then was too slow, it is an OriginFaultyError, because only this request may be slow.
    """
    name = type(error).__name__
    # The sessions never retry, so urllib3 raises this error only for an attempt to connect.
    if error.args and isinstance(error.args[0], urllib3.exceptions.MaxRetryError):
        return OriginUnreachableError(name)
    return OriginFaultyError(name) if isinstance(error, requests.Timeout) else OriginDownError(name)


def check_answer(response: requests.Response) -> None:
    """Raises an error if the status and the headers show that the request was not served.

    Raises OriginUnauthorizedError if the token is refused or a login is in the way, OriginBusyError for 429,
    and OriginDownError for a tunnel that cannot reach Beeper.
    """
    status = response.status_code
    if status == HTTPStatus.UNAUTHORIZED:
        raise OriginUnauthorizedError("status 401")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise OriginBusyError("status 429", retry_after=retry_after(response.headers))
    if response.is_redirect:  # Beeper never redirects. Cloudflare Access redirects to its login.
        raise OriginUnauthorizedError(f"status {status}: the tunnel asks for a login")
    if status in TUNNEL_STATUSES:
        raise OriginDownError(f"status {status}", retry_after=retry_after(response.headers))
