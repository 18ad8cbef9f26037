"""Each route answers pages, operators and other applications, through the local server and the engine."""

import gzip
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from imagecache.model.access import Role
from imagecache.model.image import ImageMessage
from imagecache.queues.images import to_body
from imagecache.rules.source_urls import image_key
from tests.end_to_end.api.conftest import PAGE, Api, Running
from tests.end_to_end.conftest import wait_until
from tools.openapi import DOCUMENT

pytestmark = pytest.mark.engine

# Pictures of 2 x 2 pixels and of 1 x 1 that no chat shows.
SQUARE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGMwSJgARAwQCgAeDgSBHTXVHgAA"
    "AABJRU5ErkJggg=="
)
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9aw"
    "AAAABJRU5ErkJggg=="
)
UNKNOWN = {"sourceUrl": "mxc://local.beeper.com/nobody_knows"}
NOBODY = {"chatId": "nobody", "participantId": "nobody", **UNKNOWN}
# Route, query, body, and the statuses of the answers to the read token and to the admin token.
REQUESTS: list[tuple[str, str, Any, int, int]] = [
    ("GET /api/chats", "?limit=1", None, 200, 200),
    ("GET /api/chat", "?chatId=nobody", None, 404, 404),
    ("GET /api/people/pictures", "?chatId=nobody&participantId=nobody", None, 404, 404),
    ("POST /api/people/pictures/choose", "", NOBODY, 403, 404),
    ("GET /api/images", "?status=cached", None, 200, 200),
    ("GET /api/images/uncached", "", None, 200, 200),
    ("GET /api/images/shown", "?name=nobody", None, 200, 200),
    ("GET /api/chat/pictures", "?chatId=nobody", None, 404, 404),
    ("GET /api/stats", "", None, 200, 200),
    ("GET /api/status", "", None, 200, 200),
    ("GET /api/health", "", None, 200, 200),
    ("GET /api/jobs/{jobId}", "", None, 403, 404),
    ("POST /api/images/explain", "", UNKNOWN, 200, 200),
    ("POST /api/images/lookup", "", {"sourceUrls": []}, 200, 200),
    ("POST /api/images/refresh", "", UNKNOWN, 403, 404),
    ("POST /api/images/retry", "", UNKNOWN, 403, 404),
    ("POST /api/images/forget", "", UNKNOWN, 403, 404),
    ("POST /api/images/retry-failed", "", None, 403, 202),
    ("POST /api/images/backfill", "", {}, 403, 202),
    ("POST /api/redrive", "", None, 403, 202),
    ("POST /api/sync", "", {}, 403, 202),
    ("POST /api/cleanup", "", {"dryRun": True}, 403, 202),
    ("GET /api/contacts", "", None, 403, 200),
    ("GET /api/contacts/{contactId}", "", None, 403, 404),
    ("DELETE /api/contacts/{contactId}", "", None, 403, 404),
    ("PUT /api/contacts/{contactId}", "", {"fullName": "Nobody", "withoutSync": True}, 403, 200),
]


def test_every_route_demands_the_token_of_its_role(api: Api) -> None:
    documented = json.loads(DOCUMENT.read_text())["paths"]
    assert {route for route, *_ in REQUESTS} == {
        f"{method.upper()} {path}" for path, methods in documented.items() for method in methods
    }
    for route, query, sent, read, admin in REQUESTS:
        method, path = route.replace("{jobId}", "nobody").replace("{contactId}", "nobody").split()
        answers = [api.ask(method, path + query, sent, role=role) for role in Role]
        public = route == "GET /api/health"
        assert [answer.status for answer in answers] == [200 if public else 401, read, admin], route
        if admin == HTTPStatus.ACCEPTED:
            api.wait_for(answers[-1].json["jobId"])


def test_head_is_answered_as_get_without_a_body(api: Api) -> None:
    for route, query, *_ in REQUESTS:
        method, path = route.replace("{jobId}", "nobody").replace("{contactId}", "nobody").split()
        if method == "GET":
            got, head = (api.ask(each, path + query, role=Role.ADMIN) for each in ("GET", "HEAD"))
            assert (head.status, head.body) == (got.status, b""), route
            assert head.headers["content-type"] == got.headers["content-type"], route


@pytest.mark.parametrize("header", ["Bearer made-up", "Bearer", "Basic YTpi", "made-up", ""])
@pytest.mark.parametrize("path", ["/api/chats", "/api/jobs/doctor"])
def test_a_token_that_nobody_has_is_refused(api: Api, path: str, header: str) -> None:
    answer = api.ask("GET", path, role=Role.NONE, headers={"Authorization": header} if header else {})
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


def test_pages_list_every_chat_once(running: Running) -> None:
    chats = [
        chat["chatId"]
        for page in running.api.pages("/api/chats?filter=all&limit=7")
        for chat in page["chats"]
    ]
    assert sorted(chats) == sorted(chat.id for chat in running.demo.account.chats)


def test_pages_list_the_whole_roster_of_a_large_group(running: Running) -> None:
    group = max(running.demo.account.chats, key=lambda chat: len(chat.people))
    path = f"/api/chat?chatId={quote(group.id, safe='')}"
    pages = running.api.pages(path, cursor="participantsCursor", next_cursor="nextParticipantsCursor")
    members = [member["participantId"] for page in pages for member in page["participants"]]
    assert len(members) == 110
    assert sorted(members) == sorted(person.id for person in group.people)


def test_listings_of_images_are_complete(running: Running) -> None:
    cached = [image for page in running.api.pages("/api/images?status=cached") for image in page["images"]]
    assert len(cached) == running.api.get("/api/stats")["totalCachedImages"]
    reasons = [
        reference["reason"]
        for page in running.api.pages("/api/images/uncached?")
        for reference in page["references"]
    ]
    assert "gone" in reasons


def test_a_page_of_chats_has_up_to_twenty_members_of_each_with_their_pictures(running: Running) -> None:
    page = running.api.get("/api/chats?limit=50&participants=20")
    assert len(page["chats"]) == sum(
        not (chat.is_archived or chat.extras.is_low_priority) for chat in running.demo.account.chats
    )
    for chat in page["chats"]:
        account = running.demo.account.find_chat(chat["chatId"])
        assert account
        # Some networks do not list the owner.
        listed = len(account.people) if account.network.lists_owner else len(account.people) - 1
        assert len(chat["participants"]) == min(20, listed)
        assert chat.get("hasMoreParticipants", False) == (listed > 20)
    statuses = [member["image"]["status"] for chat in page["chats"] for member in chat["participants"]]
    assert statuses.count("cached") > 50


def test_an_answer_is_compressed_and_an_unchanged_one_is_a_304(api: Api) -> None:
    path = "/api/chats?limit=50"
    plain = api.ask("GET", path, role=Role.READ)
    packed = api.ask("GET", path, role=Role.READ, headers={"Accept-Encoding": "gzip"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3
    assert packed.headers["etag"] == plain.headers["etag"]

    again = api.ask("GET", path, role=Role.READ, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", plain.headers["etag"])


def test_a_sync_and_a_backfill_are_jobs_until_they_are_done(running: Running) -> None:
    api = running.api
    sync = api.sync()
    assert (sync["kind"], sync["status"], sync["result"]["outcome"]) == ("sync", "done", "ok")
    assert sync["result"]["complete"] is True
    assert sync["progress"]["chats"] == len(running.demo.account.chats) == 38

    backfill = api.job("/api/images/backfill", activeWithinDays=0)
    assert (backfill["kind"], backfill["status"]) == ("backfill", "done")
    assert backfill["progress"]["queued"] == 0, "everything is cached or not due"


def test_an_image_that_another_application_looks_up_is_cached_on_request(running: Running) -> None:
    api = running.api
    assert api.image(PIXEL)["status"] == "none"
    api.post("/api/images/lookup", sourceUrls=[PIXEL], enqueue=True)
    image = api.wait_until_cached(PIXEL)
    assert (image["width"], image["height"]) == (1, 1)
    picture = api.ask("GET", image["url"], role=Role.NONE)
    assert (picture.status, picture.headers["content-type"]) == (200, "image/webp")


def shown(api: Api, chat_id: str) -> dict[str, Any]:
    """Returns the picture that a page shows for a chat."""
    (image,) = [
        chat["image"]
        for page in api.pages("/api/chats?filter=all&limit=100")
        for chat in page["chats"]
        if chat["chatId"] == chat_id
    ]
    return dict(image)


def test_a_refresh_fetches_once_and_a_forgotten_image_is_not_fetched_before_a_refresh(
    running: Running,
) -> None:
    api = running.api
    key, url, chat_id = _own_picture(running)
    before = running.hits(key)
    assert api.post("/api/images/refresh", sourceUrl=url) == {"status": "pending"}
    wait_until(lambda: running.hits(key) == before + 1, what="the refresh has fetched it")
    assert shown(api, chat_id)["status"] == "cached"

    blob = shown(api, chat_id)["url"].split("/")[2]
    forgotten = api.post("/api/images/forget", sourceUrl=url)
    assert (forgotten["status"], forgotten["edge"]) == ("forgotten", "told")
    assert f"/images/{blob}/*" in invalidated(running)
    assert shown(api, chat_id)["status"] == "none"
    assert api.sync()["result"]["outcome"] == "ok"
    assert (shown(api, chat_id)["status"], running.hits(key)) == ("none", before + 1)
    assert "forgotten" in api.post("/api/images/explain", sourceUrl=url)["summary"][1]

    api.post("/api/images/refresh", sourceUrl=url)
    api.wait_until_cached(url)
    assert (shown(api, chat_id)["status"], running.hits(key)) == ("cached", before + 2)


def invalidated(running: Running) -> list[str]:
    """Returns the paths of which CloudFront was asked to drop its copies."""
    cloudfront: Any = boto3.client("cloudfront", **running.engine)
    ssm = boto3.client("ssm", **running.engine)
    name = ssm.get_parameter(Name="/imagecache/distribution-id")["Parameter"]["Value"]
    listed = cloudfront.list_invalidations(DistributionId=name)["InvalidationList"]["Items"]
    invalidations = [
        cloudfront.get_invalidation(DistributionId=name, Id=entry["Id"])["Invalidation"] for entry in listed
    ]
    return [path for each in invalidations for path in each["InvalidationBatch"]["Paths"]["Items"]]


def _own_picture(running: Running) -> tuple[str, str, str]:
    """Returns key, URL and chat id of a group's own picture, which nothing else shows."""
    deliverable = set(running.demo.account.deliverable())
    for chat in running.demo.account.chats:
        picture = chat.picture
        if chat.is_group and picture and picture.media and picture.media.key in deliverable:
            return picture.media.key, picture.url, chat.id
    raise LookupError("no group has a picture of its own")


def test_a_redrive_queues_dead_letters_again(running: Running) -> None:
    sqs = boto3.client("sqs", **running.engine)
    [dead_letters] = sqs.list_queues(QueueNamePrefix="imagecache-ImagesDeadLetterQueue")["QueueUrls"]
    for body in (to_body(ImageMessage(image_key(SQUARE), SQUARE, 0)), "not a message of the cache"):
        sqs.send_message(QueueUrl=dead_letters, MessageBody=body)
    assert running.api.image(SQUARE)["status"] == "none"
    job = running.api.job("/api/redrive")
    assert (job["kind"], job["status"], job["result"]) == ("redrive", "done", {"moved": 1, "unreadable": 1})
    assert running.api.wait_until_cached(SQUARE)["width"] == 2
    assert running.api.job("/api/redrive")["result"]["moved"] == 0


def test_failed_images_are_tried_again_on_request(running: Running) -> None:
    api = running.api
    failed = [image for page in api.pages("/api/images?status=failed") for image in page["images"]]
    gone = [image for image in failed if image["reason"] == "gone"]
    assert gone

    url = gone[0]["sourceUrl"]
    before = api.post("/api/images/explain", sourceUrl=url)["failures"]
    assert api.post("/api/images/retry", sourceUrl=url) == {"status": "pending"}
    wait_until(
        lambda: api.post("/api/images/explain", sourceUrl=url)["failures"] > before,
        what="the retry has asked for it",
    )
    wait_until(lambda: api.get("/api/stats")["pending"] == 0, what="nothing waits")

    job = api.job("/api/images/retry-failed")
    assert (job["status"], job["progress"]["queued"]) == ("done", len(failed))
    _, cached, _ = _own_picture(running)
    assert api.ask("POST", "/api/images/retry", {"sourceUrl": cached}).status == HTTPStatus.CONFLICT


def test_a_page_of_an_allowed_origin_may_read_answers_and_no_other_page_may(api: Api) -> None:
    preflight_headers = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = api.ask(
        "OPTIONS", "/api/chats", role=Role.NONE, headers={"Origin": PAGE, **preflight_headers}
    )
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert preflight.headers["access-control-allow-methods"] == "GET,POST,PUT,DELETE"
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type,if-none-match"
    answer = api.ask("GET", "/api/stats", headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-expose-headers"] == "etag"

    for method, path in (("OPTIONS", "/api/chats"), ("GET", "/api/stats")):
        foreign = api.ask(method, path, headers={"Origin": "http://evil.example", **preflight_headers})
        assert "access-control-allow-origin" not in foreign.headers
