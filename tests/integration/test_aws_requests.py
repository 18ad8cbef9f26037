"""The frequent requests of a function are sent directly, with the same answers as botocore's."""

import base64
import hashlib
import io
import json
import ssl
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from http.client import HTTPMessage
from threading import Barrier, RLock
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from imagecache.aws_http import Answer, Sign, signer
from imagecache.aws_requests import S3Client, function_clients
from imagecache.stores.dynamodb import bound, deleted, saved, updated
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
    """Makes clients of the service at a URL, whose direct requests and those by botocore go there."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as clients:

        def make(url: str, service: str = "dynamodb", **settings: str) -> Any:
            environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1", **settings}
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            client = function_clients(environment, clock=lambda: NOW)(service)
            return clients.enter_context(closing(client))

        yield make


def signer_of(service: str, url: str, token: str | None, now: int) -> Sign:
    return signer(
        service,
        url,
        region="eu-west-1",
        access_key="AKIA",
        secret_key="secret/+",
        session_token=token,
        clock=lambda: now,
    )


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
    sign = signer_of(service, url, token, now)
    request = AWSRequest("POST", f"{url}/", headers=headers, data=body)
    moment = datetime.fromtimestamp(now // 1000, UTC)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        SigV4Auth(Credentials("AKIA", "secret/+", token), service, "eu-west-1").add_auth(request)

    expected = {name.lower(): value for name, value in request.headers.items()}
    assert sign(body, headers) == {**expected, "host": host}


@given(
    body=st.binary(max_size=200),
    token=st.none() | st.text("abc/+=", min_size=1),
    now=st.integers(0, 4_000_000_000_000),
    path=st.from_regex(r"/(originals|images)/[A-Za-z0-9/._-]+", fullmatch=True),
)
def test_an_object_has_the_signature_of_botocore(body: bytes, token: str | None, now: int, path: str) -> None:
    url = "https://pictures.s3.eu-west-1.amazonaws.com"
    headers = {"content-type": "image/webp", "x-amz-checksum-crc32": "AAAAAA=="}
    sign = signer_of("s3", url, token, now)
    request = AWSRequest("PUT", f"{url}{path}", headers=headers, data=body)
    request.context["client_config"] = Config(s3={"payload_signing_enabled": True})
    moment = datetime.fromtimestamp(now // 1000, UTC)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        S3SigV4Auth(Credentials("AKIA", "secret/+", token), "s3", "eu-west-1").add_auth(request)

    expected = {name.lower(): value for name, value in request.headers.items()}
    signed = sign(body, headers, method="PUT", path=path)
    assert signed == {**expected, "host": "pictures.s3.eu-west-1.amazonaws.com"}


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


@pytest.mark.parametrize(
    ("received", "item"),
    [
        ({"b": {"B": "QQ=="}}, {"b": {"B": b"A"}}),
        ({"b": {"BS": ["QQ==", "Qg=="]}}, {"b": {"BS": [b"A", b"B"]}}),
        ({"m": {"M": {"l": {"L": [{"B": "QQ=="}]}}}}, {"m": {"M": {"l": {"L": [{"B": b"A"}]}}}}),
        ({"B": {"S": "BS"}, "BS": {"S": "B"}}, {"B": {"S": "BS"}, "BS": {"S": "B"}}),
    ],
)
def test_binary_attributes_are_decoded_as_by_botocore(
    client_of: MakeClient, received: Mapping[str, Any], item: Mapping[str, Any]
) -> None:
    body = ok(json.dumps({"Item": received}).encode())
    with Service(body, body) as service:
        dynamodb = client_of(service.url)

        assert dynamodb.get_item(TableName="t", Key=KEY)["Item"] == item
        assert dynamodb.by_botocore().get_item(TableName="t", Key=KEY)["Item"] == item
        assert service.senders == ["direct", "botocore"]


def test_a_write_that_answers_with_the_text_b_is_sent_once(client_of: MakeClient) -> None:
    with Service(ok(b'{"Attributes":{"a":{"S":"x"},"b":{"S":"B"}}}')) as service:
        assert updated_row(row_of(client_of(service.url)))
        assert service.senders == ["direct"]


@pytest.mark.parametrize(
    ("first", "second", "item"),
    [
        (ok(FOUND, checksum=1), ok(FOUND), ITEM),
        (ok(FOUND[:-3]), ok(FOUND), ITEM),
        (answer("502 Bad Gateway", b"[]"), ok(FOUND), ITEM),
        (cut_short("200 OK", FOUND, length=1000), ok(FOUND), ITEM),
        (answer("500 Error", b"{}"), ok(FOUND), ITEM),
        (answer("400 Bad Request", b'{"__type":"x#ThrottlingException"}'), ok(FOUND), ITEM),
        (lambda connection: connection.close(), ok(FOUND), ITEM),
        (lambda connection: connection.sendall(b"nothing of HTTP\r\n\r\n"), ok(FOUND), ITEM),
    ],
    ids=["damaged", "cut JSON", "a list", "cut", "error", "throttled", "closed", "not HTTP"],
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


def test_a_request_is_repeated_once_if_the_server_has_closed_all_connections(client_of: MakeClient) -> None:
    both_are_sent = Barrier(2)

    def answer_together_and_close(connection: Any) -> None:
        both_are_sent.wait(10)
        ok(FOUND)(connection)

    def hang_up(connection: Any) -> None:
        connection.close()

    answers = (answer_together_and_close, answer_together_and_close, hang_up, ok(FOUND))
    with Service(*answers) as service, ThreadPoolExecutor(2) as pool:
        dynamodb = client_of(service.url)
        list(pool.map(lambda _: dynamodb.get_item(TableName="t", Key=KEY), range(2)))

        assert dynamodb.get_item(TableName="t", Key=KEY)["Item"] == ITEM
        assert service.senders == ["direct"] * 4
        assert len(service._open) == 3


def test_a_read_that_is_not_answered_in_time_is_repeated_by_botocore(
    client_of: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imagecache.aws_http._TIMEOUT", 0.1)
    with Service(lambda _connection: None, ok(FOUND)) as service:
        dynamodb = client_of(service.url)

        assert dynamodb.get_item(TableName="t", Key=KEY)["Item"] == ITEM
        assert service.senders == ["direct", "botocore"]


def test_after_a_read_that_is_not_answered_in_time_no_older_connection_is_used(
    client_of: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imagecache.aws_http._TIMEOUT", 1)
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


REFUSED = answer(
    "400 Bad Request",
    b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}',
)


class Row(Model):
    """A row of a table, as the stores define theirs."""

    a = UnicodeAttribute(hash_key=True)
    b = UnicodeAttribute(null=True)


def row_of(dynamodb: Any) -> Row:
    return bound(Row, table_name="t", dynamodb=dynamodb)("x")


def updated_row(row: Row) -> bool:
    return updated(row, [Row.b.set("y")], Row.b.does_not_exist())


def saved_row(row: Row) -> bool:
    return saved(row, Row.a.does_not_exist())


def deleted_row(row: Row) -> bool:
    return deleted(row, Row.a.exists())


def test_a_write_is_sent_directly(client_of: MakeClient) -> None:
    with Service(ok(b"{}")) as service:
        client_of(service.url).put_item(TableName="t", Item=ITEM)

        assert service.senders == ["direct"]
        assert "\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n" in service.requests[0]


def test_the_writes_of_pynamodb_are_sent_directly(client_of: MakeClient) -> None:
    stored = ok(b'{"Attributes":{"a":{"S":"x"},"b":{"S":"y"}}}')
    with Service(stored, ok(b"{}"), ok(b"{}")) as service:
        row = row_of(client_of(service.url))

        assert updated_row(row)
        assert row.b == "y"
        assert saved_row(row)
        assert deleted_row(row)
        assert service.senders == ["direct"] * 3


@pytest.mark.parametrize("write", [updated_row, saved_row, deleted_row])
def test_a_write_whose_condition_does_not_hold_is_refused_after_one_request(
    client_of: MakeClient, write: Callable[[Row], bool]
) -> None:
    with Service(REFUSED) as service:
        assert not write(row_of(client_of(service.url)))
        assert service.senders == ["direct"]


def test_a_write_whose_answer_is_lost_is_repeated_by_botocore(client_of: MakeClient) -> None:
    with Service(lambda connection: connection.close(), REFUSED) as service:
        assert not saved_row(row_of(client_of(service.url)))
        assert service.senders == ["direct", "botocore"]


def test_a_binary_value_is_written_by_botocore(client_of: MakeClient) -> None:
    with Service(ok(b"{}")) as service:
        client_of(service.url).put_item(TableName="t", Item={"a": {"B": b"x"}})

        assert service.senders == ["botocore"]
        assert json.loads(service.bodies[0]) == {"TableName": "t", "Item": {"a": {"B": "eA=="}}}


def test_messages_are_sent_directly(client_of: MakeClient) -> None:
    with Service(ok(b'{"Successful":[{"Id":"0"}]}')) as service:
        answered = client_of(service.url, "sqs").send_message_batch(QueueUrl="u", Entries=[{"Id": "0"}])

        assert answered == {"Successful": [{"Id": "0"}]}
        assert service.senders == ["direct"]
        assert "\r\nx-amz-target: AmazonSQS.SendMessageBatch\r\n" in service.requests[0]


PHOTO = {"Bucket": "pictures", "Key": "images/a-b_C/96.webp", "Body": b"photo", "ContentType": "image/webp"}


def test_an_object_is_stored_directly_with_its_checksums(client_of: MakeClient) -> None:
    with Service(answer("200 OK")) as service:
        client_of(service.url, "s3").put_object(**PHOTO, CacheControl="immutable")

        assert service.senders == ["direct"]
        head, body = service.requests[0], service.bodies[0]
    assert body == b"photo"
    assert head.startswith("PUT /pictures/images/a-b_C/96.webp HTTP/1.1\r\n")
    for line in (
        "content-type: image/webp",
        "cache-control: immutable",
        f"x-amz-content-sha256: {hashlib.sha256(b'photo').hexdigest()}",
        f"x-amz-checksum-crc32: {base64.b64encode(crc32(b'photo').to_bytes(4)).decode()}",
    ):
        assert f"\r\n{line}\r\n" in head


@pytest.mark.parametrize("refusal", ["500 Error", "503 Slow Down", "307 Temporary Redirect"])
def test_botocore_repeats_an_object_that_is_not_stored(client_of: MakeClient, refusal: str) -> None:
    with Service(answer(refusal), answer("200 OK")) as service:
        client_of(service.url, "s3").put_object(**PHOTO)

        assert service.senders == ["direct", "botocore"]


@pytest.mark.parametrize(
    "other", [{"Key": "a b"}, {"Key": "ä"}, {"Body": io.BytesIO(b"x")}, {"Metadata": {"a": "b"}}]
)
def test_an_object_that_is_not_plain_is_stored_by_botocore(
    client_of: MakeClient, other: Mapping[str, Any]
) -> None:
    with Service(answer("200 OK")) as service:
        client_of(service.url, "s3").put_object(**{**PHOTO, **other})

        assert service.senders == ["botocore"]


def test_each_bucket_has_a_host_of_its_own_at_aws() -> None:
    urls: list[str] = []

    def server(url: str) -> Any:
        urls.append(url)
        return SimpleNamespace(send=lambda *_, **place: Answer(200, HTTPMessage(), place["path"].encode()))

    s3 = S3Client(server, "", "eu-west-1", make_with_botocore=lambda: None, lock=RLock())
    s3.put_object(**PHOTO)
    s3.put_object(**PHOTO)
    assert urls == ["https://pictures.s3.eu-west-1.amazonaws.com"]


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
        function_clients({**CREDENTIALS, **settings}, clock=lambda: NOW)("dynamodb")
    assert made == ["dynamodb"]


def test_no_client_of_botocore_is_made_for_frequent_requests(client_of: MakeClient) -> None:
    with Service(ok(b"{}")) as service, patch("imagecache.aws_clients.client_maker") as maker:
        assert saved_row(row_of(client_of(service.url)))
    assert not maker.called
