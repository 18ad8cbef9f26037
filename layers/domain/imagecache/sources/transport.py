"""Sends HTTP requests with a time limit for the whole answer and a maximum size of the body.

The timeout of a socket starts again with every packet, so it never stops an origin that sends one byte a
second. On the connections of this module a read may last only as long as time is left for the whole answer:
status, headers and body. Nothing else in urllib3 is changed.
"""

import http.client
import io
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from imagecache.errors import AnswerTooLargeError, ImageFailedError, OriginFaultyError
from imagecache.model.image import FailureReason

MAX_IMAGE_BYTES = 5 * 1024 * 1024
MAX_JSON_BYTES = 32 * 1024 * 1024
# A short text can become a large object: each `[]` takes more than 50 bytes. A list of 200 chats with 20
# members each has a tenth of this.
_MOST_JSON_VALUES = 1_000_000
NO_COMPRESSION = {"Accept-Encoding": "identity"}
"""The header of every request. A small compressed answer could be huge when it is unpacked."""

_CHUNK_BYTES = 64 * 1024
# An origin that asks for more than a day is taken to be mistaken.
_LONGEST_RETRY_AFTER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """The time that a fetch may take: in total, redirects included, and for connecting (TCP and TLS).

    An image of Beeper's media has only `first_attempt_seconds` at its first attempt, so that slow images hold
    up the others of their batch for a short time; at a later attempt it has all of `total_seconds`.
    `check_seconds` is the time in which an origin must answer a check.
    """

    total_seconds: float = 10.0
    connect_seconds: float = 3.0
    first_attempt_seconds: float = 4.0
    check_seconds: float = 2.5

    def for_attempt(self, *, is_first: bool) -> float:
        """Returns the seconds for one attempt to fetch an image of Beeper's media."""
        return min(self.first_attempt_seconds, self.total_seconds) if is_first else self.total_seconds


TIME_LIMITS = TimeLimits()


class Deadline:
    """The moment, on the monotonic clock, at which a whole fetch must be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Returns the seconds that are left. Raises OriginFaultyError if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OriginFaultyError("no complete answer within the deadline")
        return left


def read_body(response: urllib3.BaseHTTPResponse, deadline: Deadline) -> bytes:
    """Returns the body of a response, read up to MAX_IMAGE_BYTES whatever its headers announce.

    Raises ImageFailedError (TOO_LARGE) for a longer body, and OriginFaultyError for one that is late,
    compressed, or shorter than its Content-Length. If a body is longer than its Content-Length, the announced
    part is returned.
    """
    try:
        return bytes(_read(response, deadline, MAX_IMAGE_BYTES))
    except AnswerTooLargeError as error:
        raise ImageFailedError(FailureReason.TOO_LARGE, "more than 5 MB") from error


def read_json(response: urllib3.BaseHTTPResponse, deadline: Deadline) -> Any:
    """Returns the JSON value in the body of a response, which may have MAX_JSON_BYTES.

    Raises AnswerTooLargeError, OriginFaultyError as `read_body` does, and ValueError or RecursionError if the
    body is not JSON. Bytes that are not UTF-8 become U+FFFD.
    """
    body = _read(response, deadline, MAX_JSON_BYTES)
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > _MOST_JSON_VALUES:
        raise AnswerTooLargeError("more than a million values: check what answers at this address")
    return json.loads(body.decode("utf-8-sig", errors="replace"))


def _read(response: urllib3.BaseHTTPResponse, deadline: Deadline, most_bytes: int) -> bytearray:
    """Returns the body of a response. Raises AnswerTooLargeError, OriginFaultyError."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise OriginFaultyError("a compressed body, although none was asked for")
    body = bytearray()
    try:
        while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > most_bytes:
                megabytes = most_bytes // (1024 * 1024)
                raise AnswerTooLargeError(f"more than {megabytes} MB: check what answers at this address")
            deadline.remaining()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise OriginFaultyError(type(error).__name__) from error
    return body


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Returns the Retry-After header in seconds, or None if it is absent or malformed.

    The header may hold seconds or a date (RFC 9110 §10.2.3). The result is at most one day.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _LONGEST_RETRY_AFTER_SECONDS)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(int(seconds), 0), _LONGEST_RETRY_AFTER_SECONDS)


class _PunctualReader(io.RawIOBase):
    """Reads from a socket until the time is up, then raises TimeoutError."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        # This file is unbuffered, and keeps the socket open: http.client may drop its own reference to the
        # socket before the body is read.
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


class _PunctualSocket:
    """The part of a socket that http.client.HTTPResponse uses, with a time limit on what is read from it."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        self._seconds = seconds

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_PunctualReader(self._socket, self._seconds))


def _response_within(seconds: float) -> Any:
    """Returns a constructor for http.client's responses that limits the time for the whole response."""

    def response(connected: socket.socket, *args: Any, **options: Any) -> http.client.HTTPResponse:
        limited: Any = _PunctualSocket(connected, seconds)
        return http.client.HTTPResponse(limited, *args, **options)

    return response


class _PunctualHttp(HTTPConnection):
    """A connection that takes its read timeout as the time for a whole response."""

    def getresponse(self) -> Any:
        self.response_class = _response_within(float(self.timeout or 0))
        return super().getresponse()


class _PunctualHttps(_PunctualHttp, HTTPSConnection):
    """The same for https."""


class _PunctualHttpPool(HTTPConnectionPool):
    ConnectionCls = _PunctualHttp


class PunctualHttpsPool(HTTPSConnectionPool):
    """A pool of connections to one https host that limit the time for a whole response."""

    ConnectionCls = _PunctualHttps


class _PunctualAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PunctualHttpPool, "https": PunctualHttpsPool}


def punctual_session() -> requests.Session:
    """Returns a session whose read timeouts cover whole responses, for requests that carry a token.

    It ignores the environment: a proxy would see the token, and a .netrc file would replace it.
    """
    session = requests.Session()
    session.trust_env = False
    for prefix in ("http://", "https://"):
        session.mount(prefix, _PunctualAdapter())
    return session
