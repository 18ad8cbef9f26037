"""Images by themselves: looked up, listed, explained, refreshed, retried and forgotten."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.clock import DAY, HOUR
from imagecache.model.access import Role
from imagecache.model.image import (
    Failure,
    FailureReason,
    ImageMessage,
    ImageRef,
    OriginAnswer,
    OriginName,
    RejectionReason,
)
from imagecache.queues.images import from_body
from imagecache.rules.retries import NEVER
from imagecache.rules.source_urls import image_key
from imagecache.stores.state.circuits import Cause
from tests.integration import demo_chats
from tests.integration.api import Api
from tests.integration.conftest import NOW, Stack
from tests.integration.made import ADA, CHAT, ME, cache, fail, person, put, request

FILE = "file:///Users/alex/BeeperTexts/media/s/ada"


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


def queued(stack: Stack) -> list[str]:
    return [from_body(message["body"]).image_key for message in stack.messages()]


def test_a_look_up_answers_each_url_as_it_was_sent(stack: Stack, api: Api) -> None:
    cache(stack, "s/ada", "ada")
    fail(stack, "s/bob")
    stack.cached_images.mark_queued(request("s/eve"))
    urls = [FILE, "mxc://s/ada", "mxc://s/bob", "mxc://s/eve", "https://x.example/new.png", "ftp://x/y"]
    status, answer = api.ask("POST /api/images/lookup", {"sourceUrls": urls}, role=Role.READ)
    assert status == 200
    assert [answer["images"][url]["status"] for url in urls] == [
        "cached",
        "cached",
        "failed",
        "pending",
        "none",
        "failed",
    ]
    assert answer["images"][FILE]["url"] == "/images/ada/192.webp"
    assert answer["images"]["ftp://x/y"]["reason"] == "unsupported_scheme"
    assert queued(stack) == []


def test_a_look_up_that_enqueues_queues_what_is_missing_once(stack: Stack, api: Api) -> None:
    cache(stack, "s/ada", "ada")
    urls = ["mxc://s/ada", "mxc://s/new", "file:///u/media/s/new", "ftp://x/y"]
    for _ in range(2):
        answer = api.post("/api/images/lookup", sourceUrls=urls, enqueue=True)
        shown = [answer["images"][url]["status"] for url in urls]
        assert shown == ["cached", "pending", "pending", "failed"]
    assert queued(stack) == ["s/new"]


def test_a_look_up_counts_as_a_reference_and_is_written_once_a_day(stack: Stack, api: Api) -> None:
    cache(stack, "s/ada", "ada")
    body = {"sourceUrls": [FILE, "mxc://s/unknown"]}
    for moment in (NOW, NOW + DAY - 1, NOW + DAY):
        stack.now = moment
        before = len(stack.writes())
        api.ask("POST /api/images/lookup", body, role=Role.READ)
        assert len(stack.writes()) - before == (0 if moment == NOW + DAY - 1 else 1)
    assert stack.row("s/ada")["lookedUpAt"] == str(NOW + DAY)
    assert stack.row("s/unknown") == {}


def test_a_look_up_of_a_forgotten_picture_says_that_it_was_forgotten(stack: Stack, api: Api) -> None:
    cache(stack, "s/ada", "ada")
    stack.cached_images.forget("s/ada")
    for enqueue in (False, True):
        answer = api.post("/api/images/lookup", sourceUrls=[FILE, "mxc://s/new"], enqueue=enqueue)
        image = answer["images"][FILE]
        assert image == {"status": "none", "reason": "forgotten"}
        assert "reason" not in answer["images"]["mxc://s/new"]
    assert queued(stack) == ["s/new"]


def test_five_hundred_urls_are_looked_up_and_one_more_is_not(api: Api) -> None:
    urls = [f"data:,{number}" for number in range(501)]
    status, answer = api.ask("POST /api/images/lookup", {"sourceUrls": urls[:90]})
    assert (status, len(answer["images"])) == (200, 90)
    assert api.ask("POST /api/images/lookup", {"sourceUrls": urls})[0] == 400


def row(api: Api, status: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get("/api/images", status=status)["images"]
    return rows


def test_images_are_listed_by_status_with_what_is_known(stack: Stack, api: Api) -> None:
    cache(stack, "s/cached", "b10b", size=70_000)
    fail(stack, "s/failed", next_attempt_at=NOW + DAY)
    fail(stack, "s/final", next_attempt_at=NEVER)
    stack.cached_images.mark_queued(request("s/pending"))
    cache(stack, "s/forgotten", "gone")
    stack.cached_images.forget("s/forgotten")
    [cached], [pending], [forgotten] = row(api, "cached"), row(api, "pending"), row(api, "forgotten")
    assert (cached["sourceUrl"], cached["fileSize"], cached["url"]) == (
        "mxc://s/cached",
        70_000,
        "/images/b10b/192.webp",
    )
    assert pending["queuedAt"] == iso(NOW)
    assert (forgotten["sourceUrl"], forgotten["url"]) == ("mxc://s/forgotten", None)
    failed, final = row(api, "failed")
    assert (failed["reason"], failed["failedAt"], failed["nextAttemptAt"]) == (
        "gone",
        iso(NOW),
        iso(NOW + DAY),
    )
    assert (final["sourceUrl"], final["nextAttemptAt"]) == ("mxc://s/final", None)


def iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("status", ["failed", "cached"])
def test_a_long_list_continues_by_cursors(stack: Stack, api: Api, status: str) -> None:
    for number in range(130):
        key = {"imageKey": {"S": f"s/{number:03}"}, "status": {"S": status}}
        due = {"nextAttemptAt": {"N": str(NOW + number)}} if status == "failed" else {}
        stack.dynamodb.put_item(
            TableName="CachedImagesTable", Item={**key, **due, "sourceUrl": {"S": f"mxc://s/{number:03}"}}
        )
    first = api.get("/api/images", status=status)
    rest = api.get("/api/images", status=status, cursor=first["nextCursor"])
    urls = [one["sourceUrl"] for one in [*first["images"], *rest["images"]]]
    assert (len(first["images"]), len(urls), len(set(urls))) == (100, 130, 130)
    assert rest["nextCursor"] is None
    other = {"status": "pending", "cursor": first["nextCursor"]}
    assert api.ask("GET /api/images", query=other)[0] == 400


def test_references_without_a_picture_are_listed_with_the_reason(stack: Stack, api: Api) -> None:
    rejected = replace(
        person("Bob X"), source_url="ftp://x/y", image=ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME)
    )
    people = (ME, ADA, person("Eve X", "s/eve"), person("Fay X", "s/fay"), person("Gus X", "s/gus"), rejected)
    put(stack, replace(CHAT, participants=people))
    own = replace(person("Own", "s/own"), participant_id="#chat")
    stack.participants_table.put("!ada", [own], fence=1)
    cache(stack, "s/ada", "ada")
    fail(stack, "s/eve")
    stack.cached_images.mark_queued(request("s/fay"))
    page = api.get("/api/images/uncached")
    assert page["nextCursor"] is None
    found = {
        one["participantId"]: (one["source"], one["status"], one["reason"]) for one in page["references"]
    }
    assert {one["chatTitle"] for one in page["references"]} == {"Ada Lovelace"}
    assert found == {
        None: ("chat", "none", None),
        "@bob": ("participant", "failed", "unsupported_scheme"),
        "@eve": ("participant", "failed", "gone"),
        "@fay": ("participant", "pending", None),
        "@gus": ("participant", "none", None),
    }


def story(api: Api, url: str) -> dict[str, Any]:
    status, answer = api.ask("POST /api/images/explain", {"sourceUrl": url}, role=Role.READ)
    assert status == 200
    told: dict[str, Any] = answer
    return told


def test_a_failed_image_is_explained_in_sentences(
    stack: Stack, api: Api, demo: DemoAccount, session: requests.Session
) -> None:
    key = "local.beeper.com/alex_nobody"
    put(stack, replace(CHAT, participants=(ME, person("Ada Lovelace", key))))
    stack.cacher(demo, session).cache(ImageMessage(key, f"mxc://{key}", NOW))
    told = story(api, f"mxc://{key}")
    due = int(stack.row(key)["nextAttemptAt"])
    assert (told["source"], told["status"], told["reason"], told["failures"]) == (
        "beeper",
        "failed",
        "gone",
        1,
    )
    assert told["attempts"] == [{"at": iso(NOW), "origin": "beeper", "answer": "gone: SERVE_ASSET_ERROR"}]
    assert told["nextAttemptAt"] == iso(due)
    assert told["shownBy"] == [{"chatId": "!ada", "chatTitle": "Ada Lovelace", "participantId": "@ada"}]
    assert told["summary"] == [
        "It is in Beeper's media folder, and is fetched from Beeper or the media server.",
        f"It failed once, last at {iso(NOW)}: Beeper, or the web, no longer has it.",
        f"{iso(NOW)}: asked Beeper: gone: SERVE_ASSET_ERROR.",
        f"The first sync after {iso(due)} tries it again; a retry does so now.",
        "If another picture has replaced it, the next sync brings that one.",
        "Shown by Ada Lovelace.",
    ]


@pytest.mark.parametrize(
    ("cause", "because"),
    [
        (Cause.OUTAGE, "cannot be reached, or something else answers in its place"),
        (Cause.UNAUTHORIZED, "refuses the token"),
        (Cause.BUSY, "has asked for a pause"),
    ],
)
def test_an_image_that_waits_for_its_origin_is_explained_with_the_cause(
    stack: Stack, api: Api, cause: Cause, because: str
) -> None:
    until = iso(stack.circuits.open(OriginName.BEEPER, cause, "status 530", now=stack.now))
    because += " (its answer: status 530)"
    waiting = f"No picture is requested from Beeper before {until}, because Beeper {because}."
    stack.cached_images.mark_queued(request("s/pending"))
    fail(stack, "s/failed")
    cache(stack, "s/cached", "blob")
    for url in ("mxc://s/unknown", "mxc://s/pending", "mxc://s/failed"):
        told = story(api, url)
        assert waiting in told["summary"]
        assert told["closedOrigins"] == [
            {"origin": "beeper", "cause": cause.value, "answer": "status 530", "until": until}
        ]
    for url in ("mxc://s/cached", "https://x.example/a", "ftp://x/y"):
        assert story(api, url)["closedOrigins"] == []
    stack.cached_images.request_refresh("s/cached", now=stack.now + 1)
    assert waiting in story(api, "mxc://s/cached")["summary"]


def test_an_image_does_not_wait_for_an_origin_that_works(stack: Stack, api: Api) -> None:
    stack.circuits.open(OriginName.BEEPER, Cause.OUTAGE, now=stack.now - 60_000)
    assert story(api, "mxc://s/unknown")["closedOrigins"] == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mxc://s/unknown", "It was never queued."),
        ("mxc://s/cached", "Pages show it."),
        ("mxc://s/final", "It is not tried again by itself; a retry tries it once more."),
        ("mxc://s/pending", f"It has been waiting in the queue since {iso(NOW)}."),
        ("mxc://s/forgotten", "Only a refresh fetches it again."),
        ("mxc://s/held", f"A worker is fetching it now, until {iso(NOW + 90_000)} at the latest."),
        ("https://x.example/a", "It is on the web, and is fetched by https."),
        ("data:,x", "It is contained in its URL."),
        (
            "foo",
            "This URL is never fetched: it is malformed; a valid URL is, for example, "
            "https://example.com/a.jpg or mxc://example.com/a.",
        ),
        (
            "ftp://x/y",
            "This URL is never fetched: only https, data and Beeper's own kinds of URLs are fetched.",
        ),
    ],
)
def test_every_state_has_its_sentence(stack: Stack, api: Api, url: str, said: str) -> None:
    cache(stack, "s/cached", "b")
    fail(stack, "s/final", next_attempt_at=NEVER)
    stack.cached_images.mark_queued(request("s/pending"))
    stack.cached_images.mark_queued(request("s/forgotten"))
    stack.cached_images.forget("s/forgotten")
    stack.claims.claim(request("s/held"), now=NOW, lease_seconds=90, nonce="n")
    assert said in story(api, url)["summary"]


def test_a_web_server_that_cannot_be_reached_is_not_taken_for_beeper(stack: Stack, api: Api) -> None:
    url = "https://x.example/a"
    claim = stack.won(ImageMessage(image_key(url), url, NOW))
    answer = OriginAnswer(NOW, OriginName.WEB, "the name has no address")
    stack.claims.fail(claim, Failure(FailureReason.ORIGIN_DOWN, NOW, NOW + 1), answers=[answer])
    summary = " ".join(story(api, url)["summary"])
    assert "a site that is gone stays unreachable" in summary
    assert "asked the web server: the name has no address." in summary
    assert "Beeper" not in summary


def test_a_refresh_keeps_the_old_picture_until_the_new_one_is_there(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    stack.now += HOUR
    assert api.post("/api/images/refresh", sourceUrl=FILE) == {"status": "pending"}
    assert queued(stack) == ["s/ada"]
    assert api.get("/api/chats")["chats"][0]["image"]["url"] == "/images/ada/192.webp"
    cache(stack, "s/ada", "new")
    assert api.get("/api/chats")["chats"][0]["image"]["url"] == "/images/new/192.webp"


def test_a_retry_does_not_wait_for_the_next_attempt(stack: Stack, api: Api) -> None:
    fail(stack, "s/ada", next_attempt_at=NEVER)
    stack.now += HOUR
    assert api.post("/api/images/retry", sourceUrl="mxc://s/ada") == {"status": "pending"}
    assert queued(stack) == ["s/ada"]
    cache(stack, "s/ada", "ada")
    status, answer = api.ask("POST /api/images/retry", {"sourceUrl": FILE})
    assert (status, answer["code"]) == (409, "conflict")


@pytest.mark.parametrize("change", ["refresh", "retry", "forget"])
def test_a_change_of_an_unknown_image_or_of_one_that_is_never_fetched_is_refused(
    stack: Stack, api: Api, change: str
) -> None:
    assert api.ask(f"POST /api/images/{change}", {"sourceUrl": "mxc://s/unknown"})[0] == 404
    status, answer = api.ask(f"POST /api/images/{change}", {"sourceUrl": "ftp://x/y"})
    why = "only https, data and Beeper's own kinds of URLs are fetched"
    assert (status, answer["message"]) == (400, f"This URL is never fetched: {why}")
    assert stack.row("s/unknown") == {}


def objects(stack: Stack) -> set[str]:
    listed = stack.s3.list_object_versions(Bucket="images")
    return {version["Key"] for version in listed.get("Versions", [])}


def stored(stack: Stack, key: str, blob: str) -> None:
    cache(stack, key, blob)
    for name in (f"originals/{blob}", f"images/{blob}/96.webp"):
        stack.s3.put_object(Bucket="images", Key=name, Body=b"x")


def test_a_forgotten_picture_is_deleted_and_neither_a_message_nor_a_sync_restores_it(
    stack: Stack, api: Api, demo: DemoAccount, session: requests.Session
) -> None:
    demo_chats.fill(demo, [demo_chats.chat_with(number, demo_chats.person(number)) for number in range(2)])
    stack.sync(demo, session)
    stack.drain(stack.cacher(demo, session))
    key, blob, _ = next(stack.cached_images.stored_images())
    stack.now += 91_000
    answer = api.post("/api/images/forget", sourceUrl=f"mxc://{key}")
    assert (answer["status"], answer["deletedVersions"]) == ("forgotten", 4)
    assert not any(blob in name for name in objects(stack))
    assert set(stack.row(key)) == {"imageKey", "sourceUrl", "status"}
    assert stack.cacher(demo, session).cache(ImageMessage(key, f"mxc://{key}", NOW)).result == "deduplicated"
    stack.sync(demo, session, complete=True)
    assert key not in queued(stack)
    api.post("/api/images/refresh", sourceUrl=f"mxc://{key}")
    assert stack.drain(stack.cacher(demo, session)) == ["cached"]
    assert stack.row(key)["status"] == "cached"


def test_content_that_another_image_shows_is_kept_when_one_is_forgotten(stack: Stack, api: Api) -> None:
    stored(stack, "s/ada", "same")
    cache(stack, "s/twin", "same")
    stack.now += 91_000
    assert api.post("/api/images/forget", sourceUrl=FILE)["deletedVersions"] == 0
    assert objects(stack) == {"originals/same", "images/same/96.webp"}
    assert api.post("/api/images/forget", sourceUrl="mxc://s/twin")["deletedVersions"] == 2
    assert objects(stack) == set()


def test_objects_younger_than_a_lease_are_hidden_at_once_and_left_to_the_sweep(
    stack: Stack, api: Api
) -> None:
    stored(stack, "s/ada", "young")
    stack.now += 60_000
    answer = api.post("/api/images/forget", sourceUrl=FILE)
    assert (answer["deletedVersions"], answer["hiddenObjects"]) == (0, 2)
    assert "Contents" not in stack.s3.list_objects_v2(Bucket="images"), "nobody can load them"
    assert objects(stack) == {"originals/young", "images/young/96.webp"}


def test_pages_of_chats_statistics_and_health_have_no_media_ids(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    fail(stack, "s/ada")
    for path in ("/api/chats", "/api/stats", "/api/health"):
        assert "s/ada" not in json.dumps(api.get(path))
    assert "s/ada" not in json.dumps(api.get("/api/chat", chatId="!ada"))
