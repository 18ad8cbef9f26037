"""Sends the reads of DynamoDB and SSM without botocore, which sends everything else.

Importing botocore and making its clients took two thirds of the CPU time of a cold start of functions/read,
and a request of botocore takes three times the CPU time of one from here. So a function that only reads
starts without botocore, which is imported when it is first needed.
"""

import hashlib
import hmac
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import RLock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zlib import crc32

import orjson

from imagecache.clock import Clock

if TYPE_CHECKING:
    from imagecache.wiring import MakeClient

Answer = dict[str, Any]

# By service: the reads, by the names of the client's methods, and the headers that name the protocol.
_READS = {
    "dynamodb": {"get_item": "GetItem", "batch_get_item": "BatchGetItem", "query": "Query", "scan": "Scan"},
    "ssm": {"get_parameters": "GetParameters"},
}
_PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "application/x-amz-json-1.0"),
    "ssm": ("AmazonSSM", "application/x-amz-json-1.1"),
}
# Settings that change where botocore sends a request. Only botocore knows what all of them mean.
_SETTINGS_OF_BOTOCORE = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "https_proxy",
    "http_proxy",
)
# The first parts of the names of regions whose services are not at amazonaws.com.
_OTHER_DOMAINS = ("cn-", "us-iso", "eu-isoe", "eusc-")
# Reads take milliseconds. After this many seconds, botocore sends the request again with its own patience.
_TIMEOUT = 5


def function_clients(environment: Mapping[str, str], *, clock: Clock, lazy: bool) -> "MakeClient":
    """Returns a maker of AWS clients, which send reads of DynamoDB and SSM directly and the rest by botocore.

    `environment` has the credentials, the region and the endpoints, in the variables of every AWS SDK. If it
    has no credentials, or a setting that only botocore understands, botocore sends everything. A client that
    is `lazy` imports botocore when it is first needed: that saves time in a function that only reads. The
    start of any other function is the better moment, because Lambda gives a start more CPU time.
    """
    # Clients of one session must be made by one thread at a time.
    lock = RLock()

    @cache
    def botocore_maker() -> "MakeClient":
        from imagecache.aws_clients import client_maker

        return client_maker()

    def make_client(service: str, **options: Any) -> Any:
        def make_with_botocore() -> Any:
            return botocore_maker()(service, **options)

        url = None if options else _direct_url(service, environment)
        if url is None:
            return make_with_botocore()
        client = DirectClient(
            service,
            sign=_signer(service, url, environment, clock),
            connections=_Connections(url, ca_bundle=environment.get("AWS_CA_BUNDLE")),
            make_with_botocore=make_with_botocore,
            lock=lock,
        )
        if not lazy:
            client.by_botocore()
        return client

    return make_client


def _direct_url(service: str, environment: Mapping[str, str]) -> str | None:
    """Returns where to send reads of the service, or None if botocore has to find that out."""
    region = _region(environment)
    has_credentials = environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY")
    if service not in _READS or not has_credentials or not region or region.startswith(_OTHER_DOMAINS):
        return None
    if any(environment.get(name) for name in _SETTINGS_OF_BOTOCORE):
        return None
    url = (
        environment.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        or environment.get("AWS_ENDPOINT_URL")
        or f"https://{service}.{region}.amazonaws.com"
    ).rstrip("/")
    return None if urlsplit(url).path else url


def _region(environment: Mapping[str, str]) -> str:
    """Returns the region, or an empty text if none is set."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""


class DirectClient:
    """A client of botocore whose reads are sent directly, with the same parameters and the same answers.

    Only a success is handled directly, and its answer has no `ResponseMetadata`. If the connection fails, or
    the service answers with an error or with a damaged body, botocore sends the request again, with its own
    retries and errors. `lock` must be common to all clients of one session.
    """

    def __init__(
        self,
        service: str,
        *,
        sign: "Sign",
        connections: "_Connections",
        make_with_botocore: Callable[[], Any],
        lock: RLock,
    ) -> None:
        self._target, self._content_type = _PROTOCOLS[service]
        self._sign = sign
        self._connections = connections
        self._make_with_botocore = make_with_botocore
        self._lock = lock
        self._made: Any = None
        self.reads = _READS[service]
        for method, operation in self.reads.items():
            setattr(self, method, self._reading(method, operation))

    def by_botocore(self) -> Any:
        """Returns botocore's client."""
        with self._lock:
            if self._made is None:
                self._made = self._make_with_botocore()
            return self._made

    def close(self) -> None:
        """Closes the connections that no thread uses now."""
        self._connections.close()
        with self._lock:
            if self._made is not None:
                self._made.close()

    def __getattr__(self, name: str) -> Any:
        """Returns an attribute of botocore's client. Python calls this for names that are not set here."""
        return getattr(self.by_botocore(), name)

    def _reading(self, method: str, operation: str) -> Callable[..., Answer]:
        def read(**parameters: Any) -> Answer:
            answer = self._read(operation, orjson.dumps(parameters))
            return getattr(self.by_botocore(), method)(**parameters) if answer is None else answer

        return read

    def _read(self, operation: str, body: bytes) -> Answer | None:
        """Returns the answer of the service, or None without a whole one."""
        headers = {"content-type": self._content_type, "x-amz-target": f"{self._target}.{operation}"}
        answer = self._connections.send(body, self._sign(body, headers))
        return None if answer is None else _whole(*answer)


Sign = Callable[[bytes, Mapping[str, str]], dict[str, str]]
"""Returns all headers of a request with this body and with these headers."""


def _signer(service: str, url: str, environment: Mapping[str, str], clock: Clock) -> Sign:
    return signer(
        service,
        url,
        region=_region(environment),
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        session_token=environment.get("AWS_SESSION_TOKEN"),
        clock=clock,
    )


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
    """Returns a function that signs POST requests to the root of this server (AWS Signature Version 4)."""
    host = urlsplit(url).netloc

    @cache
    def key_of_day(day: str) -> bytes:
        key = f"AWS4{secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            key = _hmac(key, part).digest()
        return key

    def sign(body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock() / 1000))
        signed = {**headers, "host": host, "x-amz-date": moment}
        if session_token:
            signed["x-amz-security-token"] = session_token
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        day = moment[:8]
        scope = f"{day}/{region}/{service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = _hmac(key_of_day(day), text).hexdigest()
        credential = f"Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "authorization": f"AWS4-HMAC-SHA256 {credential}"}

    return sign


def _hmac(key: bytes, text: str) -> hmac.HMAC:
    return hmac.new(key, text.encode(), hashlib.sha256)


class _Connections:
    """Connections to one server. Each is used by one thread at a time, and kept for later requests."""

    def __init__(self, url: str, *, ca_bundle: str | None) -> None:
        self._server = urlsplit(url)
        # All connections share one context, because each would load the certificates for 16 ms.
        self._tls = ssl.create_default_context(cafile=ca_bundle) if self._server.scheme == "https" else None
        self._kept: deque[HTTPConnection] = deque()

    def send(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str | None, bytes] | None:
        """Sends a read. Returns the status of the answer, its checksum if it has one, and its body.

        Returns None if the connection fails. A server may have closed a connection that was not used for a
        while. The read is then sent again. If a server does not answer in time, the other connections are not
        used again, because the network may have lost all of them, for example while Lambda was frozen.
        """
        while True:
            connection = self._kept_connection()
            is_new = connection is None
            connection = connection or self._new_connection()
            try:
                connection.request("POST", "/", body, dict(headers))
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, HTTPException) as error:
                connection.close()
                if isinstance(error, TimeoutError):
                    self.close()
                    return None
                if is_new:
                    return None
                continue
            if not answer.will_close:
                self._kept.append(connection)
            return answer.status, answer.getheader("x-amz-crc32"), content

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


def json_without_binary(body: bytes) -> Answer | None:
    """Returns the JSON of an answer, or None if it is not JSON or has binary attributes.

    These are in Base64, which botocore's parser decodes.
    """
    # Quotation marks in a text are escaped in JSON, so this finds types and names of attributes only.
    if b'"B"' in body or b'"BS"' in body:
        return None
    try:
        answer: Answer = orjson.loads(body)
    except ValueError:
        return None
    return answer


def _whole(status: int, checksum: str | None, body: bytes) -> Answer | None:
    """Returns the JSON of a success whose checksum is right and that has no binary attributes, else None."""
    if status != HTTPStatus.OK or checksum not in {None, str(crc32(body))}:
        return None
    return json_without_binary(body)
