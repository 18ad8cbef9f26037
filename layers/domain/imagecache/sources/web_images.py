"""Fetches https images from any server, and never connects to an address that is not public.

Anyone who sends a chat message may choose a source URL, so a URL must not make this program connect to
private networks or to services of the cloud. The host name is resolved once, every address in the answer must
be public, and the connections use addresses that were checked. So an attacker gains nothing with a name that
resolves to another address the second time. TLS still verifies the name.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from urllib.parse import SplitResult, quote, quote_from_bytes, urljoin, urlsplit

import certifi
import urllib3
from urllib3.util.ssl_match_hostname import CertificateError

from imagecache.errors import ImageFailedError, OriginBusyError, OriginDownError, RejectedSourceError
from imagecache.model.image import NO_VALIDATORS, FailureReason, Fetched, Unchanged, Validators
from imagecache.rules.source_urls import WebLocation, parse_source_url
from imagecache.sources.pages import replaces_picture
from imagecache.sources.transport import (
    NO_COMPRESSION,
    TIME_LIMITS,
    Deadline,
    PunctualHttps,
    TimeLimits,
    read_body,
    retry_after,
)

PRODUCT = "ChatImageCache/0.1.0"
"""The name and the version of this program, as servers on the web see them."""

_MAX_REDIRECTS = 3
_HTTPS_PORT = 443
_MOST_ADDRESSES = 8
"""The number of addresses of one host that are tried. Each has a share of the time."""

# The characters of a URL that are sent as they are written, because a signature may cover them. The others
# are what browsers percent-encode in a path: blanks, quotation marks, angle brackets, braces, `^`, and all
# that are not ASCII. What is encoded already stays so.
_SENT_AS_WRITTEN = "!#$%&'()*+,/:;=?@[\\]|~"
_ALSO_IN_A_QUERY = "^`{}"

# The statuses that the same request would get again. 401, 403 and 429 are handled earlier.
_GONE = {*range(400, 500)} - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}

_WITH_PICTURE = {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION, HTTPStatus.PARTIAL_CONTENT}

_WHOLE_AS_RANGE = re.compile(r"bytes[ =]0-([0-9]{1,9})/([0-9]{1,9})", re.IGNORECASE)

# RFC 9110 §8.8.3 and §5.6.7. A validator of another form is not stored, because we would send it back later
# and, for example, `If-None-Match: *` matches any version.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,500}"')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")

# Networks that Python counts as global, at least in part. Multicast is another one, which `is_public` refuses
# separately.
_NOT_PUBLIC = (
    # IETF protocol assignments. Python counts the anycast addresses of PCP and TURN, 192.0.0.9 and .10, as
    # global, and before 3.12.4 further ones. These are services of the local network provider.
    ipaddress.IPv4Network("192.0.0.0/24"),
    # The anycast relay of 6to4, which is retired (RFC 7526). Any network may announce the address, so it is
    # unknown which server answers.
    ipaddress.IPv4Network("192.88.99.0/24"),
)

Resolve = Callable[[str, int], list[str]]
"""Returns the IPv4 addresses of a host and port. Raises OSError or UnicodeError if there are none."""

Reach = Callable[[str, int], tuple[str, int]]
"""Returns the address and port to connect to for a checked address and port."""


def is_public(address: str) -> bool:
    """Returns True if this is an address of the public IPv4 internet.

    Returns False for every IPv6 address, because there are too many ways in which it can contain an IPv4
    address.
    """
    try:
        parsed = ipaddress.IPv4Address(address)
    except ipaddress.AddressValueError:
        return False
    if parsed.is_multicast or not parsed.is_global:
        return False
    return not any(parsed in network for network in _NOT_PUBLIC)


def resolve(host: str, port: int) -> list[str]:
    """Returns all IPv4 addresses of a host, in the resolver's order. Raises OSError or UnicodeError."""
    answers = socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in answers]


def connect_directly(address: str, port: int) -> tuple[str, int]:
    """Returns the checked address and port unchanged. Tests replace this function to use a local server."""
    return address, port


# Errors after which the next address of a host is tried. They are what urllib3 raises for a connection that
# is not in a pool: ssl and http.client raise their own, and a certificate for another host is a ValueError.
_CONNECTION_ERRORS = (
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    CertificateError,
    OSError,
)


def user_agent(contact_url: str) -> str:
    """Returns the User-Agent of requests to web servers, with the owner's URL if it is not empty."""
    return f"{PRODUCT} (+{contact_url})" if contact_url else PRODUCT


class GuardedWeb:
    """Sends GET requests to https URLs. It follows redirects itself, so that it can check every target.

    `user_agent` tells the owner of a server whose requests these are.
    """

    def __init__(
        self,
        *,
        user_agent: str = PRODUCT,
        resolve: Resolve = resolve,
        reach: Reach = connect_directly,
        ca_certs: str = certifi.where(),
        limits: TimeLimits = TIME_LIMITS,
    ) -> None:
        self._user_agent = user_agent
        self._resolve = resolve
        self._reach = reach
        self._ca_certs = ca_certs
        self._limits = limits

    def fetch(self, location: WebLocation, cached: Validators = NO_VALIDATORS) -> Fetched | Unchanged:
        """Returns the image, or Unchanged if the server still has the version of the validators `cached`.

        Validators belong to one URL, and a redirect may have another target next time. So `cached` is sent
        only in the first request, to the URL of `location`, and the returned validators are empty after a
        redirect. Raises ImageFailedError, OriginDownError and OriginBusyError.
        """
        deadline = Deadline(self._limits.total_seconds)
        url = location.url
        conditions = cached.conditions()
        for _ in range(1 + _MAX_REDIRECTS):
            status, headers, body = self._get(urlsplit(url), conditions, deadline)
            answered = _validators(headers)
            if conditions and status == HTTPStatus.NOT_MODIFIED:
                if confirmed := cached.confirmed(answered):
                    return Unchanged(confirmed)
                # The answer names another version than the cached one, which a 304 must not do, so the image
                # is requested without conditions.
            elif body is not None:
                content = _image(status, headers, body)
                return Fetched(content, answered if url == location.url else NO_VALIDATORS)
            else:
                url = _next_url(url, headers["Location"])
            conditions = {}
        raise ImageFailedError(FailureReason.REFUSED, "too many redirects")

    def _get(
        self, url: SplitResult, conditions: Mapping[str, str], deadline: Deadline
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        """Sends one request. Returns status, headers and body, which is None if the answer is a redirect."""
        host = url.hostname or ""
        # A normalised URL does not contain port 443, so this is another one, which may belong to an internal
        # service.
        if url.port is not None:
            raise ImageFailedError(FailureReason.REFUSED, "not the port of https")
        headers = {
            "Host": url.netloc,
            "User-Agent": self._user_agent,
            "Accept": "image/*",
            **NO_COMPRESSION,
            **conditions,
        }
        addresses = self._checked_addresses(host, deadline)
        for position, address in enumerate(addresses):
            others = len(addresses) - position - 1
            connection = self._connection(host, address, others, deadline)
            with contextlib.closing(connection):
                try:
                    response = _answer(connection, _request_target(url), headers, deadline)
                except _CONNECTION_ERRORS as error:
                    if others:
                        continue
                    raise OriginDownError(type(error).__name__) from error
                with contextlib.closing(response):
                    is_redirect = bool(response.get_redirect_location())
                    body = None if is_redirect else read_body(response, deadline, may_be_gzip=True)
                    return response.status, response.headers, body
        raise OriginDownError("the name has no address")

    def _connection(self, host: str, address: str, others: int, deadline: Deadline) -> PunctualHttps:
        """Returns a connection to make to a checked address.

        If there are `others` to try after this one, each of them must have as much time, and so must the
        answer.
        """
        connected_to, port = self._reach(address, _HTTPS_PORT)
        return PunctualHttps(
            connected_to,
            port,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=self._ca_certs,
            timeout=min(self._limits.connect_seconds, deadline.remaining() / (others + 2)),
        )

    def _checked_addresses(self, host: str, deadline: Deadline) -> list[str]:
        """Returns the addresses of a host, of which every one is public."""
        if ":" in host:
            raise ImageFailedError(FailureReason.REFUSED, "an IPv6 address")
        try:
            addresses = _call_within(deadline.remaining(), partial(self._resolve, host, _HTTPS_PORT))
        except (OSError, UnicodeError) as error:
            raise OriginDownError("the name has no address") from error
        if not addresses or not all(is_public(address) for address in addresses):
            raise ImageFailedError(FailureReason.REFUSED, "not a public address")
        return list(dict.fromkeys(addresses))[:_MOST_ADDRESSES]


def _answer(
    connection: PunctualHttps, target: str, headers: Mapping[str, str], deadline: Deadline
) -> urllib3.BaseHTTPResponse:
    """Connects, sends one request and returns its answer, of which the body is not read yet."""
    connection.connect()
    left = deadline.remaining()
    connection.timeout = left  # from now on, that of the whole answer
    connection.sock.settimeout(left)
    connection.request("GET", target, headers=headers, preload_content=False)
    response: urllib3.BaseHTTPResponse = connection.getresponse()
    return response


def _request_target(url: SplitResult) -> str:
    """Returns the path and the query of a URL as they are sent: as written, if HTTP allows that."""
    path = quote(url.path or "/", safe=_SENT_AS_WRITTEN)
    return path + (f"?{quote(url.query, safe=_SENT_AS_WRITTEN + _ALSO_IN_A_QUERY)}" if url.query else "")


def _call_within(seconds: float, look_up: Callable[[], list[str]]) -> list[str]:
    """Calls `look_up` in another thread. Returns its result, or raises its error or TimeoutError.

    The thread is needed because the resolver of the C library has no parameter for a time limit. After
    `seconds` the thread is abandoned; it ends at the resolver's own time limit.
    """
    result: Future[list[str]] = Future()

    def run() -> None:
        try:
            result.set_result(look_up())
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result(seconds)


def _validators(headers: Mapping[str, str]) -> Validators:
    """Returns the validators of a response. Each is None if it is absent, malformed or very long."""
    return Validators(
        _well_formed(headers, "ETag", _ENTITY_TAG), _well_formed(headers, "Last-Modified", _HTTP_DATE)
    )


def _well_formed(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str | None:
    value = headers.get(name, "").strip()
    return value if form.fullmatch(value) else None


def _next_url(url: str, location: str) -> str:
    """Returns the normalised target of a redirect. Raises ImageFailedError if it is not an https URL."""
    try:
        target = parse_source_url(urljoin(url, _location_text(location)))
    except (RejectedSourceError, ValueError) as error:
        raise ImageFailedError(FailureReason.REFUSED, "a redirect to a URL that is never fetched") from error
    if not isinstance(target, WebLocation):
        raise ImageFailedError(FailureReason.REFUSED, "a redirect away from https")
    return target.url


def _location_text(location: str) -> str:
    """Returns a Location header as text. http.client has decoded its bytes as Latin-1, but most are UTF-8.

    Bytes that are not UTF-8 are percent-encoded one by one, which sends the same bytes back to the server.
    """
    sent = location.strip().encode("latin-1")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        ascii_characters = "".join(map(chr, range(128)))
        return quote_from_bytes(sent, safe=ascii_characters)


def _image(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Returns the body if it is a whole answer that may be a picture.

    Raises ImageFailedError, OriginBusyError or OriginDownError for any other answer.
    """
    wait = retry_after(headers)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise ImageFailedError(FailureReason.REFUSED, f"status {status}", retry_after=wait)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise OriginBusyError("status 429", retry_after=wait)
    if status in _GONE:
        raise ImageFailedError(FailureReason.GONE, f"status {status}", retry_after=wait)
    if status == HTTPStatus.PARTIAL_CONTENT and not _is_whole(headers, body):
        raise OriginDownError("status 206 with a part of the picture")
    if status not in _WITH_PICTURE:
        raise OriginDownError(f"status {status}", retry_after=wait)
    if not body:
        raise OriginDownError("an empty body")
    if replaces_picture(body):
        raise ImageFailedError(
            FailureReason.REFUSED, "a page or a text in place of the picture", retry_after=wait
        )
    return body


def _is_whole(headers: Mapping[str, str], body: bytes) -> bool:
    """Returns True if the part that a 206 answer has is all of the picture."""
    part = _WHOLE_AS_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if part is None:
        return False
    last, size = (int(number) for number in part.groups())
    return last + 1 == size == len(body)
