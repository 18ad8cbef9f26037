"""Every answer is JSON, with a status and a sentence that say what to do, whatever was sent."""

import base64
import gzip
import hashlib
import inspect
import json
from http import HTTPStatus
from typing import Any

import pytest

from imagecache.api.http import Route, serve
from imagecache.errors import RequestError, StoreUnavailableError
from imagecache.model.access import Role
from tests.integration.api import REQUEST_ID, Api, Logged, unpacked
from tests.integration.conftest import Stack


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


def test_every_route_but_health_takes_a_token(api: Api) -> None:
    for route in api.routes:
        status, answer = api.ask(route, {}, role=Role.NONE)
        if route == "GET /api/health":
            assert status == 200
        else:
            assert (status, answer["code"]) == (401, "unauthorized"), route


def test_changes_jobs_and_contacts_take_the_admin_token(api: Api) -> None:
    refused = {route for route in api.routes if api.ask(route, {}, role=Role.READ)[0] == 403}
    assert refused == {
        "GET /api/jobs/{jobId}",
        "POST /api/images/refresh",
        "POST /api/images/retry",
        "POST /api/images/forget",
        "POST /api/images/retry-failed",
        "POST /api/cleanup",
        "POST /api/images/backfill",
        "POST /api/redrive",
        "POST /api/sync",
        "GET /api/contacts",
        "GET /api/contacts/{contactId}",
        "PUT /api/contacts/{contactId}",
        "DELETE /api/contacts/{contactId}",
        "POST /api/people/pictures/choose",
    }
    assert api.sent.events == []


def test_a_look_up_that_enqueues_takes_the_admin_token(api: Api) -> None:
    sent = {"sourceUrls": ["mxc://s/a"], "enqueue": True}
    assert api.ask("POST /api/images/lookup", sent, role=Role.READ)[0] == 403
    assert api.ask("POST /api/images/lookup", sent | {"enqueue": False}, role=Role.READ)[0] == 200


def test_a_page_that_has_not_changed_is_not_sent_again(api: Api) -> None:
    first = api.raw("GET /api/chats")
    tag = first["headers"]["etag"]
    for match in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = api.raw("GET /api/chats", headers={"if-none-match": match})
        assert (again["statusCode"], "body" in again) == (304, False)
        assert again["headers"]["etag"] == tag
    other = api.raw("GET /api/chats", headers={"if-none-match": 'W/"other"'})
    assert (other["statusCode"], other["body"]) == (200, first["body"])
    assert api.raw("GET /api/chats", query={"filter": "x"}).get("etag") is None


def test_head_is_answered_as_get_without_a_body_on_every_get_route(api: Api) -> None:
    gets = [route for route in api.routes if route.startswith("GET ")]
    assert gets
    for route in gets:
        for role in (Role.NONE, Role.ADMIN):
            for accepted in ("", "gzip"):
                headers = {"accept-encoding": accepted}
                got = api.raw(route, role=role, headers=headers)
                head = api.raw(route.replace("GET ", "HEAD "), role=role, headers=headers)
                body = got.get("body", "")
                length = len(base64.b64decode(body) if got.get("isBase64Encoded") else body.encode())
                assert (head["statusCode"], head.get("body", "")) == (got["statusCode"], ""), route
                assert head["headers"] == {**got["headers"], "content-length": str(length)}, route


def test_head_of_a_page_that_has_not_changed_is_304(api: Api) -> None:
    tag = api.raw("HEAD /api/chats")["headers"]["etag"]
    assert api.raw("HEAD /api/chats", headers={"if-none-match": tag})["statusCode"] == 304


def nobody(_authorization: str) -> Role:
    raise AssertionError("a route that is public does not need to know who sends a request")


def answer_with(answer: Any, **headers: str) -> dict[str, Any]:
    routes = {"GET /x": Route(answer=lambda: answer, gives=dict, summary="", role=Role.NONE)}
    return serve({"routeKey": "GET /x", "headers": headers}, routes=routes, find_role=nobody, log=Logged())


@pytest.mark.parametrize("asked", ["gzip", "br, gzip;q=0.5", "deflate, GZIP"])
def test_a_long_answer_is_compressed_when_asked(asked: str) -> None:
    answer = answer_with(["é" * 2000], **{"accept-encoding": asked})
    assert answer["headers"]["content-encoding"] == "gzip"
    assert gzip.decompress(base64.b64decode(answer["body"])).decode() == json.dumps(
        ["é" * 2000], ensure_ascii=False
    )
    assert answer["headers"]["etag"] == answer_with(["é" * 2000])["headers"]["etag"]


@pytest.mark.parametrize("asked", ["", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip"])
def test_an_answer_is_not_compressed_unless_asked(asked: str) -> None:
    answer = answer_with(["x" * 2000], **{"accept-encoding": asked})
    assert "content-encoding" not in answer["headers"]
    assert answer["headers"]["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "JSON"),
        ('"text"', "object"),
        ("[]", "object"),
        ("[" * 100_000, "JSON"),
        ("{}", "sourceUrl is missing"),
        ('{"sourceUrl": 1}', "sourceUrl"),
        ('{"sourceUrl": ""}', "sourceUrl"),
        (json.dumps({"sourceUrl": "x" * 65_537}), "sourceUrl"),
        ('{"sourceUrl": "\\ud800"}', "sourceUrl contains invalid Unicode (an unpaired surrogate)"),
        ('{"sourceUrl": "x", "extra": 1}', "'extra' is not a field of the body: the body may have sourceUrl"),
    ],
)
def test_a_body_that_is_not_valid_is_refused_with_the_reason(api: Api, body: str, said: str) -> None:
    response = api.raw("POST /api/images/explain", body=body)
    answer = json.loads(response["body"])
    assert (response["statusCode"], answer["code"]) == (400, "bad_request")
    assert said in answer["message"]


def test_a_body_of_more_than_4_mb_is_too_large(api: Api) -> None:
    response = api.raw("POST /api/images/explain", body="x" * (4 * 1024 * 1024 + 1))
    assert (response["statusCode"], json.loads(response["body"])["code"]) == (413, "too_large")


def test_a_body_in_base64_is_decoded(api: Api) -> None:
    event = {
        "routeKey": "POST /api/images/explain",
        "isBase64Encoded": True,
        "body": base64.b64encode(b'{"sourceUrl": "mxc://s/a"}').decode(),
    }
    assert serve(event, routes=api.routes, find_role=lambda _: Role.READ, log=api.log)["statusCode"] == 200
    damaged = serve({**event, "body": "%"}, routes=api.routes, find_role=lambda _: Role.READ, log=api.log)
    assert damaged["statusCode"] == 400


def test_a_bug_is_a_500_with_the_request_id_and_its_text_is_in_no_log() -> None:
    def broken() -> Any:
        raise KeyError("mxc://local.beeper.com/alex_secret")

    log = Logged()
    routes = {"GET /x": Route(answer=broken, gives=dict, summary="", role=Role.NONE)}
    event = {"routeKey": "GET /x", "requestContext": {"requestId": REQUEST_ID}}
    answer = serve(event, routes=routes, find_role=nobody, log=log)
    assert answer["statusCode"] == HTTPStatus.INTERNAL_SERVER_ERROR
    assert json.loads(answer["body"]) == {
        "message": f"Internal error. Details are in the server log (request id {REQUEST_ID}).",
        "code": "internal",
        "requestId": REQUEST_ID,
    }
    [(message, extra)] = log.lines
    assert (message, extra["route"], extra["error"]) == ("the request failed", "GET /x", "KeyError")
    assert "alex_secret" not in repr(extra)
    assert "broken" in repr(extra["trace"])


def test_the_log_says_why_an_aws_service_was_not_available() -> None:
    def throttled() -> Any:
        raise StoreUnavailableError("ThrottlingException")

    log = Logged()
    routes = {"GET /x": Route(answer=throttled, gives=dict, summary="", role=Role.NONE)}
    assert serve({"routeKey": "GET /x"}, routes=routes, find_role=nobody, log=log)["statusCode"] == 500
    [(_, extra)] = log.lines
    assert (extra["error"], extra["cause"]) == ("StoreUnavailableError", "ThrottlingException")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
def test_a_request_without_a_valid_token_is_refused_before_its_fields_are_read(
    headers: dict[str, str],
) -> None:
    routes = {"POST /x": Route(answer=dict, gives=dict, summary="", body=())}
    event = {"routeKey": "POST /x", "headers": headers, "body": "not JSON"}
    answer = serve(event, routes=routes, find_role=lambda _: Role.NONE, log=Logged())
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "unauthorized")


def test_no_request_is_answered_while_the_tokens_cannot_be_read() -> None:
    def unavailable(_authorization: str) -> Role:
        raise StoreUnavailableError("ThrottlingException")

    log = Logged()
    routes = {"GET /x": Route(answer=dict, gives=dict, summary="")}
    assert serve({"routeKey": "GET /x"}, routes=routes, find_role=unavailable, log=log)["statusCode"] == 500
    assert [extra["error"] for _, extra in log.lines] == ["StoreUnavailableError"]


def test_every_refusal_has_the_request_id(api: Api) -> None:
    for role, query, code in (
        (Role.NONE, {}, "unauthorized"),
        (Role.READ, {"limit": "0"}, "bad_request"),
    ):
        _, answer = api.ask("GET /api/chats", role=role, query=query)
        assert (answer["code"], answer["requestId"]) == (code, REQUEST_ID)


def test_every_error_that_a_request_may_raise_has_a_status() -> None:
    raised = RequestError.__subclasses__()
    assert len(raised) >= 6
    for error in raised:

        def refuse(error: type[RequestError] = error) -> Any:
            raise error("no")

        routes = {"GET /x": Route(answer=refuse, gives=dict, summary="", role=Role.NONE)}
        assert (
            400
            <= serve({"routeKey": "GET /x"}, routes=routes, find_role=nobody, log=Logged())["statusCode"]
            < 500
        )


def test_an_unknown_query_parameter_is_refused_and_the_known_ones_are_named(api: Api) -> None:
    """A misspelt filter must not list everything."""
    status, answer = api.ask("GET /api/chats", query={"limit": "5", "acountId": "x"})
    assert (status, answer["code"]) == (400, "bad_request")
    known = "limit, cursor, filter, accountId, title, participants, participantFields"
    assert answer["message"] == f"'acountId' is not a query parameter: the query may have {known}"
    for route, sent in (("GET /api/stats", None), ("POST /api/images/explain", {"sourceUrl": "mxc://s/a"})):
        status, answer = api.ask(route, sent, query={"limit": ""})
        assert status == 400
        assert answer["message"] == "'limit' is not a query parameter: this route has no query parameters"
    assert api.ask("GET /api/chats", query={"x": "1"}, role=Role.NONE)[0] == 401


def test_every_field_of_a_route_is_an_argument_of_its_handler(api: Api) -> None:
    for key, route in api.routes.items():
        fields = [*route.path, *route.query, *(route.body or ())]
        arguments = {field.argument: None for field in fields}
        assert len(arguments) == len(fields), key
        inspect.signature(route.answer).bind(**arguments)


POSITIONS = [
    ("GET /api/images", {"status": "failed"}, "images failed", ["", 1]),
    ("GET /api/images", {"status": "failed"}, "images failed", ["k"]),
    ("GET /api/images", {"status": "failed"}, "images failed", ["k", True]),
    ("GET /api/images", {"status": "failed"}, "images failed", ["k", 10**40]),
    ("GET /api/images", {"status": "failed"}, "images failed", ["\ud800", 1]),
    ("GET /api/images", {"status": "cached"}, "images cached", [""]),
    ("GET /api/images", {"status": "cached"}, "images cached", ["x" * 2049]),
    ("GET /api/images", {"status": "cached"}, "images cached", ["k", 1]),
    ("GET /api/images/uncached", {}, "uncached", ["", ""]),
    ("GET /api/images/uncached", {}, "uncached", ["a", "x" * 1025]),
    ("GET /api/images/uncached", {}, "uncached", "ab"),
    ("GET /api/images/shown", {"name": "ada"}, "shown ada", ["a", ""]),
    ("GET /api/contacts", {}, "contacts", ""),
    ("GET /api/contacts", {}, "contacts", "x" * 2049),
    ("GET /api/chats", {}, "chats inbox ", [["inbox", 1, "\ud800"]]),
    ("GET /api/chats", {}, "chats inbox ", [["inbox", True, "!a"]]),
    ("GET /api/chats", {}, "chats inbox ", []),
]


@pytest.mark.parametrize(("route", "query", "listing", "position"), POSITIONS)
def test_an_invented_cursor_is_a_bad_request_and_no_failure(
    api: Api, route: str, query: dict[str, str], listing: str, position: Any
) -> None:
    # As a client could write it: in ASCII, so that JSON can carry half of a surrogate pair.
    text = json.dumps(position)
    digest = hashlib.sha256(f"{listing}\n{text}".encode()).hexdigest()[:8]
    cursor = base64.urlsafe_b64encode((digest + text).encode()).decode().rstrip("=")
    status, answer = api.ask(route, query={**query, "cursor": cursor})
    assert (status, answer["code"]) == (400, "bad_request")
    assert "damaged" in answer["message"]


def test_an_answer_may_not_be_kept_by_shared_caches(api: Api) -> None:
    headers = api.raw("GET /api/chats")["headers"]
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    assert json.loads(unpacked(api.raw("GET /api/chats"))) == {"chats": [], "nextCursor": None}
