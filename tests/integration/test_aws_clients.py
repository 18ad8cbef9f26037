"""The AWS clients of the functions return what botocore's own clients return."""

import io
import json
from binascii import crc32
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.parsers import ResponseParserFactory
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from imagecache.aws_clients import client_maker

DYNAMODB = Session().get_service_model("dynamodb")
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(['"B"', 'a"B":', "BS", "\\"])
NUMBERS = st.integers().map(str)
BINARY = st.sampled_from(["", "QQ==", "AAECAw=="])
SCALARS = st.one_of(
    st.builds(lambda text: {"S": text}, TEXTS),
    st.builds(lambda number: {"N": number}, NUMBERS),
    st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
    st.builds(lambda value: {"B": value}, BINARY),
    st.builds(lambda values: {"BS": values}, st.lists(BINARY)),
    st.builds(lambda texts: {"SS": texts}, st.lists(TEXTS)),
    st.builds(lambda numbers: {"NS": numbers}, st.lists(NUMBERS)),
    st.just({"NULL": True}),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(["B", "BS"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda values: (
        st.builds(lambda items: {"L": items}, st.lists(values, max_size=3))
        | st.builds(lambda members: {"M": members}, st.dictionaries(NAMES, values, max_size=3))
    ),
    max_leaves=8,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=4)
ANSWERS = st.one_of(
    st.tuples(st.just("GetItem"), st.builds(lambda item: {"Item": item}, ITEMS) | st.just({})),
    st.tuples(
        st.sampled_from(["Query", "Scan"]),
        st.builds(
            lambda items, key: {"Items": items, "Count": len(items), "LastEvaluatedKey": key},
            st.lists(ITEMS, max_size=3),
            ITEMS,
        ),
    ),
    st.tuples(
        st.just("BatchGetItem"),
        st.builds(
            lambda items, key: {"Responses": {"t": items}, "UnprocessedKeys": {"t": {"Keys": [key]}}},
            st.lists(ITEMS, max_size=3),
            ITEMS,
        ),
    ),
    st.tuples(
        st.sampled_from(["PutItem", "UpdateItem", "DeleteItem"]),
        st.builds(
            lambda item, units: {"Attributes": item, "ConsumedCapacity": {"CapacityUnits": units}},
            ITEMS,
            st.sampled_from([0.5, 1.0, 2]),
        ),
    ),
)


FACTORY = client_maker()("dynamodb")._endpoint._response_parser_factory


def response(content: bytes, status: int = 200, checksum: int | None = None) -> dict[str, Any]:
    """Returns a response of DynamoDB in the form in which botocore passes it to a parser."""
    expected = crc32(content) if checksum is None else checksum
    headers = HeadersDict({"x-amzn-RequestId": "r1", "X-Amz-Crc32": str(expected)})
    return {"status_code": status, "headers": headers, "body": content, "context": {}}


def parsed(factory: ResponseParserFactory, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    shape = DYNAMODB.operation_model(operation).output_shape
    assert shape
    result: dict[str, Any] = factory.create_parser("json").parse(answer, shape)
    return result


@given(ANSWERS, st.booleans())
def test_items_are_those_that_botocore_returns(answer: tuple[str, dict[str, Any]], is_ascii: bool) -> None:
    operation, content = answer
    sent = response(json.dumps(content, ensure_ascii=is_ascii).encode())

    assert parsed(FACTORY, operation, sent) == parsed(ResponseParserFactory(), operation, sent)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}', 400),
        (b"<html>unavailable</html>", 503),
        (b"", 500),
        (b"", 200),
        (b'{"Items":[{"a":{"S":"cut o', 200),
    ],
)
def test_errors_and_what_is_not_json_are_those_that_botocore_returns(content: bytes, status: int) -> None:
    sent = response(content, status)

    assert parsed(FACTORY, "Query", sent) == parsed(ResponseParserFactory(), "Query", sent)


def test_a_throttled_request_and_a_damaged_answer_are_repeated() -> None:
    throttled = response(b'{"__type":"x#ProvisionedThroughputExceededException"}', 400)
    damaged = response(b'{"Items":[],"Count":7}', checksum=1)
    cut = response(b'{"Items":[', checksum=1)
    whole = response(b'{"Items":[],"Count":0}')
    answers = iter((throttled, damaged, cut, whole))
    dynamodb = client_maker()("dynamodb", config=Config(retries={"total_max_attempts": 4}))
    dynamodb.meta.events.register("before-send.dynamodb.Query", lambda **_: sent_by(next(answers)))

    answer = dynamodb.query(TableName="t")

    assert (answer["Count"], answer["ResponseMetadata"]["RetryAttempts"]) == (0, 3)
    assert next(answers, None) is None


def sent_by(answer: dict[str, Any]) -> AWSResponse:
    class Body(io.BytesIO):
        def stream(self, **_: object) -> Iterator[bytes]:
            yield self.read()

    return AWSResponse("https://dynamodb", answer["status_code"], answer["headers"], Body(answer["body"]))
