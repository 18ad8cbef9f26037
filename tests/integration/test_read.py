"""A page of chats has every picture, and the same rule chooses each of them."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.model.access import Role
from imagecache.model.agent import Source
from imagecache.model.chat import Chat
from imagecache.model.image import ImageRef, RejectionReason
from imagecache.stores.state.beeper_health import BeeperState
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.made import ADA, CHAT, ME, PLACEHOLDER, cache, fail, person, put, request
from tests.integration.sync_results import beeper_was_found
from tests.settings import config_with

BOT = person("Meta AI", "s/bot", is_bot=True)


def page(stack: Stack, **query: str) -> dict[str, Any]:
    answer: dict[str, Any] = Api(stack).get("/api/chats", **query)
    return answer


def shown(stack: Stack, chat: Chat) -> dict[str, Any]:
    put(stack, chat)
    image: dict[str, Any] = page(stack)["chats"][0]["image"]
    return image


def test_a_cached_image_has_everything_the_first_paint_needs(stack: Stack) -> None:
    cache(stack, "s/ada", "b10b", is_animated=True)
    assert shown(stack, CHAT) == {
        "status": "cached",
        "source": "participant",
        "url": "/images/b10b/192.webp",
        "width": 640,
        "height": 480,
        "placeholder": PLACEHOLDER,
        "color": "#204060",
        "backdrop": "#ffffff",
        "isAnimated": True,
    }


def test_members_in_a_list_have_what_draws_their_faces_or_all_if_asked(stack: Stack) -> None:
    cache(stack, "s/ada", "b10b")
    nameless = replace(ADA, participant_id="@bob", full_name=None, username="bob", image=None)
    put(stack, replace(CHAT, participants=(replace(ADA, username="ada"), nameless, ME)))

    drawn = page(stack)["chats"][0]["participants"]
    asked = page(stack, participantFields="all")["chats"][0]["participants"]
    detail = Api(stack).get("/api/chat", chatId=CHAT.chat_id)["participants"]

    face = {
        "status": "cached",
        "source": "participant",
        "url": "/images/b10b/192.webp",
        "backdrop": "#ffffff",
    }
    assert drawn[0] == {"fullName": "Ada Lovelace", "image": face}
    assert drawn[1] == {"username": "bob", "image": {"status": "none", "initials": "B"}}
    assert asked[0] == {
        "participantId": ADA.participant_id,
        "fullName": "Ada Lovelace",
        "username": "ada",
        "image": face | {"color": "#204060", "placeholder": PLACEHOLDER, "width": 640, "height": 480},
    }
    assert {member["participantId"]: member for member in asked} == {
        member["participantId"]: member for member in detail
    }


def test_only_an_image_that_was_stored_with_a_moving_copy_is_animated(stack: Stack) -> None:
    cache(stack, "s/ada", "b10b")
    assert "isAnimated" not in shown(stack, CHAT)
    stack.dynamodb.update_item(
        TableName="CachedImagesTable",
        Key={"imageKey": {"S": "s/ada"}},
        UpdateExpression="SET #view = :view",
        ExpressionAttributeNames={"#view": "view"},
        ExpressionAttributeValues={":view": {"S": '["b10b",640,480,"p","#204060","#ffffff"]'}},
    )
    of_an_earlier_version = shown(stack, CHAT)
    assert of_an_earlier_version["backdrop"] == "#ffffff"
    assert "isAnimated" not in of_an_earlier_version


def test_the_chats_own_picture_comes_before_the_other_persons(stack: Stack) -> None:
    cache(stack, "s/ada", "ada")
    cache(stack, "s/own", "own")
    assert shown(stack, replace(CHAT, image=ImageRef("s/own")))["url"] == "/images/own/192.webp"


def test_a_cached_picture_further_down_comes_before_a_failed_one(stack: Stack) -> None:
    cache(stack, "s/ada", "ada")
    fail(stack, "s/own")
    assert shown(stack, replace(CHAT, image=ImageRef("s/own")))["source"] == "participant"


def test_a_networks_bot_is_never_the_other_person(stack: Stack) -> None:
    cache(stack, "s/bot", "bot")
    cache(stack, "s/ada", "ada")
    assert shown(stack, replace(CHAT, participants=(ME, BOT, ADA)))["url"] == "/images/ada/192.webp"


def test_a_group_never_shows_one_member_for_all(stack: Stack) -> None:
    cache(stack, "s/ada", "ada")
    image = shown(stack, replace(CHAT, type="group", title="Engines"))
    assert image == {"status": "none", "initials": "E"}


def test_an_untitled_group_is_named_after_its_members_and_follows_their_names(stack: Stack) -> None:
    people = (ME, *(person(name) for name in ("Ada", "Bob", "Eve", "Joe", "Zoe")))
    group = replace(CHAT, type="group", participants=people, participant_count=len(people))
    put(stack, group)
    shown_first = page(stack)["chats"][0]
    put(stack, replace(group, participants=(ME, replace(ADA, full_name="Ada @ Work"), *people[2:])))
    shown_then = page(stack)["chats"][0]
    detail = Api(stack).get("/api/chat", chatId=group.chat_id)["chat"]
    assert [chat["title"] for chat in (shown_first, shown_then, detail)] == [
        "Ada, Bob and 3 others",
        "Ada @ Work, Bob and 3 others",
        "Ada @ Work, Bob and 3 others",
    ]


def test_a_queued_image_is_pending_a_failed_one_says_why(stack: Stack) -> None:
    stack.cached_images.mark_queued(request("s/ada"))
    assert shown(stack, CHAT)["status"] == "pending"
    fail(stack, "s/ada")
    image = shown(stack, CHAT)
    assert image == {"status": "failed", "source": "participant", "initials": "AL", "reason": "gone"}


def test_a_picture_that_is_never_fetched_says_why(stack: Stack) -> None:
    image = shown(stack, replace(CHAT, image=ImageRef(None, RejectionReason.UNSUPPORTED_SCHEME)))
    assert (image["status"], image["reason"]) == ("failed", "unsupported_scheme")


def test_a_new_image_changes_one_row_and_shows_in_every_chat(stack: Stack) -> None:
    for number in range(3):
        put(stack, replace(CHAT, chat_id=f"!{number}"))
    cache(stack, "s/ada", "b10b")
    assert {chat["image"]["url"] for chat in page(stack)["chats"]} == {"/images/b10b/192.webp"}


def test_every_chat_is_shown_once_newest_first_however_long_the_pages_are(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    expected = Counter(
        chat.id
        for chat in demo.account.chats
        if not (chat.is_archived or chat.extras.is_low_priority or chat.merged_into)
    )
    for limit in ("1", "7", "100"):
        seen, moments = Counter[str](), []
        cursor: dict[str, str] = {}
        while True:
            answer = page(stack, limit=limit, **cursor)
            seen.update(chat["chatId"] for chat in answer["chats"])
            moments += [chat.get("lastActivity", "") for chat in answer["chats"]]
            if answer["nextCursor"] is None:
                break
            cursor = {"cursor": answer["nextCursor"]}
        assert seen == expected
        assert moments == sorted(moments, reverse=True)


def test_the_filter_archived_lists_the_archived_chats(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.sync(demo, session)
    archived = {chat.id for chat in demo.account.chats if chat.is_archived and not chat.merged_into}
    assert {chat["chatId"] for chat in page(stack, filter="archived")["chats"]} == archived


def test_a_page_shows_as_many_members_as_were_asked_for(stack: Stack) -> None:
    put(stack, CHAT)
    chats = [page(stack, participants=n)["chats"][0] for n in ("0", "1", "20")]
    assert [len(chat.get("participants", [])) for chat in chats] == [0, 1, 2]


@pytest.mark.parametrize(
    "parameters",
    [{"limit": "0"}, {"limit": "ten"}, {"participants": "21"}, {"filter": "x"}, {"cursor": "x"}],
)
def test_a_parameter_out_of_bounds_is_refused(stack: Stack, parameters: dict[str, str]) -> None:
    status, answer = Api(stack).ask("GET /api/chats", query=parameters)
    assert (status, answer["code"]) == (400, "bad_request")
    assert next(iter(parameters)) in answer["message"]


def test_health_says_nothing_of_the_laptop_to_strangers(stack: Stack) -> None:
    api = Api(stack)
    for state in BeeperState:
        beeper_was_found(stack, state, now=stack.now)
        assert api.ask("GET /api/health", role=Role.NONE) == (200, {"status": "ok"})
    for role, status in ((Role.NONE, 401), (Role.READ, 200)):
        assert api.ask("GET /api/status", role=role)[0] == status


def test_status_tells_when_the_agent_was_last_seen(stack: Stack) -> None:
    stack.wiring.config = config_with(source=Source.AGENT)
    api = Api(stack)
    assert api.get("/api/status")["agent"] == {"state": "never", "since": None, "lastSeenAt": None}
    lease = stack.wiring.agent_lease
    lease.take("laptop", "ada-laptop", now=stack.now, lease_ms=60_000)
    stack.now += 120_000
    lease.take("laptop", "ada-laptop", now=stack.now, lease_ms=60_000)
    seen = {"since": "2027-01-15T08:00:00Z", "lastSeenAt": "2027-01-15T08:02:00Z"}
    assert api.get("/api/status")["agent"] == {"state": "running", **seen}
    stack.now += 300_001
    assert api.get("/api/status")["agent"] == {"state": "silent", **seen}
    lease.give_back("laptop", now=stack.now)
    assert api.get("/api/status")["agent"]["state"] == "stopped"


def test_one_agent_has_the_lease_until_it_ends_or_is_given_back(stack: Stack) -> None:
    lease = stack.wiring.agent_lease
    assert lease.take("laptop", "ada-laptop", now=stack.now, lease_ms=60_000)
    assert not lease.take("desktop", "ada-desktop", now=stack.now + 60_000, lease_ms=60_000)
    assert lease.read().host == "ada-laptop"
    # The same agent, started again after it was killed, does not wait for itself.
    assert lease.take("laptop", "ada-laptop", now=stack.now + 1, lease_ms=60_000)
    assert lease.read().since == stack.now
    lease.give_back("desktop", now=stack.now)
    assert not lease.take("desktop", "ada-desktop", now=stack.now, lease_ms=60_000)
    lease.give_back("laptop", now=stack.now + 2)
    assert lease.take("desktop", "ada-desktop", now=stack.now + 3, lease_ms=60_000)
    assert (lease.read().host, lease.read().since) == ("ada-desktop", stack.now + 3)
    assert lease.take("laptop", "ada-laptop", now=stack.now + 60_004, lease_ms=60_000)


def test_status_tells_how_beeper_is_and_since_when(stack: Stack) -> None:
    unknown = {"state": "unknown", "since": None, "checkedAt": None}
    api = Api(stack)
    assert api.get("/api/status") == {"origin": unknown, "agent": None}
    for minute in range(2):
        beeper_was_found(stack, BeeperState.OFFLINE, now=1_772_366_400_000 + minute * 60_000)
    assert api.get("/api/status")["origin"] == {
        "state": "offline",
        "since": "2026-03-01T12:00:00Z",
        "checkedAt": "2026-03-01T12:01:00Z",
    }
