"""Makes the AWS clients of the functions, with less CPU time than boto3 needs.

boto3 imports and builds much that no function uses, so clients are made by botocore, on which boto3 is built.
They have the same methods.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.session import Session
from botocore.utils import parse_timestamp

from imagecache.aws_requests import json_of

if TYPE_CHECKING:
    from botocore.model import Shape

    from imagecache.wiring import MakeClient

# The answers of DynamoDB that contain items. No other service that we use has a shape of these names.
_ANSWERS_WITH_ITEMS = frozenset(
    f"{operation}Output"
    for operation in (
        "GetItem",
        "BatchGetItem",
        "Query",
        "Scan",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactGetItems",
        "TransactWriteItems",
    )
)


def client_maker() -> "MakeClient":
    """Returns a maker of AWS clients that share one session, and so what it has read of the services.

    The clients do not check the parameters of a call before they send it, because the services do. Clients
    must be made by one thread at a time; the clients themselves can be used by several threads.
    """
    session = Session()
    session.set_default_client_config(Config(parameter_validation=False))
    parsers = _ParserFactory()
    parsers.set_parser_defaults(timestamp_parser=_moment)
    session.register_component("response_parser_factory", parsers)

    return session.create_client


def _moment(value: Any) -> datetime:
    """Converts a time in an answer.

    Python reads the times in S3's lists about forty times as fast as botocore, which tries many formats.
    """
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return parse_timestamp(value)


class _ParserFactory(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> ResponseParser:
        return _ItemParser() if protocol_name == "json" else super().create_parser(protocol_name)


class _ItemParser(JSONParser):
    """Returns the JSON of an answer with items as it is, which is what botocore's parser makes of it, too.

    botocore's parser looks up the type of every attribute of every item. For a page of chats that takes more
    CPU time than everything else together.
    """

    def parse(self, response: Mapping[str, Any], shape: "Shape") -> Any:
        """Returns the answer as a dict. Errors, and what is not JSON, are parsed by botocore's own parser."""
        # botocore has no shape for an operation without an answer, although its type says so.
        has_items = shape and shape.name in _ANSWERS_WITH_ITEMS and response["status_code"] == HTTPStatus.OK
        answer = json_of(response["body"]) if has_items else None
        if answer is None:
            # botocore's parser accepts also what is cut off. It is then sent again, as its checksum is wrong.
            return super().parse(response, shape)
        headers = {name.lower(): value for name, value in response["headers"].items()}
        answer["ResponseMetadata"] = {
            "RequestId": headers.get("x-amzn-requestid", ""),
            "HTTPStatusCode": response["status_code"],
            "HTTPHeaders": headers,
        }
        return answer
