"""An https image from anywhere → its bytes, without ever talking to an address that is not public.

The name is resolved once, every answer must be public, and the connection goes to the checked address,
so a name that answers differently the second time gains nothing. TLS still checks the name.
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi
import urllib3

from imagecache.errors import ImageFailedError, OriginBusyError, OriginDownError, RejectedSourceError
from imagecache.model.image import NO_VALIDATORS, FailureReason, Fetched, Unchanged, Validators
from imagecache.rules.source_urls import WebLocation, parse_source_url
from imagecache.rules.validators import read_validators
from imagecache.sources.transport import (
    CONNECT_SECONDS,
    Deadline,
    PunctualHttpsPool,
    read_body,
    retry_after,
)

_MAX_REDIRECTS = 3
_HTTPS_PORT = 443
# Every 4xx that asking again in the same words does not mend, but for those of permission and pace.
_GONE = {*range(400, 500)} - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
# Everything that is not the public IPv4 internet: IANA's special-purpose registry, multicast, class E.
_NOT_PUBLIC = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]

Resolve = Callable[[str, int], list[str]]
Reach = Callable[[str, int], tuple[str, int]]


def is_public(address: str) -> bool:
    """Whether an address may be connected to. IPv6 never: too many ways to write an IPv4 address in it."""
    try:
        parsed = ipaddress.IPv4Address(address)
    except ipaddress.AddressValueError:
        return False
    return not any(parsed in network for network in _NOT_PUBLIC)


def resolve(host: str, port: int) -> list[str]:
    """All IPv4 addresses of a host, in the resolver's order. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _within(seconds: float, look_up: Callable[[], list[str]]) -> list[str]:
    """What it returns or raises, or TimeoutError.

    The C library's resolver takes no deadline. One that is late is left to itself: it ends by its own limit.
    """
    answer: Future[list[str]] = Future()

    def run() -> None:
        try:
            answer.set_result(look_up())
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer.result(seconds)


def directly(address: str, port: int) -> tuple[str, int]:
    """A checked address is connected to as it is; a test's answer is a server of its own."""
    return address, port


class GuardedWeb:
    """GET of an https URL, redirects followed by hand and checked hop by hop."""

    def __init__(
        self, *, resolve: Resolve = resolve, reach: Reach = directly, ca_certs: str = certifi.where()
    ) -> None:
        self._resolve = resolve
        self._reach = reach
        self._ca_certs = ca_certs

    def fetch(self, source: WebLocation, known: Validators = NO_VALIDATORS) -> Fetched | Unchanged:
        """`known` names the version that we have, if any.

        Such names hold for one URL, and a redirect may lead elsewhere by now: they are sent to the source's
        own alone, and kept from there alone.
        Raises ImageFailedError (GONE, REFUSED, TOO_LARGE), OriginDownError, OriginBusyError.
        """
        deadline = Deadline()
        url, conditions = source.url, known.conditions()
        for _ in range(1 + _MAX_REDIRECTS):
            status, headers, body = self._get(urlsplit(url), conditions, deadline)
            said = read_validators(headers)
            if conditions and status == HTTPStatus.NOT_MODIFIED:
                if confirmed := known.confirmed(said):
                    return Unchanged(confirmed)
            elif body is not None:
                content = _image(status, headers, body)
                return Fetched(content, said if url == source.url else NO_VALIDATORS)
            else:
                url = _next_hop(url, headers["Location"])
            conditions = {}
        raise ImageFailedError(FailureReason.REFUSED, "too many redirects")

    def _get(
        self, url: SplitResult, conditions: Mapping[str, str], deadline: Deadline
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        """Status, headers, and the body unless they say that it is elsewhere."""
        host = url.hostname or ""
        if url.port is not None:  # identity has removed the usual one; what else listens is no web server
            raise ImageFailedError(FailureReason.REFUSED, "not the port of https")
        address, port = self._reach(self._checked_address(host, deadline), _HTTPS_PORT)
        left = deadline.remaining()
        pool = PunctualHttpsPool(
            address,
            port,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=self._ca_certs,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=left),
            retries=False,
        )
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        with pool:
            try:
                response = pool.request(
                    "GET",
                    target,
                    headers={
                        "Host": url.netloc,
                        "Accept": "image/*",
                        "Accept-Encoding": "identity",
                        **conditions,
                    },
                    redirect=False,
                    preload_content=False,
                )
            except urllib3.exceptions.HTTPError as error:
                raise OriginDownError(type(error).__name__) from error
            moved = bool(response.get_redirect_location())
            with contextlib.closing(response):
                return response.status, response.headers, None if moved else read_body(response, deadline)

    def _checked_address(self, host: str, deadline: Deadline) -> str:
        if ":" in host:
            raise ImageFailedError(FailureReason.REFUSED, "an IPv6 address")
        try:
            addresses = _within(deadline.remaining(), partial(self._resolve, host, _HTTPS_PORT))
        except (OSError, UnicodeError) as error:
            raise OriginDownError("the name has no address") from error
        if not addresses or not all(is_public(address) for address in addresses):
            raise ImageFailedError(FailureReason.REFUSED, "not a public address")
        return addresses[0]


def _next_hop(url: str, location: str) -> str:
    try:
        source = parse_source_url(urljoin(url, location))
    except (RejectedSourceError, ValueError) as error:
        raise ImageFailedError(FailureReason.REFUSED, "redirect to what is never fetched") from error
    if not isinstance(source, WebLocation):
        raise ImageFailedError(FailureReason.REFUSED, "redirect away from https")
    return source.url


def _image(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise ImageFailedError(FailureReason.REFUSED, f"status {status}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise OriginBusyError("status 429", retry_after=retry_after(headers))
    if status in _GONE:
        raise ImageFailedError(FailureReason.GONE, f"status {status}")
    if status != HTTPStatus.OK:
        raise OriginDownError(f"status {status}", retry_after=retry_after(headers))
    if not body:
        raise OriginDownError("an empty body")
    return body
