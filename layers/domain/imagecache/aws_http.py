"""Signs requests to AWS (Signature Version 4), and sends them over connections that are kept."""

import hashlib
import hmac
import ssl
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from typing import Protocol
from urllib.parse import urlsplit

from imagecache.clock import Clock

# AWS answers within milliseconds. After this many seconds, botocore sends the request again with its own
# patience.
_TIMEOUT = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server. The names of headers are found in any case."""

    status: int
    headers: HTTPMessage
    body: bytes


class Sign(Protocol):
    """Returns all headers of a request with this body and these headers, which have names in lower case."""

    def __call__(
        self, body: bytes, headers: Mapping[str, str], *, method: str = "POST", path: str = "/"
    ) -> dict[str, str]: ...


def signer(
    service: str,
    url: str,
    *,
    region: str,
    access_key: str,
    secret_key: str,
    session_token: str | None,
    clock: Clock,
) -> Sign:
    """Returns a function that signs requests to this server.

    It encodes nothing: paths must only have slashes and characters that a URL has unchanged, and headers must
    not have several spaces in a row.
    """
    host = urlsplit(url).netloc

    @cache
    def key_of_day(day: str) -> bytes:
        key = f"AWS4{secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            key = _hmac(key, part).digest()
        return key

    def sign(
        body: bytes, headers: Mapping[str, str], *, method: str = "POST", path: str = "/"
    ) -> dict[str, str]:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock() / 1000))
        hash_of_body = hashlib.sha256(body).hexdigest()
        signed = {**headers, "host": host, "x-amz-date": moment}
        if session_token:
            signed["x-amz-security-token"] = session_token
        if service == "s3":  # S3 requires the header, and compares the body with it.
            signed["x-amz-content-sha256"] = hash_of_body
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n\n{lines}\n{names}\n{hash_of_body}"
        day = moment[:8]
        scope = f"{day}/{region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = _hmac(key_of_day(day), text).hexdigest()
        credential = f"Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "authorization": f"AWS4-HMAC-SHA256 {credential}"}

    return sign


def _hmac(key: bytes, text: str) -> hmac.HMAC:
    return hmac.new(key, text.encode(), hashlib.sha256)


class Server:
    """Sends signed requests to one server. A connection is used by one thread at a time, and then kept."""

    def __init__(self, url: str, *, sign: Sign, ca_bundle: str | None) -> None:
        self._sign = sign
        self._server = urlsplit(url)
        # All connections share one context, because each would load the certificates for 16 ms.
        self._tls = ssl.create_default_context(cafile=ca_bundle) if self._server.scheme == "https" else None
        self._kept: deque[HTTPConnection] = deque()

    def send(
        self, body: bytes, headers: Mapping[str, str], *, method: str = "POST", path: str = "/"
    ) -> Answer | None:
        """Signs and sends a request. Returns the answer, or None if the connection fails.

        A server may have closed a connection that was not used for a while. The request is then sent again.
        If a server does not answer in time, the other connections are not used again, because the network may
        have lost all of them, for example while Lambda was frozen.
        """
        signed = self._sign(body, headers, method=method, path=path)
        while True:
            connection = self._kept_connection()
            is_new = connection is None
            connection = connection or self._new_connection()
            try:
                connection.request(method, path, body, signed)
                response = connection.getresponse()
                content = response.read()
            except (OSError, HTTPException) as error:
                connection.close()
                if isinstance(error, TimeoutError):
                    self.close()
                    return None
                if is_new:
                    return None
                self.close()  # A server that has closed one has mostly closed all.
                continue
            if not response.will_close:
                self._kept.append(connection)
            return Answer(response.status, response.headers, content)

    def close(self) -> None:
        """Closes all connections that are kept."""
        while connection := self._kept_connection():
            connection.close()

    def _kept_connection(self) -> HTTPConnection | None:
        with suppress(IndexError):
            return self._kept.pop()
        return None

    def _new_connection(self) -> HTTPConnection:
        host, port = self._server.hostname or "", self._server.port
        if self._tls:
            return HTTPSConnection(host, port, timeout=_TIMEOUT, context=self._tls)
        return HTTPConnection(host, port, timeout=_TIMEOUT)
