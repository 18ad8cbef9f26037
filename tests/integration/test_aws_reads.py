"""A function's reads of DynamoDB and SSM are sent directly, with the same answers as botocore's."""

import json
import ssl
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from imagecache.aws_reads import DirectClient, function_clients, signer
from tests.hostile.origin import Origin, Say, answer, certificate, cut_short

NOW = 1_790_000_000_000
KEY = {"a": {"S": "x"}}
FOUND = b'{"Item":{"a":{"S":"x"}}}'
ITEM = {"a": {"S": "x"}}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}


class Service(Origin):
    """A service that answers the first request with the first of these answers, and so on."""

    def __init__(self, *answers: Say, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(answer("500 Error"), tls=tls)
        self.answers = iter(answers)

    def answer_to(self, head: str) -> Say:  # noqa: ARG002 - in order
        return next(self.answers)

    @property
    def senders(self) -> list[str]:
        """Who has sent each request: `botocore`, or `direct`."""
        return ["botocore" if "\r\nUser-Agent: Boto" in head else "direct" for head in self.requests]


def ok(body: bytes, *, checksum: int | None = None) -> Say:
    expected = crc32(body) if checksum is None else checksum
    return answer("200 OK", body, f"x-amz-crc32: {expected}")


MakeClient = Callable[..., Any]


@pytest.fixture
def client_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    """Makes clients of the service at a URL, whose direct reads and those by botocore go there."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as clients:

        def make(url: str, service: str = "dynamodb", **settings: str) -> Any:
            environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1", **settings}
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            client = function_clients(environment, clock=lambda: NOW, lazy=True)(service)
            return clients.enter_context(closing(client))

        yield make


@given(
    body=st.binary(max_size=200),
    token=st.none() | st.text("abc/+=", min_size=1),
    now=st.integers(0, 4_000_000_000_000),
    service=st.sampled_from(["dynamodb", "ssm"]),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:4566"]),
)
def test_a_request_has_the_signature_of_botocore(
    body: bytes, token: str | None, now: int, service: str, host: str
) -> None:
    url = f"https://{host}"
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.Query"}
    sign = signer(
        service,
        url,
        region="eu-west-1",
        access_key="AKIA",
        secret_key="secret/+",
        session_token=token,
        clock=lambda: now,
    )
    request = AWSRequest("POST", f"{url}/", headers=headers, data=body)
    moment = datetime.fromtimestamp(now // 1000, UTC)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        SigV4Auth(Credentials("AKIA", "secret/+", token), service, "eu-west-1").add_auth(request)

    expected = {name.lower(): value for name, value in request.headers.items()}
    assert sign(body, headers) == {**expected, "host": host}


def test_a_read_is_sent_directly_over_a_connection_that_is_kept(client_of: MakeClient) -> None:
    with Service(ok(FOUND), ok(FOUND)) as service:
        dynamodb = client_of(service.url)

        assert [dynamodb.get_item(TableName="t", Key=KEY)["Item"] for _ in range(2)] == [ITEM] * 2
        assert service.senders == ["direct"] * 2
        assert len(service._open) == 1


def test_secrets_are_read_directly(client_of: MakeClient) -> None:
    secrets = {"Parameters": [{"Name": "/a/token", "Value": "t"}]}
    with Service(ok(json.dumps(secrets).encode())) as service:
        ssm = client_of(service.url, "ssm")

        assert ssm.get_parameters(Names=["/a/token"], WithDecryption=True) == secrets
        assert service.senders == ["direct"]
        assert "\r\nx-amz-target: AmazonSSM.GetParameters\r\n" in service.requests[0]


BINARY = json.dumps({"Item": {"b": {"B": "QQ=="}}}).encode()


@pytest.mark.parametrize(
    ("first", "second", "item"),
    [
        (ok(BINARY), ok(BINARY), {"b": {"B": b"A"}}),
        (ok(FOUND, checksum=1), ok(FOUND), ITEM),
        (ok(FOUND[:-3]), ok(FOUND), ITEM),
        (cut_short("200 OK", FOUND, length=1000), ok(FOUND), ITEM),
        (answer("500 Error", b"{}"), ok(FOUND), ITEM),
        (answer("400 Bad Request", b'{"__type":"x#ThrottlingException"}'), ok(FOUND), ITEM),
        (lambda connection: connection.close(), ok(FOUND), ITEM),
        (lambda connection: connection.sendall(b"nothing of HTTP\r\n\r\n"), ok(FOUND), ITEM),
    ],
    ids=["binary", "damaged", "cut JSON", "cut", "error", "throttled", "closed", "not HTTP"],
)
def test_botocore_repeats_a_read_whose_answer_is_not_a_whole_success(
    client_of: MakeClient, first: Say, second: Say, item: Mapping[str, Any]
) -> None:
    with Service(first, second) as service:
        dynamodb = client_of(service.url)

        assert dynamodb.get_item(TableName="t", Key=KEY)["Item"] == item
        assert service.senders == ["direct", "botocore"]


def test_a_read_is_repeated_directly_if_the_server_has_closed_the_connection(
    client_of: MakeClient,
) -> None:
    def answer_and_close(connection: Any) -> None:
        ok(FOUND)(connection)
        connection.close()

    with Service(answer_and_close, ok(FOUND)) as service:
        dynamodb = client_of(service.url)

        assert [dynamodb.get_item(TableName="t", Key=KEY)["Item"] for _ in range(2)] == [ITEM] * 2
        assert service.senders == ["direct"] * 2


def test_a_read_that_is_not_answered_in_time_is_repeated_by_botocore(
    client_of: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imagecache.aws_reads._TIMEOUT", 0.1)
    with Service(lambda _connection: None, ok(FOUND)) as service:
        dynamodb = client_of(service.url)

        assert dynamodb.get_item(TableName="t", Key=KEY)["Item"] == ITEM
        assert service.senders == ["direct", "botocore"]


def test_after_a_read_that_is_not_answered_in_time_no_older_connection_is_used(
    client_of: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imagecache.aws_reads._TIMEOUT", 1)
    both_are_sent = Barrier(2)

    def answer_together(connection: Any) -> None:
        both_are_sent.wait(10)
        ok(FOUND)(connection)

    answers = (answer_together, answer_together, lambda _connection: None, ok(FOUND), ok(FOUND))
    with Service(*answers) as service, ThreadPoolExecutor(2) as pool:
        dynamodb = client_of(service.url)
        list(pool.map(lambda _: dynamodb.get_item(TableName="t", Key=KEY), range(2)))
        for _ in range(2):
            dynamodb.get_item(TableName="t", Key=KEY)

        assert service.senders == ["direct", "direct", "direct", "botocore", "direct"]
        assert len(service._open) == 4


def test_an_error_of_a_read_is_the_error_of_botocore(client_of: MakeClient) -> None:
    missing = answer("400 Bad Request", b'{"__type":"x#ResourceNotFoundException","message":"no table"}')
    with Service(missing, missing) as service:
        dynamodb = client_of(service.url)

        with pytest.raises(ClientError) as caught:
            dynamodb.query(TableName="t")
    assert caught.value.response["Error"] == {"Code": "ResourceNotFoundException", "Message": "no table"}


def test_a_service_that_cannot_be_reached_is_the_error_of_botocore(client_of: MakeClient) -> None:
    dynamodb = client_of("http://127.0.0.1:1")

    with pytest.raises(EndpointConnectionError):
        dynamodb.query(TableName="t")


def test_a_write_is_sent_by_botocore(client_of: MakeClient) -> None:
    with Service(ok(b"{}")) as service:
        client_of(service.url).put_item(TableName="t", Item=ITEM)

        assert service.senders == ["botocore"]


@pytest.fixture(scope="module")
def tls() -> Iterator[tuple[ssl.SSLContext, str]]:
    with certificate("localhost") as made:
        yield made


def test_a_read_is_sent_over_tls_to_a_server_that_a_trusted_authority_has_certified(
    client_of: MakeClient, tls: tuple[ssl.SSLContext, str]
) -> None:
    context, authority = tls
    with Service(ok(FOUND), tls=context) as service:
        url = f"https://localhost:{service.port}"
        dynamodb = client_of(url, AWS_CA_BUNDLE=authority)

        assert dynamodb.get_item(TableName="t", Key=KEY)["Item"] == ITEM
        assert service.senders == ["direct"]


def test_nothing_is_sent_to_a_server_without_a_trusted_certificate(
    client_of: MakeClient, tls: tuple[ssl.SSLContext, str]
) -> None:
    with Service(ok(FOUND), ok(FOUND), tls=tls[0]) as service:
        dynamodb = client_of(f"https://localhost:{service.port}")

        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            dynamodb.get_item(TableName="t", Key=KEY)
        assert service.requests == []


@pytest.mark.parametrize(
    "settings",
    [
        {"AWS_ACCESS_KEY_ID": ""},
        {"AWS_REGION": ""},
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "us-iso-east-1"},
        {"HTTPS_PROXY": "http://127.0.0.1:1"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_PROFILE": "another"},
        {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1/path"},
    ],
)
def test_botocore_sends_everything_if_only_it_knows_where_to(settings: Mapping[str, str]) -> None:
    made: list[str] = []
    with patch("imagecache.aws_clients.client_maker", lambda: made.append):
        function_clients({**CREDENTIALS, **settings}, clock=lambda: NOW, lazy=True)("dynamodb")
    assert made == ["dynamodb"]


def test_botocore_is_imported_at_the_start_unless_the_client_is_lazy() -> None:
    made: list[str] = []
    with patch("imagecache.aws_clients.client_maker", lambda: made.append):
        lazy = function_clients(CREDENTIALS, clock=lambda: NOW, lazy=True)("dynamodb")
        assert isinstance(lazy, DirectClient)
        assert made == []
        function_clients(CREDENTIALS, clock=lambda: NOW, lazy=False)("dynamodb")
    assert made == ["dynamodb"]
