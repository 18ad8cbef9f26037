"""Sends the frequent requests of the functions without botocore, which sends everything else.

Importing botocore and making its clients took two thirds of the CPU time of a cold start of functions/read,
and a request of botocore takes three to five times the CPU time of one from here. So a function that only
reads starts without botocore, which is imported when it is first needed, and a picture is stored with half of
the CPU time.
"""

import base64
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from http import HTTPStatus
from threading import RLock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zlib import crc32

import orjson

from imagecache.aws_http import Answer, Server, signer
from imagecache.clock import Clock

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from imagecache.wiring import MakeClient

Json = dict[str, Any]

# By service: the operations that are sent directly, by the names of the client's methods, and the headers
# that name the protocol.
_OPERATIONS = {
    "dynamodb": {
        "get_item": "GetItem",
        "batch_get_item": "BatchGetItem",
        "query": "Query",
        "scan": "Scan",
        "put_item": "PutItem",
        "update_item": "UpdateItem",
        "delete_item": "DeleteItem",
        "batch_execute_statement": "BatchExecuteStatement",
    },
    "sqs": {"send_message": "SendMessage", "send_message_batch": "SendMessageBatch"},
    "ssm": {"get_parameters": "GetParameters"},
}
_PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "application/x-amz-json-1.0"),
    "sqs": ("AmazonSQS", "application/x-amz-json-1.0"),
    "ssm": ("AmazonSSM", "application/x-amz-json-1.1"),
}
_S3 = "s3"
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
# Names that a URL has unchanged. A bucket whose name has a dot would not fit the certificate of S3.
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9/._-]*")
_PLAIN_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]+")
_OBJECT_HEADERS = {"ContentType": "content-type", "CacheControl": "cache-control"}
_REFUSED = "ConditionalCheckFailedException"


def function_clients(environment: Mapping[str, str], *, clock: Clock) -> "MakeClient":
    """Returns a maker of AWS clients, which send the frequent requests directly and the rest by botocore.

    `environment` has the credentials, the region and the endpoints, in the variables of every AWS SDK. If it
    has no credentials, or a setting that only botocore understands, botocore sends everything. Otherwise the
    client of botocore is made when it is first needed, which saves time in a cold start.
    """
    # Clients of one session must be made by one thread at a time.
    lock = RLock()

    @cache
    def botocore_maker() -> "MakeClient":
        from imagecache.aws_clients import client_maker

        return client_maker()

    def make_direct(service: str, make_with_botocore: Callable[[], Any]) -> "DirectClient":
        server = partial(_server, service, environment, clock)
        endpoint = _endpoint(service, environment)
        region = _region(environment)
        if service == _S3:
            return S3Client(server, endpoint, region, make_with_botocore=make_with_botocore, lock=lock)
        url = endpoint or f"https://{service}.{region}.amazonaws.com"
        return JsonClient(service, server(url), make_with_botocore=make_with_botocore, lock=lock)

    def make_client(service: str, **options: Any) -> Any:
        def make_with_botocore() -> Any:
            return botocore_maker()(service, **options)

        if options or not _is_direct(service, environment):
            with lock:
                return make_with_botocore()
        return make_direct(service, make_with_botocore)

    return make_client


def _is_direct(service: str, environment: Mapping[str, str]) -> bool:
    """Returns False if only botocore knows where to send requests, or with which credentials."""
    region = _region(environment)
    has_credentials = environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY")
    if not has_credentials or not region or region.startswith(_OTHER_DOMAINS):
        return False
    if any(environment.get(name) for name in _SETTINGS_OF_BOTOCORE):
        return False
    endpoint = _endpoint(service, environment)
    if service == _S3:
        return not endpoint or _is_address(endpoint)
    return service in _OPERATIONS and not urlsplit(endpoint).path


def _endpoint(service: str, environment: Mapping[str, str]) -> str:
    """Returns the URL at which the service is instead of at AWS, or an empty text."""
    name = f"AWS_ENDPOINT_URL_{service.upper()}"
    return (environment.get(name) or environment.get("AWS_ENDPOINT_URL") or "").rstrip("/")


def _is_address(endpoint: str) -> bool:
    """Returns True if the host is an IP address, for which botocore puts the bucket into the path."""
    import ipaddress  # only for endpoints other than AWS's, and 1.5 ms of a cold start

    parts = urlsplit(endpoint)
    try:
        ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return False
    return not parts.path


def _region(environment: Mapping[str, str]) -> str:
    """Returns the region, or an empty text if none is set."""
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""


def _server(service: str, environment: Mapping[str, str], clock: Clock, url: str) -> Server:
    """Returns the server at this URL, with the credentials of the environment."""
    sign = signer(
        service,
        url,
        region=_region(environment),
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        session_token=environment.get("AWS_SESSION_TOKEN"),
        clock=clock,
    )
    return Server(url, sign=sign, ca_bundle=environment.get("AWS_CA_BUNDLE"))


class DirectClient:
    """A client of botocore whose `operations` are sent directly, with the same parameters.

    Only a success is handled directly, and its answer has no `ResponseMetadata`. If the connection fails, or
    the service answers with an error or with a damaged body, botocore sends the request again, with its own
    retries and errors. A write can so be sent twice, as botocore itself sends it again if an answer is lost.
    `operations` has the names of the operations by those of the client's methods. `lock` must be common to
    all clients of one session.
    """

    # PynamoDB makes another client if this one has a signer without credentials.
    _request_signer = None

    def __init__(
        self, operations: Mapping[str, str], *, make_with_botocore: Callable[[], Any], lock: RLock
    ) -> None:
        self.operations = operations
        self._make_with_botocore = make_with_botocore
        self._lock = lock
        self._made: Any = None
        self._methods = {operation: method for method, operation in operations.items()}

    def by_botocore(self) -> Any:
        """Returns botocore's client."""
        with self._lock:
            if self._made is None:
                self._made = self._make_with_botocore()
            return self._made

    def close(self) -> None:
        """Closes the connections that no thread uses now."""
        with self._lock:
            if self._made is not None:
                self._made.close()

    def __getattr__(self, name: str) -> Any:
        """Returns an attribute of botocore's client. Python calls this for names that are not set here."""
        return getattr(self.by_botocore(), name)

    def _make_api_call(self, operation: str, parameters: Json) -> Any:
        """Sends a request of PynamoDB, which calls this method of botocore's client and no public one."""
        if operation in self._methods:
            return getattr(self, self._methods[operation])(**parameters)
        return self.by_botocore()._make_api_call(operation, parameters)


class JsonClient(DirectClient):
    """A client of a service that gets the parameters as JSON, and answers with JSON."""

    def __init__(
        self, service: str, server: Server, *, make_with_botocore: Callable[[], Any], lock: RLock
    ) -> None:
        super().__init__(_OPERATIONS[service], make_with_botocore=make_with_botocore, lock=lock)
        self._target, self._content_type = _PROTOCOLS[service]
        self._server = server
        for method, operation in self.operations.items():
            setattr(self, method, self._sending(method, operation))

    def close(self) -> None:
        """Closes the connections that no thread uses now."""
        self._server.close()
        super().close()

    def _sending(self, method: str, operation: str) -> Callable[..., Json]:
        def send(**parameters: Any) -> Json:
            answer = self._send_directly(operation, parameters)
            return getattr(self.by_botocore(), method)(**parameters) if answer is None else answer

        return send

    def _send_directly(self, operation: str, parameters: Json) -> Json | None:
        """Returns the answer of the service, or None without a whole one.

        Raises botocore's ClientError if the condition of a write does not hold.
        """
        try:
            body = orjson.dumps(parameters)
        except TypeError:  # a value is binary, which botocore encodes
            return None
        headers = {"content-type": self._content_type, "x-amz-target": f"{self._target}.{operation}"}
        answer = self._server.send(body, headers)
        if answer is None or answer.headers.get("x-amz-crc32") not in {None, str(crc32(answer.body))}:
            return None
        content = json_of(answer.body)
        if content is None or answer.status == HTTPStatus.OK:
            return content
        if _code_of(content) == _REFUSED:
            raise _refusal(content, operation)
        return None


class S3Client(DirectClient):
    """A client of S3 that stores objects directly. S3 compares each with its signed hash and its checksum.

    `server` returns the server at a URL. Without an `endpoint`, each bucket has its own host at AWS.
    """

    def __init__(
        self,
        server: Callable[[str], Server],
        endpoint: str,
        region: str,
        *,
        make_with_botocore: Callable[[], Any],
        lock: RLock,
    ) -> None:
        super().__init__({"put_object": "PutObject"}, make_with_botocore=make_with_botocore, lock=lock)
        self._make_server = server
        self._servers: dict[str, Server] = {}
        self._endpoint = endpoint
        self._region = region

    def close(self) -> None:
        """Closes the connections that no thread uses now."""
        for server in self._servers.values():
            server.close()
        super().close()

    def put_object(self, **parameters: Any) -> Json:
        """Stores an object."""
        answer = self._put(**parameters) if _is_plain(parameters) else None
        if answer is None or answer.status != HTTPStatus.OK:
            stored: Json = self.by_botocore().put_object(**parameters)
            return stored
        return {"ETag": answer.headers.get("etag")}

    def _put(self, *, Bucket: str, Key: str, Body: bytes, **options: str) -> Answer | None:  # noqa: N803 - as botocore names them
        headers = {_OBJECT_HEADERS[name]: value for name, value in options.items()}
        url, path = self._endpoint, f"/{Bucket}/{Key}"
        if not url:
            url, path = f"https://{Bucket}.s3.{self._region}.amazonaws.com", f"/{Key}"
        headers["x-amz-checksum-crc32"] = base64.b64encode(crc32(Body).to_bytes(4)).decode()
        return self._server_at(url).send(Body, headers, method="PUT", path=path)

    def _server_at(self, url: str) -> Server:
        with self._lock:
            if url not in self._servers:
                self._servers[url] = self._make_server(url)
            return self._servers[url]


def _is_plain(parameters: Json) -> bool:
    """Returns True for an object whose names need no encoding, and that has no other parameters."""
    return (
        parameters.keys() <= {"Bucket", "Key", "Body", *_OBJECT_HEADERS}
        and isinstance(parameters["Body"], bytes)
        and _PLAIN_KEY.fullmatch(parameters["Key"]) is not None
        and _PLAIN_BUCKET.fullmatch(parameters["Bucket"]) is not None
    )


def _code_of(content: Json) -> str:
    """Returns the code of an error, which may have a prefix."""
    return str(content.get("__type", "")).rpartition("#")[2]


def _refusal(content: Json, operation: str) -> "ClientError":
    """Returns the error that botocore raises if a condition does not hold."""
    from botocore.exceptions import ClientError

    message = content.get("message") or content.get("Message") or ""
    return ClientError({"Error": {"Code": _REFUSED, "Message": message}}, operation)


def json_of(body: bytes) -> Json | None:
    """Returns the JSON of an answer, with binary attributes as bytes, or None if it is no JSON object."""
    try:
        answer: Json = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    # Quotation marks in a text are escaped in JSON, so only an answer with these has binary attributes.
    return _with_bytes(answer) if b'"B"' in body or b'"BS"' in body else answer


def _with_bytes(value: Any) -> Any:
    """Decodes the binary attributes within a part of an answer, which are in Base64.

    An attribute whose name is `B` has a dict as its value, so it is not taken for one.
    """
    match value:
        case {"B": str(text)}:
            return {"B": base64.b64decode(text)}
        case {"BS": [str(), *_] as texts}:
            return {"BS": [base64.b64decode(text) for text in texts]}
        case dict():
            return {name: _with_bytes(part) for name, part in value.items()}
        case list():
            return [_with_bytes(part) for part in value]
        case _:
            return value
