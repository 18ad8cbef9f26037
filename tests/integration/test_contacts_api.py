"""The routes of contacts: what they take, what they answer, and what they refuse."""

from typing import Any

import pytest
import requests

from demo.service import DemoAccount
from imagecache.model.access import Role
from imagecache.stores.contacts import ContactsTable
from tests.integration.api import Api
from tests.integration.conftest import Stack
from tests.integration.contacts_world import ADA, CONTACT, NUMBER, PICTURE, SIGNAL, World, alone


@pytest.fixture
def world(stack: Stack, demo: DemoAccount, session: requests.Session) -> World:
    return World(stack, demo, session, Api(stack))


def test_a_put_answers_the_identifiers_in_normal_form_and_starts_a_sync(world: World) -> None:
    sent = {
        "fullName": "Ada Lovelace",
        "imageUrl": PICTURE,
        "identifiers": {
            "instagram": ["@Ada.Lovelace", "ada.lovelace"],
            "whatsapp": ["442079460958"],
            "phone": NUMBER,
            "email": ["Ada@Example.com"],
        },
        "participantIds": ["@ada:beeper.local"],
    }
    status, answer = world.api.ask(f"PUT {CONTACT}", sent, path={"contactId": "ada"})
    assert (status, answer["jobId"]) == (200, "job0")
    assert world.api.sent.events == [("sync-function", {"jobId": "job0"})]
    contact = answer["contact"]
    image = contact.pop("image")
    assert image == {"status": "none", "initials": "AL"}
    assert contact == {
        "contactId": "ada",
        "fullName": "Ada Lovelace",
        "imageUrl": PICTURE,
        "identifiers": {
            "instagram": ["ada.lovelace"],
            "whatsapp": ["+442079460958"],
            "phone": ["+442079460958"],
            "email": ["ada@example.com"],
        },
        "participantIds": ["@ada:beeper.local"],
        "source": "manual",
        "updatedAt": "2027-01-15T08:00:00Z",
        "clashes": [],
    }


def test_the_key_of_an_encrypted_picture_is_not_stored(world: World) -> None:
    contact = world.put("ada", "mxc://beeper.com/abc?encryptedFileInfoJSON=%7B%22key%22%7D")
    assert contact["imageUrl"] == "mxc://beeper.com/abc"


def test_a_client_that_puts_many_contacts_need_not_start_a_sync_with_each(world: World) -> None:
    status, answer = world.api.ask(f"PUT {CONTACT}", {"withoutSync": True}, path={"contactId": "ada"})
    assert (status, answer["jobId"], world.api.sent.events) == (200, None, [])


def test_a_contact_lists_the_members_that_it_is_linked_to(world: World) -> None:
    world.has(alone(SIGNAL, ADA))
    world.put("ada", fullName="Ada", identifiers={"phone": NUMBER})
    assert world.contact("ada")["linked"] == []
    world.sync()
    known = world.contact("ada")
    assert known["linked"] == [{"chatId": "!0:beeper.local", "chatTitle": "Chat 0", "participantId": ADA.id}]
    assert (known["moreLinked"], known["contact"]["image"]["status"]) == (False, "pending")


def test_the_story_of_a_contacts_picture_names_the_contact(world: World) -> None:
    world.has(alone(SIGNAL, ADA))
    world.put("ada", identifiers={"phone": NUMBER})
    world.sync()
    story = world.api.ask("POST /api/images/explain", {"sourceUrl": PICTURE})[1]
    assert (
        story["summary"][-1]
        == 'Shown for the contact "ada" wherever that person has no picture of their own.'
    )
    assert "No chat shows it." not in story["summary"]


def test_a_removal_starts_a_sync_too(world: World) -> None:
    world.put("ada")
    world.remove("ada")
    assert [event["jobId"] for _, event in world.api.sent.events] == ["job0", "job1"]


def test_every_contact_is_listed_once_though_rows_of_identifiers_are_among_them(
    stack: Stack, demo: DemoAccount, session: requests.Session
) -> None:
    stack.wiring.contacts_table = ContactsTable(
        table_name="ContactsTable", dynamodb=stack.dynamodb, rows_per_page=3
    )
    world = World(stack, demo, session, Api(stack))
    for number in range(7):
        world.put(f"c{number}", None, identifiers={"email": [f"{number}@example.com", "all@example.com"]})
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = world.api.ask("GET /api/contacts", query=query)[1]
        seen += [one["contactId"] for one in page["contacts"]]
        assert [one["heldBy"] for contact in page["contacts"] for one in contact["clashes"]] == [
            "c0" for contact in page["contacts"] if contact["contactId"] != "c0"
        ]
        if page["nextCursor"] is None:
            break
        query = {"cursor": page["nextCursor"]}
    assert sorted(seen) == [f"c{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"identifiers": {"phone": ["12"]}}, "'12' is not a valid phone number: include the country code"),
        (
            {"identifiers": {"whatsapp": ["ask Ada"]}},
            "'ask Ada' is not a valid WhatsApp number: include the country code",
        ),
        ({"identifiers": {"email": ["ada"]}}, "'ada' is not a valid e-mail address: write it in full"),
        (
            {"identifiers": {"instagram": ["Ada Lovelace"]}},
            "'Ada Lovelace' is not a valid Instagram user name: it has no spaces",
        ),
        ({"identifiers": {"telegram": ["ada"]}}, "Its fields may be instagram, whatsapp"),
        ({"identifiers": ["ada"]}, "identifiers must be an object whose fields are lists of texts"),
        ({"identifiers": {"phone": "12"}}, "phone must be a list"),
        (
            {"imageUrl": "http://pictures.example/ada.jpg"},
            "imageUrl is a URL that is never fetched: only https, data",
        ),
        ({"participantIds": [""]}, "participantIds must be a text"),
        ({"name": "Ada"}, "the body may have fullName, imageUrl"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_reason_and_nothing_is_written(
    world: World, body: dict[str, Any], said: str
) -> None:
    status, answer = world.api.ask(f"PUT {CONTACT}", body, path={"contactId": "ada"})
    assert (status, answer["code"]) == (400, "bad_request")
    assert said in answer["message"]
    assert world.stack.writes() == []


@pytest.mark.parametrize("contact_id", ["id#phone#+442079460958", "a/b", "a b", "", "x" * 129])
def test_an_id_that_is_no_part_of_a_path_or_the_key_of_an_identifier_is_refused(
    world: World, contact_id: str
) -> None:
    status, answer = world.api.ask(f"GET {CONTACT}", path={"contactId": contact_id})
    assert (status, answer["message"][:9]) == (400, "contactId")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_contact_that_is_not_there_is_not_found(world: World, method: str) -> None:
    status, answer = world.api.ask(f"{method} {CONTACT}", path={"contactId": "nobody"})
    assert (status, answer["code"]) == (404, "not_found")
    assert world.api.sent.events == []


@pytest.mark.parametrize(
    "route", ["GET /api/contacts", f"GET {CONTACT}", f"PUT {CONTACT}", f"DELETE {CONTACT}"]
)
def test_contacts_take_the_admin_token(world: World, route: str) -> None:
    status, _ = world.api.ask(route, path={"contactId": "ada"}, role=Role.READ)
    assert status == 403


def test_a_contact_that_was_changed_at_the_same_time_is_not_overwritten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("ada", fullName="Ada")
    before = world.stack.contacts_table.one("ada")
    world.put("ada", fullName="Ada Lovelace")
    monkeypatch.setattr(world.stack.contacts_table, "one", lambda _: before)
    status, answer = world.api.ask(f"PUT {CONTACT}", {"fullName": "A"}, path={"contactId": "ada"})
    assert (status, answer["code"]) == (409, "conflict")
    assert world.api.ask(f"DELETE {CONTACT}", path={"contactId": "ada"})[0] == 409
    [ada] = world.stack.contacts_table.all_contacts()
    assert ada.full_name == "Ada Lovelace"


def rows(stack: Stack) -> set[str]:
    return {item["contactId"]["S"] for item in stack.dynamodb.scan(TableName="ContactsTable")["Items"]}


def test_the_rows_of_identifiers_that_no_contact_has_any_more_are_deleted(world: World) -> None:
    world.put("ada", identifiers={"phone": NUMBER, "email": ["ada@example.com"]})
    world.put("bob", identifiers={"phone": NUMBER})
    world.put("ada", identifiers={"phone": NUMBER})
    assert rows(world.stack) == {"ada", "bob", "id#phone#+442079460958"}
    world.remove("ada")
    world.remove("bob")
    assert rows(world.stack) == set()


def test_a_claimant_that_a_crash_has_left_behind_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("ada", identifiers={"phone": NUMBER})
    with monkeypatch.context() as patch:
        patch.delattr("imagecache.stores.contacts.ContactsTable._remove_claimant")
        assert world.api.ask(f"DELETE {CONTACT}", path={"contactId": "ada"})[0] == 500
    assert world.put("bob", identifiers={"phone": NUMBER})["clashes"] == []
    world.has(alone(SIGNAL, ADA))
    world.sync()
    assert world.linked("bob") == [0]
