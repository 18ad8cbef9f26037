"""Tests that a page of another address, open in the same browser, can read nothing and change nothing."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.end_to_end.conftest import Clone

pytestmark = pytest.mark.engine

JSON_TYPE = "application/x-amz-json-1.1"
# Types that a browser sends to another address without asking it for permission first.
PLAIN = "text/plain"
FORM = "multipart/form-data; boundary=b"
UPLOAD = '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nintruder\r\n--b--\r\n'

_ATTEMPT = """async ({ url, mode, ...request }) => {
  try {
    const answer = await fetch(url, { mode, ...request });
    return answer.type === "opaque" ? "sent" : `${answer.status} ${await answer.text()}`;
  } catch {
    return "refused";
  }
}"""
_EMBED = """async ([kind, url]) => {
  const element = document.createElement(kind);
  const settled = new Promise((done) => (element.onload = element.onerror = done));
  element.src = url;
  document.body.append(element);
  return (await settled).type;
}"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that a page sends. `path` begins with the name of the server that it is for."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of a running stack, and what a page would have to know to use them."""

    ports: dict[str, int]
    secrets: dict[str, str]
    bucket: str
    table: str  # the one that holds the jobs which the API has started
    engine: dict[str, Any]

    def attempts(self) -> Iterator[Attempt]:
        """Yields what a page would try first, with every token that it could have learned."""
        token = {"X-Amz-Security-Token": self.secrets["sessionToken"]}
        ssm = {"X-Amz-Target": "AmazonSSM.GetParametersByPath", "Content-Type": JSON_TYPE}
        everything = json.dumps({"Path": "/", "Recursive": True, "WithDecryption": True})
        function = {
            "FunctionName": "intruder",
            "Runtime": "python3.13",
            "Handler": "a.b",
            "Role": "arn:aws:iam::0",
        }
        for headers in ({}, token):
            yield Attempt("POST", "engine/", {**ssm, **headers}, everything)
            yield Attempt(
                "POST",
                "engine/2015-03-31/functions",
                {"Content-Type": PLAIN, **headers},
                json.dumps(function),
            )
            yield Attempt("POST", "engine/_ministack/reset", {"Content-Type": PLAIN, **headers}, "")
            yield Attempt("GET", "engine/_ministack/health", headers)
            yield Attempt("GET", f"engine/{self.bucket}?list-type=2", headers)
            yield Attempt("PUT", f"engine/{self.bucket}/intruder", headers, "intruder")
            yield Attempt("POST", f"engine/{self.bucket}", {"Content-Type": FORM, **headers}, UPLOAD)
        for role in ("readToken", "adminToken"):
            bearer = {"Authorization": f"Bearer {self.secrets[role]}"}
            yield Attempt("GET", "page/api/chats", bearer)
            yield Attempt("POST", "page/api/cleanup", bearer, "{}")
        yield Attempt("GET", "page/")
        yield Attempt("GET", "page/api/health")
        yield Attempt("POST", "page/api/sync", {"Content-Type": PLAIN}, "{}")
        fault = json.dumps({"mode": "offline"})
        control = {"Authorization": f"Bearer {self.secrets['controlToken']}"}
        for headers in ({}, control):
            yield Attempt("GET", "demo/_demo/account", headers)
            yield Attempt("POST", "demo/_demo/faults", {"Content-Type": PLAIN, **headers}, fault)
        yield Attempt("GET", "demo/v1/chats", {"Authorization": "Bearer demo-beeper-token"})
        yield Attempt("POST", "page/_demo/faults", {"Content-Type": PLAIN}, fault)

    def url(self, attempt: Attempt, host: str = "127.0.0.1") -> str:
        server, _, path = attempt.path.partition("/")
        return f"http://{host}:{self.ports[server]}/{path}"

    def state(self, clone: Clone) -> object:
        """Returns everything that the attempts would change."""
        parameters = boto3.client("ssm", **self.engine).describe_parameters()["Parameters"]
        functions = boto3.client("lambda", **self.engine).list_functions()["Functions"]
        objects = boto3.client("s3", **self.engine).list_objects_v2(Bucket=self.bucket)["Contents"]
        scan = boto3.client("dynamodb", **self.engine).get_paginator("scan")
        rows = [row for page in scan.paginate(TableName=self.table) for row in page["Items"]]
        return (
            sorted((parameter["Name"], parameter["Version"]) for parameter in parameters),
            sorted(function["FunctionName"] for function in functions),
            sorted(item["Key"] for item in objects),
            sorted(row["name"]["S"] for row in rows if row["name"]["S"].startswith("job")),
            clone.demo("faults"),
        )


class _WithoutGate(BaseHTTPRequestHandler):
    """Answers every request, and lets every page read the answer: what ministack does without its gate."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        for name in ("Origin", "Methods", "Headers"):
            allowed = self.headers.get("Access-Control-Request-Headers", "*") if name == "Headers" else "*"
            self.send_header(f"Access-Control-Allow-{name}", allowed)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.command != "OPTIONS":
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,><body>answered")

    do_POST = do_PUT = do_OPTIONS = do_GET  # noqa: N815 - the base class looks for these names

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


@pytest.fixture(scope="module")
def evil_port() -> Iterator[int]:
    """Serves the page of another address, and returns the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _WithoutGate) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def servers(clone: Clone) -> Servers:
    access = clone.access
    engine = {
        "endpoint_url": access["engine"]["endpoint"],
        "region_name": access["engine"]["region"],
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "aws_session_token": access["engine"]["sessionToken"],
    }
    described = boto3.client("cloudformation", **engine).describe_stack_resources(StackName="imagecache")
    resources = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in described["StackResources"]
    }
    ports = {
        "engine": urlsplit(access["engine"]["endpoint"]).port or 0,
        "page": clone.port,
        "demo": urlsplit(access["demo"]["url"]).port or 0,
    }
    secrets = {**access, **access["engine"], **access["demo"]}
    return Servers(ports, secrets, resources["ImageBucket"], resources["SyncStateTable"], engine)


def statuses(answers: list[Response], ports: dict[str, int]) -> set[int]:
    """Returns the statuses of the answers that came from the servers with these ports."""
    return {answer.status for answer in answers if urlsplit(answer.url).port in ports.values()}


def test_a_server_without_a_gate_would_answer_all_of_it(page: Page, servers: Servers, evil_port: int) -> None:
    """The browser alone stops nothing, so the other tests show what our servers do."""
    page.goto(f"http://evil.example:{evil_port}/")
    open_ports = Servers(dict.fromkeys(servers.ports, evil_port), servers.secrets, "bucket", "table", {})
    for attempt in open_ports.attempts():
        assert answer_to(page, open_ports, attempt).endswith("answered"), attempt


def answer_to(
    page: Page, servers: Servers, attempt: Attempt, host: str = "127.0.0.1", mode: str = "cors"
) -> str:
    request = {"method": attempt.method, "headers": attempt.headers, "body": attempt.body}
    url = servers.url(attempt, host)
    answer: str = page.evaluate(_ATTEMPT, {"url": url, "mode": mode, **request})
    return answer


def test_another_page_reads_nothing_and_changes_nothing(
    page: Page, servers: Servers, clone: Clone, evil_port: int
) -> None:
    before = servers.state(clone)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright cannot mark a built-in
    page.goto(f"http://evil.example:{evil_port}/")
    for attempt in servers.attempts():
        assert answer_to(page, servers, attempt) == "refused", attempt
        if attempt.method != "PUT":  # a browser sends a PUT only with permission
            # The browser leaves out the headers that need permission, and hides the answer.
            answer_to(page, servers, attempt, mode="no-cors")
    for server in servers.ports:
        for kind in ("img", "script", "iframe"):
            page.evaluate(_EMBED, [kind, servers.url(Attempt("GET", f"{server}/api/health"))])
    assert statuses(answers, servers.ports) == {403}
    assert len(answers) > 30, "the requests were sent"
    assert servers.state(clone) == before


@pytest.mark.parametrize("server", ["engine", "page", "demo"])
def test_a_name_that_was_pointed_at_this_machine_is_refused(
    page: Page, servers: Servers, clone: Clone, server: str
) -> None:
    """For the browser the page then is of the same address as the server (DNS rebinding)."""
    before = servers.state(clone)
    home = page.goto(servers.url(Attempt("GET", f"{server}/"), "evil.example"))
    assert home
    assert home.status == 403
    for attempt in servers.attempts():
        if attempt.path.startswith(f"{server}/"):
            assert answer_to(page, servers, attempt, "evil.example").startswith("403 "), attempt
    assert servers.state(clone) == before


def test_a_link_on_another_page_leads_to_ours(page: Page, clone: Clone, evil_port: int) -> None:
    page.goto(f"http://evil.example:{evil_port}/")
    address = f"http://127.0.0.1:{clone.port}/"
    page.evaluate("address => { document.body.innerHTML = `<a href='${address}'>faces</a>`; }", address)
    page.get_by_role("link", name="faces").click()
    expect(page.get_by_label("Read token")).to_be_visible()
    assert page.url == address
