"""The running engine answers the programs of this run, and refuses web pages and other users."""

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import closing

import boto3
import pytest

from local.deploy import DeployedStack
from local.engine import Engine

Request = tuple[str, str, Mapping[str, str], object]

READ_SECRETS: Request = (
    "POST",
    "/",
    {"X-Amz-Target": "AmazonSSM.GetParametersByPath"},
    {"Path": "/", "Recursive": True},
)
LIST_TABLES: Request = ("POST", "/", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}, {})
# A browser sends text/plain to another origin without asking for permission first.
PLAIN = {"Content-Type": "text/plain"}
MAKE_FUNCTION: Request = ("POST", "/2015-03-31/functions", PLAIN, {"FunctionName": "intruder"})
RESET: Request = ("POST", "/_ministack/reset", PLAIN, {})
HEALTH: Request = ("GET", "/_ministack/health", {}, None)
READ_OBJECT: Request = ("GET", "/{bucket}/kept", {}, None)
PREFLIGHT: Request = ("OPTIONS", "/", {"Access-Control-Request-Method": "POST"}, None)
REQUESTS = (READ_SECRETS, LIST_TABLES, MAKE_FUNCTION, RESET, HEALTH, READ_OBJECT, PREFLIGHT)

SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/ssm/aws4_request,"
    " SignedHeaders=host, Signature=0"
}
# The headers that a caller adds to a request. {port} and {token} are those of the engine.
OUTSIDERS: dict[str, Mapping[str, str]] = {
    "another user of this machine": {},
    "a guess": {"X-Amz-Security-Token": "guess"},
    "the key that every tutorial names": SIGNED,
    "a web page": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a web page that knows the token": {"Origin": "https://evil.example", "X-Amz-Security-Token": "{token}"},
    "an image of a web page that knows the token": {
        "Sec-Fetch-Site": "cross-site",
        "X-Amz-Security-Token": "{token}",
    },
    "a name that was pointed at this machine": {
        "Host": "evil.example:{port}",
        "X-Amz-Security-Token": "{token}",
    },
}


def ask(engine: Engine, request: Request, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
    method, path, own_headers, body = request
    values = {"port": engine.port, "token": engine.token}
    sent = {name: value.format(**values) for name, value in {**own_headers, **headers}.items()}
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=60)
    with closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )


@pytest.mark.parametrize("outsider", OUTSIDERS)
def test_an_outsider_is_refused_on_every_path_and_changes_nothing(
    small: DeployedStack, outsider: str
) -> None:
    s3 = boto3.client("s3", **small.engine.access)
    bucket = small.outputs["Objects"]
    s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
    for method, path, own_headers, body in REQUESTS:
        request = (method, path.format(bucket=bucket), own_headers, body)
        status, headers, _ = ask(small.engine, request, OUTSIDERS[outsider])
        assert status == 403, request
        assert not [name for name in headers if name.startswith("access-control-")], request
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept", "nothing was reset"
    functions = boto3.client("lambda", **small.engine.access).list_functions()["Functions"]
    assert "intruder" not in {function["FunctionName"] for function in functions}
    s3.delete_object(Bucket=bucket, Key="kept")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}"])
def test_a_request_with_the_token_is_answered_without_a_header_that_lets_pages_read_it(
    small: DeployedStack, host: str
) -> None:
    headers_with_token = {"Host": host, "X-Amz-Security-Token": "{token}", **SIGNED}
    for request in (READ_SECRETS, LIST_TABLES, HEALTH):
        status, headers, _ = ask(small.engine, request, headers_with_token)
        assert status == 200, request
        assert "access-control-allow-origin" not in headers, request


def test_a_websocket_is_refused_even_with_the_token(small: DeployedStack) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "X-Amz-Security-Token": "{token}",
    }
    assert ask(small.engine, ("GET", "/", {}, None), upgrade)[0] == 403


def test_the_body_of_a_refused_request_is_not_read_as_the_next_request(small: DeployedStack) -> None:
    hidden = b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", small.engine.port), timeout=60) as connection:
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(hidden)}\r\n\r\n"
        connection.sendall(head.encode() + hidden)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_request_to_the_api_with_headers_of_another_service_reaches_the_api_only(
    small: DeployedStack,
) -> None:
    """The local server adds the token to all that its visitors send to the API."""
    disguise = {
        "Host": f"{small.outputs['ApiId']}.execute-api.localhost:{small.engine.port}",
        "X-Amz-Security-Token": "{token}",
        **SIGNED,
    }
    for method, _, own_headers, body in (READ_SECRETS, LIST_TABLES):
        status, _, answer = ask(small.engine, (method, "/api/public", own_headers, body), disguise)
        assert (status, json.loads(answer)) == (404, {"message": "Not Found"})


def test_the_token_is_long_and_in_no_log(small: DeployedStack) -> None:
    token = small.engine.token
    assert len(token) >= 43, "256 bits"
    assert token not in small.engine.child.log.read_text(errors="replace")
    assert token not in repr(small.engine)
