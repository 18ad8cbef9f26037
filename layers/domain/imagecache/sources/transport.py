"""Sends HTTP requests with a time limit for the whole answer and a maximum size of the body.

The timeout of a socket starts again with every packet, so it never stops an origin that sends one byte a
second. On the connections of this module a read may last only as long as time is left for the whole answer:
status, headers and body. They also read over what servers send in error: answers before the answer, and lines
that are no headers. TLS connections share what they trust. Nothing else in urllib3 is changed.
"""

import http.client
import io
import json
import re
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from imagecache.clock import Clock
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
# Beeper, like every server on Node.js, closes a connection that was not used for 5 s. A request that is sent
# at that moment fails.
_LONGEST_IDLE_MS = 2_000
# An origin that asks for more than a day is taken to be mistaken.
_LONGEST_RETRY_AFTER_SECONDS = 86_400

# The content codings that are registered or were in use, which change the bytes of a body. Any other word in
# a Content-Encoding header means nothing: servers send what they stored with the file, such as `aws-chunked`,
# `utf-8` or `none`.
_GZIP = {"gzip", "x-gzip"}
_CODINGS = _GZIP | {"br", "compress", "dcb", "dcz", "deflate", "exi", "pack200-gzip", "x-compress", "zstd"}
_GZIP_BEGINS = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

_INTERIM_ANSWER = re.compile(rb"HTTP/1\.[0-9]+[ \t]+1(?!01)[0-9][0-9](?![0-9])")
# More interim answers than any server sends, and the limits of http.client for the lines of a head.
_MOST_INTERIM_ANSWERS = 20
_MOST_LINE_BYTES = 65_536
_MOST_HEADER_LINES = 100
# A header line, RFC 9112 §5. Some servers send blanks before the colon, which do not belong to the name.
_HEADER_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*:")
_END_OF_HEAD = {b"\r\n", b"\n", b""}


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


def read_body(response: urllib3.BaseHTTPResponse, deadline: Deadline, *, may_be_gzip: bool = False) -> bytes:
    """Returns the body of a response, read up to MAX_IMAGE_BYTES whatever its headers announce.

    With `may_be_gzip` a body that was compressed with gzip, although nobody asked for it, is unpacked up to
    the same limit. Raises ImageFailedError (TOO_LARGE) for a longer body, and OriginFaultyError for one that
    is late, otherwise compressed, or shorter than its Content-Length. If a body is longer than its
    Content-Length, the announced part is returned.
    """
    codings = _codings(response)
    is_gzip = may_be_gzip and len(codings) == 1 and codings[0] in _GZIP
    if codings and not is_gzip:
        raise OriginFaultyError(_compressed(codings))
    try:
        body = bytes(_read(response, deadline, MAX_IMAGE_BYTES))
        return _unpacked(body, MAX_IMAGE_BYTES) if is_gzip and body.startswith(_GZIP_BEGINS) else body
    except AnswerTooLargeError as error:
        raise ImageFailedError(FailureReason.TOO_LARGE, "more than 5 MB") from error


def read_json(response: urllib3.BaseHTTPResponse, deadline: Deadline) -> Any:
    """Returns the JSON value in the body of a response, which may have MAX_JSON_BYTES.

    Raises AnswerTooLargeError, OriginFaultyError as `read_body` does, and ValueError or RecursionError if the
    body is not JSON. Bytes that are not UTF-8 become U+FFFD.
    """
    if codings := _codings(response):
        raise OriginFaultyError(_compressed(codings))
    body = _read(response, deadline, MAX_JSON_BYTES)
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > _MOST_JSON_VALUES:
        raise AnswerTooLargeError("more than a million values: check what answers at this address")
    return json.loads(body.decode("utf-8-sig", errors="replace"))


def _read(response: urllib3.BaseHTTPResponse, deadline: Deadline, most_bytes: int) -> bytearray:
    """Returns the body of a response as it was sent. Raises AnswerTooLargeError, OriginFaultyError."""
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


def _codings(response: urllib3.BaseHTTPResponse) -> list[str]:
    """Returns the codings in the Content-Encoding header that change the bytes of the body."""
    words = response.headers.get("Content-Encoding", "").lower().split(",")
    names = [word.partition(";")[0].strip() for word in words]
    return [name for name in names if name in _CODINGS]


def _compressed(codings: list[str]) -> str:
    return f"a compressed body ({', '.join(codings)[:100]}), although none was asked for"


def _unpacked(body: bytes, most_bytes: int) -> bytes:
    """Returns the content of a gzip file. Raises AnswerTooLargeError, OriginFaultyError."""
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = unpacker.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise OriginFaultyError("a body that gzip cannot unpack") from error
    if len(content) > most_bytes:
        raise AnswerTooLargeError("a compressed body that is too large")
    if not unpacker.eof:
        raise OriginFaultyError("only a part of a compressed body")
    return content


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Returns the Retry-After header in seconds, or None if it is absent or malformed.

    The header may hold seconds or a date (RFC 9110 §10.2.3). The result is at most one day.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _LONGEST_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
        # The old form of asctime has no time zone, and HTTP knows only GMT.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - time.time()
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


class _AnswerReader(io.BufferedReader):
    """Reads one answer. `correct_head` makes it begin with a head that http.client understands."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__(raw)
        self._head: deque[bytes] = deque()

    def correct_head(self) -> None:
        """Reads over interim answers, and leaves out the lines of the head that are not headers.

        http.client passes over 100 only, and takes the first line that is not a header for the end of the
        head. A head with too many or too long lines is left as it is, for http.client to refuse.
        """
        for _ in range(_MOST_INTERIM_ANSWERS + 1):
            status_line = self.readline(_MOST_LINE_BYTES + 1)
            if not status_line.startswith(b"HTTP/"):
                self._head = deque([status_line])
                return
            lines = self._header_lines()
            if not _INTERIM_ANSWER.match(status_line):
                break
        is_whole = lines[-1] in _END_OF_HEAD
        self._head = deque([status_line, *(_well_formed(lines) if is_whole else lines)])

    def _header_lines(self) -> list[bytes]:
        """Returns the lines up to the empty one, or up to the limits of http.client."""
        lines = [self.readline(_MOST_LINE_BYTES + 1)]
        while lines[-1] not in _END_OF_HEAD and len(lines[-1]) <= _MOST_LINE_BYTES:
            if len(lines) > _MOST_HEADER_LINES:
                break
            lines.append(self.readline(_MOST_LINE_BYTES + 1))
        return lines

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._head.popleft() if self._head else super().readline(size)


def _well_formed(lines: list[bytes]) -> list[bytes]:
    """Returns the lines of a head that are headers, with the lines that continue them, and the last one."""
    headers: list[bytes] = []
    continues_header = False
    for line in lines[:-1]:
        # A carriage return within a line would begin another header for the parser of http.client.
        text = line.rstrip(b"\r\n").replace(b"\r", b" ") + b"\r\n"
        if text[:1] in {b" ", b"\t"}:
            if continues_header:
                headers.append(text)
            continue
        header = _HEADER_LINE.match(text)
        continues_header = header is not None
        if header:
            headers.append(header.group(1) + b":" + text[header.end() :])
    return [*headers, lines[-1]]


class _ForgivingResponse(http.client.HTTPResponse):
    """A response that reads over what is wrong in its head."""

    def begin(self) -> None:
        reader: Any = self.fp
        if self.headers is None and isinstance(reader, _AnswerReader):
            reader.correct_head()
        super().begin()


class _PunctualSocket:
    """The part of a socket that http.client.HTTPResponse uses, with a time limit on what is read from it."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        self._seconds = seconds

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _AnswerReader(_PunctualReader(self._socket, self._seconds))


def _response_within(seconds: float) -> Any:
    """Returns a constructor for http.client's responses that limits the time for the whole response."""

    def response(connected: socket.socket, *args: Any, **options: Any) -> http.client.HTTPResponse:
        limited: Any = _PunctualSocket(connected, seconds)
        return _ForgivingResponse(limited, *args, **options)

    return response


class _PunctualHttp(HTTPConnection):
    """A connection that takes its read timeout as the time for a whole response."""

    def getresponse(self) -> Any:
        self.response_class = _response_within(float(self.timeout or 0))
        return super().getresponse()


class PunctualHttps(_PunctualHttp, HTTPSConnection):
    """The same for https. All connections that trust the same certificates share one TLS context."""

    def connect(self) -> None:
        if self.ca_certs and self.ssl_context is None:
            self.ssl_context = _tls_context(self.ca_certs)
            self.ca_certs = None  # or urllib3 would read them once more
        super().connect()


@cache
def _tls_context(ca_certs: str) -> ssl.SSLContext:
    """Returns a TLS context that trusts the certificates of a file.

    Reading the file of all public authorities takes more CPU time than all else that is done for an image of
    the web, so it is read once. The context holds nothing of any connection.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(ca_certs)
    return context


class _PunctualHttpPool(HTTPConnectionPool):
    ConnectionCls = _PunctualHttp


class _PunctualHttpsPool(HTTPSConnectionPool):
    ConnectionCls = PunctualHttps


class _PunctualAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PunctualHttpPool, "https": _PunctualHttpsPool}


def punctual_session() -> requests.Session:
    """Returns a session whose read timeouts cover whole responses, for requests that carry a token.

    It ignores the environment: a proxy would see the token, and a .netrc file would replace it.
    """
    return _session(_PunctualAdapter())


def _session(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    for prefix in ("http://", "https://"):
        session.mount(prefix, adapter)
    return session


class KeptConnections:
    """Keeps connections open between the invocations of a function, because invocations follow one another.

    Only connections are kept. Each session has its own cookies and headers, so nothing that a server has set
    for an earlier token counts for the next one.
    """

    def __init__(self) -> None:
        self._adapter = _PunctualAdapter()
        self._used_at = 0.0

    @contextmanager
    def session(self, *, clock: Clock) -> Iterator[requests.Session]:
        """Yields a session like those of `punctual_session`, with the connections of the session before.

        `clock` is the time (ms) of the wall, which goes on while Lambda has frozen the process.
        """
        if not 0 <= clock() - self._used_at <= _LONGEST_IDLE_MS:
            self._adapter.close()  # of its connections; it makes new ones
        try:
            yield _session(self._adapter)
        finally:
            self._used_at = clock()
