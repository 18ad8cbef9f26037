"""HTTP that ends: connections on which the read timeout covers the whole answer, and bodies with a cap.

A socket's own timeout begins anew with every packet, so an origin that sends one byte a second is never
late. Here each read may take only what is left of the whole: status, headers and body. Nothing else of
urllib3 is changed.
"""

import http.client
import io
import socket
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from imagecache.errors import ImageFailedError, OriginFaultyError
from imagecache.model.image import FailureReason

MAX_IMAGE_BYTES = 5 * 1024 * 1024
TOTAL_SECONDS = 10.0
# Of those, for the TCP and TLS handshakes.
CONNECT_SECONDS = 3.0
_CHUNK = 64 * 1024
# A longer wish is a mistake; a day is the longest wait of any other failure that heals.
_LONGEST_RETRY_AFTER = 86_400


class Deadline:
    """A moment on the monotonic clock that a whole fetch, redirects and all, must not outlive."""

    def __init__(self, seconds: float = TOTAL_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left. Raises OriginFaultyError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OriginFaultyError("no complete answer within the deadline")
        return left


def read_body(response: urllib3.BaseHTTPResponse, deadline: Deadline) -> bytes:
    """The body as sent, whatever its headers say. Raises ImageFailedError (TOO_LARGE), OriginFaultyError.

    A body shorter than its Content-Length is cut short; of a longer one only the announced part is read.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:  # we asked for none, and do not unpack bombs
        raise OriginFaultyError("a compressed body, although none was asked for")
    body = bytearray()
    try:
        while chunk := response.read1(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > MAX_IMAGE_BYTES:
                raise ImageFailedError(FailureReason.TOO_LARGE, "more than 5 MB")
            deadline.remaining()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise OriginFaultyError(type(error).__name__) from error
    return bytes(body)


def retry_after(headers: Mapping[str, str]) -> int | None:
    """The Retry-After header in seconds, given as such or as a date (RFC 9110 §10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(int(seconds), 0), _LONGEST_RETRY_AFTER)


class _PunctualReader(io.RawIOBase):
    """What a socket receives before the time is up; after that, TimeoutError."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        # Unbuffered; it also keeps the socket open when http.client lets go of it before the body is read.
        self._received: Any = connected.makefile("rb", buffering=0)
        self._ends_at = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("no complete answer in time")
        self._socket.settimeout(left)
        count: int | None = self._received.readinto(buffer)
        return count

    def close(self) -> None:
        self._received.close()
        super().close()


class _PunctualAnswer:
    """As much of a socket as http.client.HTTPResponse uses."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        self._seconds = seconds

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_PunctualReader(self._socket, self._seconds))


def _response_within(seconds: float) -> Any:
    def response(connected: socket.socket, *args: Any, **options: Any) -> http.client.HTTPResponse:
        answer: Any = _PunctualAnswer(connected, seconds)
        return http.client.HTTPResponse(answer, *args, **options)

    return response


class _PunctualHttp(HTTPConnection):
    def getresponse(self) -> Any:
        self.response_class = _response_within(float(self.timeout or 0))
        return super().getresponse()


class _PunctualHttps(HTTPSConnection):
    def getresponse(self) -> Any:
        self.response_class = _response_within(float(self.timeout or 0))
        return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _PunctualHttp


class PunctualHttpsPool(HTTPSConnectionPool):
    """Connections to one https host."""

    ConnectionCls = _PunctualHttps


class _PunctualAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": PunctualHttpsPool}


def punctual_session() -> requests.Session:
    """For the two Beeper origins. No .netrc and no proxy of the environment gets to see their tokens."""
    session = requests.Session()
    session.trust_env = False
    for prefix in ("http://", "https://"):
        session.mount(prefix, _PunctualAdapter())
    return session
