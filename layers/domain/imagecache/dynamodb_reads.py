"""Sends reads of DynamoDB without most of botocore, whose way to an answer takes three times as long as this.

botocore checks and converts parameters, finds the endpoint and composes a user agent for each request, and
its connections load all certificates one by one. A page of chats with 1,000 pictures needs eleven requests.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from zlib import crc32

import orjson
import urllib3
from botocore.awsrequest import AWSRequest
from botocore.httpsession import create_urllib3_context, get_cert_path
from urllib3.util import Timeout

Answer = dict[str, Any]

_READS = {"get_item": "GetItem", "batch_get_item": "BatchGetItem", "query": "Query", "scan": "Scan"}


def send_reads_directly(dynamodb: Any, *, ca_bundle: str | None = None) -> None:
    """Replaces the methods of this client that read items by ones that need less CPU time.

    They take the same parameters and return the same answers, without `ResponseMetadata`. Only a success is
    handled here. If the connection fails, or DynamoDB answers with an error or with a damaged body, the
    client's own method sends the request again, with its own retries and errors. `ca_bundle` is the path of
    the certificates to trust, by default botocore's.
    """
    sender = _Sender(dynamodb, ca_bundle)
    for method, operation in _READS.items():
        setattr(dynamodb, method, sender.reading(operation, getattr(dynamodb, method)))


class _Sender:
    def __init__(self, dynamodb: Any, ca_bundle: str | None) -> None:
        self._meta = dynamodb.meta
        self._events = dynamodb.meta.events
        self._url = f"{dynamodb.meta.endpoint_url.rstrip('/')}/"
        # botocore passes the signer to handlers of its events, but has no other public way to get it.
        self._signer = dynamodb._request_signer
        config = dynamodb.meta.config
        options: dict[str, Any] = {
            "maxsize": config.max_pool_connections,
            "timeout": Timeout(connect=config.connect_timeout, read=config.read_timeout),
        }
        if self._url.startswith("https:"):
            # All connections share one context, because each would load the certificates for 16 ms.
            context = create_urllib3_context()
            context.load_verify_locations(ca_bundle or get_cert_path(True))
            options["ssl_context"] = context
        self._pool = urllib3.connection_from_url(self._url, **options)

    def reading(self, operation: str, fall_back: Callable[..., Answer]) -> Callable[..., Answer]:
        """Returns a method that sends this operation, and calls `fall_back` if that does not succeed."""

        def read(**parameters: Any) -> Answer:
            answer = self._send(operation, orjson.dumps(parameters))
            return fall_back(**parameters) if answer is None else answer

        return read

    def _send(self, operation: str, body: bytes) -> Answer | None:
        """Returns the answer, or None without a whole one."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        }
        # As with botocore's own requests, handlers of two events learn of the request, and handlers of the
        # second one may answer it in place of DynamoDB.
        self._events.emit(
            f"before-call.dynamodb.{operation}",
            model=self._meta.service_model.operation_model(operation),
            params={"headers": headers, "body": body},
            request_signer=self._signer,
            context={},
        )
        request = AWSRequest("POST", self._url, headers=headers, data=body)
        self._signer.get_auth_instance("dynamodb", self._meta.region_name, "v4").add_auth(request)
        prepared = request.prepare()
        handled = self._events.emit_until_response(f"before-send.dynamodb.{operation}", request=prepared)[1]
        if handled is not None:
            return _whole(handled.status_code, handled.headers, handled.content)
        try:
            answer = self._pool.urlopen("POST", self._url, body, dict(prepared.headers), retries=False)
        except urllib3.exceptions.HTTPError:
            return None
        return _whole(answer.status, answer.headers, answer.data)


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


def _whole(status: int, headers: Mapping[str, str], body: bytes) -> Answer | None:
    """Returns the JSON of a success whose checksum is right and that has no binary attributes, else None."""
    checksum = headers.get("x-amz-crc32")
    if status != HTTPStatus.OK or (checksum and int(checksum) != crc32(body)):
        return None
    return json_without_binary(body)
