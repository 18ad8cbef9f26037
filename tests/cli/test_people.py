"""The verb `former`: whose pictures it lists, and how one is chosen."""

import pytest

from tests.cli.conftest import Command
from tests.cli.contract import ADA, BOB, CHAT, FORMER_PICTURE, FORMER_PICTURES, GROUP, MEMBER, Json, synced
from tests.cli.fake_api import FakeApi

LIST = "GET /api/people/pictures"
CHOOSE = "POST /api/people/pictures/choose"
PLACE = {"chatId": CHAT["chatId"], "participantId": MEMBER["participantId"]}
OWNER = {**MEMBER, "participantId": "@me:beeper.local", "isSelf": True}
NAMESAKE = {**MEMBER, "participantId": "@other:beeper.local"}


def has_members(api: FakeApi, *groups: list[Json]) -> None:
    """Gives the API a chat with each of these lists of members, on a page of its own."""
    pages: list[Json] = [
        {"chats": [{**chat, "participants": members}], "nextCursor": f"c{number}"}
        for number, (chat, members) in enumerate(zip((CHAT, GROUP), groups, strict=False))
    ]
    pages[-1]["nextCursor"] = None
    api.answer("GET /api/chats", *pages)


@pytest.mark.parametrize("person", ["ada lovelace", "@ada:beeper.local"])
def test_former_pictures_are_listed_by_name_or_id(api: FakeApi, imagecache: Command, person: str) -> None:
    has_members(api, [OWNER, MEMBER], [MEMBER])
    chosen = {**FORMER_PICTURE, "sourceUrl": BOB, "lastNamed": None, "isShown": False, "isChosen": True}
    api.answer(LIST, {**FORMER_PICTURES, "pictures": [FORMER_PICTURE, chosen]})

    ran = imagecache("former", person)

    assert (ran.code, ran.err) == (0, "")
    assert "name Ada Lovelace participantId @ada:beeper.local" in ran.words
    assert f"2026-09-01 08:00 2026-11-02 08:00 cached shown {ADA}" in ran.words
    assert f"2026-09-01 08:00 in another chat cached chosen {BOB}" in ran.words
    assert api.requests[0].query == {
        "filter": "all",
        "limit": "100",
        "participants": "20",
        "participantFields": "all",
    }
    assert api.requests[-1].query == PLACE


def test_a_person_without_former_pictures_has_none(api: FakeApi, imagecache: Command) -> None:
    has_members(api, [MEMBER])
    empty = {**FORMER_PICTURES, "pictures": []}
    api.answer(LIST, empty)

    assert imagecache("former", "Ada Lovelace").words.endswith("none")
    assert imagecache("former", "Ada Lovelace", "--json").document == empty


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([OWNER], "'Ada Lovelace' is not among the first 20 members of any chat: give the full name or"),
        (
            [MEMBER, NAMESAKE],
            "several members are called 'Ada Lovelace': give the participantId of one: "
            "@ada:beeper.local, @other:beeper.local",
        ),
    ],
    ids=["nobody", "two people"],
)
def test_a_name_must_be_that_of_one_member(
    api: FakeApi, imagecache: Command, members: list[Json], said: str
) -> None:
    has_members(api, members)

    ran = imagecache("former", "Ada Lovelace")

    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


def test_a_member_of_a_given_chat_is_not_searched(api: FakeApi, imagecache: Command) -> None:
    api.answer(LIST, FORMER_PICTURES)

    ran = imagecache("former", "@ada:beeper.local", "--chat", "!ada:beeper.local", "--json")

    assert (ran.document, api.routes()) == (FORMER_PICTURES, [LIST])
    assert api.requests[0].query == PLACE


@pytest.mark.parametrize(
    ("outcome", "note"),
    [("ok", ""), ("offline", ""), ("busy", "after the next sync the chats show the picture\n")],
)
def test_choosing_waits_for_the_sync_that_shows_the_picture(
    api: FakeApi, imagecache: Command, outcome: str, note: str
) -> None:
    has_members(api, [MEMBER])
    api.answer(CHOOSE, {"jobId": "job-1"})
    api.answer("GET /api/jobs/job-1", synced(outcome))
    api.answer(LIST, FORMER_PICTURES)

    ran = imagecache("former", "Ada Lovelace", "--choose", ADA)

    assert ran.code == 0
    assert ran.err.endswith(note)
    assert bool(ran.err) == bool(note)
    assert api.bodies(CHOOSE) == [{**PLACE, "sourceUrl": ADA}]
    assert api.routes()[-2:] == ["GET /api/jobs/job-1", LIST]


def test_choosing_needs_the_admin_token(api: FakeApi, read_only: Command) -> None:
    has_members(api, [MEMBER])

    ran = read_only("former", "Ada Lovelace", "--choose", ADA)

    assert (ran.code, ran.out) == (2, "")
    assert "This needs the admin token" in ran.err
