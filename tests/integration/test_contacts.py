"""Contacts: their pictures are shown for members without one, and every change of them reaches every chat."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests

from demo.chats import Network, Person
from demo.media import Media, Picture
from demo.service import DemoAccount
from imagecache.queues.images import from_body
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.contacts_world import (
    ADA,
    INSTAGRAM,
    NUMBER,
    OTHER_PICTURE,
    PICTURE,
    SIGNAL,
    WHATSAPP,
    World,
    alone,
)
from tests.integration.demo_chats import chat_with

OWN_STATE = ["UpdateItem"] * 3  # the lock, the success before contacts are read, the lock


@pytest.fixture
def world(stack: Stack, demo: DemoAccount, session: requests.Session) -> World:
    return World(stack, demo, session, Api(stack))


@dataclass(frozen=True)
class Found:
    """A member of a chat, and the identifiers by which a contact is found for them."""

    network: Network
    by: dict[str, Any]
    person: Person = field(default=ADA)


RULES = {
    "instagram user name": Found(INSTAGRAM, {"identifiers": {"instagram": ["@ADA.lovelace"]}}),
    "whatsapp number": Found(WHATSAPP, {"identifiers": {"whatsapp": NUMBER}}),
    "whatsapp's earlier form of a number": Found(
        WHATSAPP,
        {"identifiers": {"phone": ["+55 11 98765-4321"]}},
        replace(ADA, phone_number="551187654321"),
    ),
    "any number": Found(SIGNAL, {"identifiers": {"phone": NUMBER}}),
    "e-mail address": Found(
        SIGNAL,
        {"identifiers": {"email": ["Ada@Example.com"]}},
        Person("imsg##participant:ada@example.com", "Ada"),
    ),
    "by hand": Found(SIGNAL, {"participantIds": [ADA.id]}),
}
NOBODY = {
    "user name of another network": Found(SIGNAL, {"identifiers": {"instagram": ["ada.lovelace"]}}),
    "whatsapp number elsewhere": Found(SIGNAL, {"identifiers": {"whatsapp": NUMBER}}),
    "another name": Found(INSTAGRAM, {"identifiers": {"instagram": ["ada"]}}),
    "a network's bot": Found(SIGNAL, {"identifiers": {"phone": NUMBER}}, replace(ADA, is_network_bot=True)),
}


@pytest.mark.parametrize("found", RULES.values(), ids=RULES)
def test_a_person_without_a_picture_shows_that_of_their_contact(world: World, found: Found) -> None:
    world.has(alone(found.network, found.person))
    world.put("ada", **found.by)
    world.sync()
    assert world.shown() == ("contact", "pending")
    world.cached()
    assert world.shown() == ("contact", "cached")


@pytest.mark.parametrize("found", NOBODY.values(), ids=NOBODY)
def test_a_member_is_not_linked_to_a_contact_without_an_identifier_in_common(
    world: World, found: Found
) -> None:
    world.has(alone(found.network, found.person))
    world.put("ada", **found.by)
    world.sync()
    assert world.shown() == (None, "none")


def test_an_old_servers_account_names_the_network(world: World) -> None:
    world.demo.chat_api.is_old = True
    world.has(alone(INSTAGRAM, ADA))
    world.put("ada", identifiers={"instagram": ["ada.lovelace"]})
    world.sync()
    assert world.linked("ada") == [0]


def test_a_link_by_hand_wins_over_instagram_over_whatsapp_over_any_number(world: World) -> None:
    world.has(alone(INSTAGRAM, ADA, 0), alone(WHATSAPP, ADA, 1), alone(SIGNAL, ADA, 2))
    world.put("number", identifiers={"phone": NUMBER})
    world.put("whatsapp", identifiers={"whatsapp": NUMBER})
    world.put("instagram", identifiers={"instagram": ["ada.lovelace"]})
    world.sync()
    by_rule = ("instagram", "whatsapp", "number")
    assert [world.linked(name) for name in by_rule] == [[0], [1], [2]]
    world.put("hand", participantIds=[ADA.id])
    world.sync()
    assert [world.linked(name) for name in (*by_rule, "hand")] == [[], [], [], [0, 1, 2]]


def test_a_link_by_hand_stays_whatever_identifiers_other_contacts_get_later(world: World) -> None:
    world.has(alone(INSTAGRAM, ADA))
    world.put("hand", participantIds=[ADA.id])
    world.sync()
    world.put("later", identifiers={"instagram": ["ada.lovelace"], "phone": NUMBER}, participantIds=[ADA.id])
    world.demo.account.receive_message("!0:beeper.local", "hello")
    world.sync(complete=True)
    assert world.linked("hand") == [0]


def test_the_older_claimant_holds_an_identifier_and_the_next_one_gets_it_afterwards(world: World) -> None:
    world.has(alone(SIGNAL, ADA))
    world.put("zoe", OTHER_PICTURE, fullName="Zoe", identifiers={"phone": NUMBER})
    clashing = world.put("ada", identifiers={"phone": ["+44 20 7946 0958"], "email": ["ada@example.com"]})
    clash = {"kind": "phone", "value": "+442079460958", "heldBy": "zoe", "heldByName": "Zoe"}
    assert clashing["clashes"] == [clash]
    world.sync()
    assert (world.linked("zoe"), world.linked("ada")) == ([0], [])
    listed = {one["contactId"]: one["clashes"] for one in world.api.ask("GET /api/contacts")[1]["contacts"]}
    assert listed == {"zoe": [], "ada": [clash]}

    world.put("zoe", OTHER_PICTURE, identifiers={})
    assert world.contact("ada")["contact"]["clashes"] == []
    world.sync()
    assert (world.linked("zoe"), world.linked("ada")) == ([], [0])
    world.put("zoe", OTHER_PICTURE, identifiers={"phone": NUMBER})
    world.remove("ada")
    world.sync()
    assert world.linked("zoe") == [0]


def test_a_change_reaches_chats_that_are_stored_though_beeper_is_away(world: World) -> None:
    world.has(alone(SIGNAL, ADA, 0), alone(WHATSAPP, ADA, 1), chat_with(2, ADA, Person("@joe:beeper.local")))
    world.sync()
    world.demo.faults.set("offline", "chats")
    world.put("ada", identifiers={"phone": NUMBER})
    report = world.sync()
    assert (report.outcome, report.relinked, report.queued) == ("offline", 3, 1)
    assert [world.shown(number) for number in (0, 1)] == [("contact", "pending")] * 2
    assert world.linked("ada") == [0, 1, 2]
    assert {from_body(one["body"]).source_url for one in world.stack.messages()} == {PICTURE}

    world.put("ada", OTHER_PICTURE, identifiers={"phone": NUMBER})
    world.sync()
    assert {from_body(one["body"]).source_url for one in world.stack.messages()} == {OTHER_PICTURE}
    world.cached(OTHER_PICTURE)
    assert [world.shown(number) for number in (0, 1)] == [("contact", "cached")] * 2


def test_a_contact_that_is_removed_or_loses_its_picture_is_shown_nowhere(world: World) -> None:
    world.has(alone(SIGNAL, ADA, 0), alone(WHATSAPP, ADA, 1))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    world.cached()
    world.put("ada", None, identifiers={"phone": NUMBER})
    world.sync()
    assert [world.shown(number) for number in (0, 1)] == [(None, "none")] * 2
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    assert world.shown() == ("contact", "cached"), "its image was kept meanwhile"
    assert world.stack.contacts_table.referring(PICTURE, limit=9) == ["ada"]
    world.remove("ada")
    world.sync()
    assert [world.shown(number) for number in (0, 1)] == [(None, "none")] * 2
    assert world.stack.contacts_table.referring(PICTURE, limit=9) == []


def test_a_members_own_picture_comes_first_unless_it_cannot_be_shown(world: World) -> None:
    own = Picture.remote(Media("local.beeper.com", "alex_ada"))
    world.has(alone(SIGNAL, replace(ADA, picture=own)))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    assert world.shown() == ("participant", "pending")
    world.cached()
    assert world.shown() == ("contact", "cached")
    world.cached("mxc://local.beeper.com/alex_ada", "own")
    assert world.shown() == ("participant", "cached")


def test_members_of_a_group_show_their_contacts_too(world: World) -> None:
    joe = Person("@joe:beeper.local", "Joe")
    world.has(chat_with(0, ADA, joe))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    world.cached()
    [group] = world.api.get("/api/chats", participantFields="all")["chats"]
    assert [one["source"] for one in group["facepile"]] == ["contact"]
    roster = world.api.get("/api/chat", chatId=group["chatId"])["participants"]
    for members in (group["participants"], roster):
        pictures = {one["participantId"]: one["image"].get("source") for one in members}
        assert pictures == {"@me:beeper.local": None, ADA.id: "contact", joe.id: None}


def test_a_member_far_down_the_roster_shows_their_contact_too(world: World) -> None:
    others = [Person(f"@{number}:beeper.local", f"Number {number}") for number in range(25)]
    world.has(chat_with(0, *others, ADA))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    roster = world.api.get("/api/chat", chatId="!0:beeper.local")["participants"]
    pictures = {one["participantId"]: one["image"]["status"] for one in roster}
    assert (len(pictures), pictures[ADA.id]) == (27, "pending")


def test_a_page_with_contacts_takes_one_query_and_one_look_up(world: World) -> None:
    world.has(*(alone(SIGNAL, ADA, number) for number in range(5)))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    world.stack.calls.clear()
    assert len(world.api.get("/api/chats")["chats"]) == 5
    assert world.stack.calls == ["Query", "BatchGetItem"]


def test_a_run_over_unchanged_chats_and_contacts_writes_only_its_own_state(world: World) -> None:
    world.has(*(alone(SIGNAL, ADA, number) for number in range(5)))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    world.stack.calls.clear()
    report = world.sync(complete=True)
    assert (report.changed, report.relinked, report.queued) == (0, 0, 0)
    assert world.stack.writes() == OWN_STATE
    assert world.stack.calls.count("BatchGetItem") == 1, "the chats"


def test_the_members_of_all_changed_chats_of_a_page_are_looked_up_at_once(world: World) -> None:
    world.has(*(alone(SIGNAL, ADA, number) for number in range(5)))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    for number in range(5):
        world.demo.account.set_avatar(f"!{number}:beeper.local", Picture("https://pictures.example/c.jpg"))
    world.stack.calls.clear()
    assert world.sync(complete=True).changed == 5
    for_contacts, for_images, for_former_pictures = 2, 2, 1
    calls = 1 + for_contacts + for_images + for_former_pictures
    assert world.stack.calls.count("BatchGetItem") == calls
    assert world.linked("ada") == [0, 1, 2, 3, 4]


def test_a_chat_whose_roster_becomes_unavailable_keeps_the_contacts_of_its_members(world: World) -> None:
    world.demo.chat_api.is_old = True  # lists no more than five members of a chat
    others = [Person(f"@{number}:beeper.local", f"Number {number}") for number in range(6)]
    world.has(chat_with(0, ADA, *others))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    assert world.linked("ada") == [0]
    world.demo.chat_api.withheld = {"!0:beeper.local"}
    assert world.sync(complete=True).skipped == ["!0:beeper.local"]
    assert world.linked("ada") == [0]


def test_an_account_without_contacts_looks_up_no_identifiers(world: World) -> None:
    world.has(alone(SIGNAL, ADA))
    world.stack.calls.clear()
    world.sync()
    assert world.stack.calls.count("BatchGetItem") == 1, "the chat: nobody in it has a picture"
