"""HTTP connections on which the read timeout covers the whole answer: status, headers and body.

A socket's own timeout begins anew with every packet, so an origin that sends one byte a second is never
late. Here each read may take only what is left of the whole. Nothing else of urllib3 is changed.
"""

import http.client
import io
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


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
