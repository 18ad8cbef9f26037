"""From a name or a face to its picture: where it came from, whether pages show it, and what forgets it."""

from dataclasses import replace
from typing import Any

import pytest

from imagecache.model.image import ImageRef
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.made import ADA, CHAT, ME, cache, fail, person, put, request

ADA_ROW = {
    "chatId": "!ada",
    "chatTitle": "Ada Lovelace",
    "participantId": "@ada",
    "fullName": "Ada Lovelace",
    "source": "participant",
    "sourceUrl": "mxc://s/ada",
    "status": "cached",
    "reason": None,
    "cachedAt": "2026-03-01T12:00:00Z",
    "isShown": True,
}
OWN_PICTURE = replace(person("Own", "s/own"), participant_id="#chat", full_name=None)
ENGINES = replace(
    CHAT,
    chat_id="!engines",
    type="group",
    title="Émile's Engines",
    source_url="mxc://s/own",
    image=ImageRef("s/own"),
    participants=(ME, ADA, person("Emil X", "s/emil")),
)


@pytest.fixture
def api(stack: Stack) -> Api:
    return Api(stack)


def named(api: Api, name: str) -> list[dict[str, Any]]:
    """Returns the pictures on all pages."""
    answer = api.get("/api/images/shown", name=name)
    found: list[dict[str, Any]] = answer["pictures"]
    while answer["nextCursor"] is not None:
        answer = api.get("/api/images/shown", name=name, cursor=answer["nextCursor"])
        found += answer["pictures"]
    return found


def pictures(api: Api, **place: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/api/chat/pictures", **place)["pictures"]
    return found


def sources(found: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(one["source"], one["sourceUrl"], one["isShown"]) for one in found]


def test_the_face_of_a_member_leads_to_the_source_url_that_forgets_it(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    [found] = pictures(api, chatId="!ada", participantId="@ada")
    assert found == ADA_ROW | {"cachedAt": found["cachedAt"]}
    api.post("/api/images/forget", sourceUrl=found["sourceUrl"])
    [found] = pictures(api, chatId="!ada", participantId="@ada")
    assert (found["status"], found["cachedAt"], found["isShown"]) == ("forgotten", None, False)


def test_a_members_own_a_contacts_and_a_former_picture_each_have_their_url_and_one_is_shown(
    stack: Stack, api: Api
) -> None:
    linked = replace(ADA, contact_id="ada", contact_image_key="s/contact", former_image_key="s/former")
    put(stack, replace(CHAT, participants=(ME, linked)))
    fail(stack, "s/ada")
    cache(stack, "s/contact", "contact")
    cache(stack, "s/former", "former")
    assert sources(pictures(api, chatId="!ada", participantId="@ada")) == [
        ("participant", "mxc://s/ada", False),
        ("contact", "mxc://s/contact", True),
        ("former", "mxc://s/former", False),
    ]


def test_the_face_of_a_single_chat_is_the_other_persons_picture(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    cache(stack, "s/ada", "ada")
    [found] = pictures(api, chatId="!ada")
    assert (found["participantId"], found["fullName"]) == (None, None)
    assert sources([found]) == [("participant", "mxc://s/ada", True)]


def test_the_face_of_a_group_is_its_own_picture_only(stack: Stack, api: Api) -> None:
    put(stack, ENGINES)
    cache(stack, "s/own", "own")
    cache(stack, "s/ada", "ada")
    assert sources(pictures(api, chatId="!engines")) == [("chat", "mxc://s/own", True)]


def test_a_name_finds_members_and_chats_whatever_the_case_and_the_accents(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    put(stack, ENGINES)
    stack.participants_table.put("!engines", [OWN_PICTURE], fence=1)
    stack.cached_images.mark_queued(request("s/emil"))
    found = {(one["chatId"], one["participantId"], one["sourceUrl"]) for one in named(api, "EMIL")}
    assert found == {("!engines", None, "mxc://s/own"), ("!engines", "@emil", "mxc://s/emil")}
    found = {(one["chatId"], one["chatTitle"], one["participantId"]) for one in named(api, "lovelace")}
    assert found == {("!ada", "Ada Lovelace", "@ada"), ("!engines", "Émile's Engines", "@ada")}


def test_a_search_through_many_members_goes_on_page_by_page(stack: Stack, api: Api) -> None:
    crowd = [person(f"P{number:03} Smith", f"s/{number}") for number in range(130)]
    for chat_id in (f"!{number}" for number in range(4)):
        put(stack, replace(ENGINES, chat_id=chat_id, participants=tuple(crowd)))
    assert len(named(api, "p129")) == 4
    assert len(named(api, "smith")) == 520
    assert api.get("/api/images/shown", name="smith")["nextCursor"] is not None


def test_an_unknown_chat_or_member_has_no_pictures(stack: Stack, api: Api) -> None:
    put(stack, CHAT)
    for query in ({"chatId": "!nobody"}, {"chatId": "!ada", "participantId": "@nobody"}):
        assert api.ask("GET /api/chat/pictures", query=query)[0] == 404
