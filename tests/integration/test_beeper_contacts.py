"""Beeper's own contacts: pictures and names for people who have none, and never instead of other contacts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from demo.chats import Json, Network, Person
from demo.listener import Reply, json_reply
from imagecache.clock import HOUR
from imagecache.model.contact import Contact, Identifier, IdentifierKind, KeptBy
from imagecache.rules.source_urls import image_key, image_ref
from tests.integration.api import Api
from tests.integration.beeper_accounts import ACCOUNT, Synced, contact, served
from tests.integration.conftest import Stack
from tests.integration.contacts_world import CONTACT, SIGNAL, WHATSAPP, alone
from tests.integration.demo_chats import fill, person
from tests.integration.made import cache
from tests.integration.sync_results import queued_keys

OWN_STATE = ["UpdateItem"] * 3  # the lock, the success before contacts are read, the lock
PICTURE = "mxc://local.beeper.com/alex_contact"
OTHER_PICTURE = "https://pictures.example/ada.jpg"
NUMBER = "+442079460958"
ADA = Person("@ada:beeper.local", "Ada", phone_number=NUMBER)
NAMELESS = Person("@ada:beeper.local", "+44 20 7946 0958")
BROKEN = json_reply(500, {"message": "broken"})


class KilledError(Exception):
    """Raised where the process of the function is killed."""


@pytest.fixture
def synced(stack: Stack, session: requests.Session) -> Iterator[Synced]:
    """A Beeper with one chat, of Ada on WhatsApp."""
    with served(stack, session, alone(WHATSAPP, ADA)) as synced:
        yield synced


def of_whatsapp(synced: Synced, *contacts: Json) -> None:
    """Gives the account on WhatsApp these contacts and no others."""
    synced.beeper.contacts = {WHATSAPP.account_id: list(contacts)}


def people(count: int, start: int = 0) -> list[Json]:
    return [contact(f"@{number}:beeper.local", f"Person {number}") for number in range(start, start + count)]


def shown(synced: Synced) -> dict[str, Any]:
    """Returns the chat with Ada as the API shows it."""
    [chat] = Api(synced.stack).get("/api/chats")["chats"]
    return dict(chat)


def shown_picture(synced: Synced) -> tuple[str | None, str]:
    image = shown(synced)["image"]
    return image.get("source"), image["status"]


def names(synced: Synced) -> set[str | None]:
    return {each.full_name for each in synced.stack.contacts_table.all_contacts()}


def test_a_person_without_a_picture_shows_that_of_beepers_contact(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE))
    report = synced.sync()
    assert (report.outcome, report.contacts.saved, report.relinked) == ("ok", 1, 1)
    assert shown_picture(synced) == ("contact", "pending")
    assert queued_keys(synced.stack) == [image_key(PICTURE)]
    cache(synced.stack, image_key(PICTURE), "b10b")
    assert shown_picture(synced) == ("contact", "cached")


@pytest.mark.parametrize("title", ["+44 20 7946 0958", None])
def test_a_person_without_a_name_shows_that_of_beepers_contact(synced: Synced, title: str | None) -> None:
    chat = alone(WHATSAPP, NAMELESS)
    fill(synced.beeper.demo, [replace(chat, quirks={"title": title})])
    of_whatsapp(synced, contact(NAMELESS.id, "Ada Lovelace"))
    synced.sync()
    answer = shown(synced)
    assert answer["title"] == "Ada Lovelace"
    assert [each["fullName"] for each in answer["participants"]] == ["Me", "Ada Lovelace"]
    [_, member] = Api(synced.stack).get("/api/chat", chatId="!0:beeper.local")["participants"]
    assert member["fullName"] in {"Me", "Ada Lovelace"}
    of_whatsapp(synced, *people(1))
    synced.sync()
    assert shown(synced)["participants"][1]["fullName"] == NAMELESS.full_name


def test_a_name_of_a_persons_own_is_kept(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada from the climbing club", PICTURE))
    synced.sync()
    assert shown(synced)["participants"][1]["fullName"] == "Ada"
    assert shown(synced)["title"] == "Chat 0"


def by_hand(synced: Synced) -> str:
    """Puts a contact with Ada's number, and returns its id."""
    body = {"fullName": "By hand", "imageUrl": OTHER_PICTURE, "identifiers": {"phone": [NUMBER]}}
    assert Api(synced.stack).ask(f"PUT {CONTACT}", body, path={"contactId": "hand"})[0] == 200
    return "hand"


def from_dex(synced: Synced) -> str:
    """Stores a contact with Ada's number as the import from Dex does, and returns its id."""
    wiring = synced.stack.wiring
    number = Identifier(IdentifierKind.PHONE, NUMBER)
    image = image_ref(OTHER_PICTURE)
    with wiring.contact_changes.counted():
        wiring.contacts_table.put(Contact("dex:1", "Dex", OTHER_PICTURE, image, (number,), KeptBy.DEX))
    return "dex:1"


@pytest.mark.parametrize("other", [by_hand, from_dex])
@pytest.mark.parametrize("is_first", [True, False], ids=["before Beeper's", "after Beeper's"])
@pytest.mark.parametrize("fields", [{}, {"phoneNumber": NUMBER}], ids=["by member id", "by number, too"])
def test_a_contact_put_by_hand_or_from_dex_wins_whichever_came_first(
    synced: Synced, other: Any, is_first: bool, fields: Json
) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE, **fields))
    if not is_first:
        synced.sync()
        assert shown_picture(synced) == ("contact", "pending")
    contact_id = other(synced)
    synced.sync()
    synced.sync(complete=False)
    assert [each.contact_id for each in roster(synced.stack) if each.contact_id] == [contact_id]
    [_, ada] = shown(synced)["participants"]
    assert ada["image"]["source"] == "contact"
    clashes = Api(synced.stack).ask(f"GET {CONTACT}", path={"contactId": contact_id})[1]["contact"]["clashes"]
    assert clashes == []
    wiring = synced.stack.wiring
    with wiring.contact_changes.counted():
        wiring.contacts_table.delete(stored(synced, contact_id))
    synced.sync(complete=False)
    assert [each.contact_image_key for each in roster(synced.stack) if each.contact_id] == [
        image_key(PICTURE)
    ]


def roster(stack: Stack) -> list[Any]:
    return list(stack.participants_table.roster("!0:beeper.local").values())


def stored(synced: Synced, contact_id: str) -> Contact:
    found = synced.stack.contacts_table.one(contact_id)
    assert found is not None
    return found


def test_a_contact_is_found_by_number_and_address_on_another_account(synced: Synced) -> None:
    on_signal = Person("@other:beeper.local", "Ada", phone_number="+44 20 7946 0958")
    by_mail = Person("imsg##participant:ada@example.com", "Ada")
    fill(synced.beeper.demo, [alone(SIGNAL, on_signal, 0), alone(SIGNAL, by_mail, 1)])
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE, phoneNumber=NUMBER, email="Ada@Example.com"))
    synced.sync()
    images = [chat["image"].get("source") for chat in Api(synced.stack).get("/api/chats")["chats"]]
    assert images == ["contact", "contact"]


def test_of_two_contacts_from_beeper_the_one_with_a_picture_is_shown(synced: Synced) -> None:
    of_whatsapp(
        synced,
        contact(ADA.id, "Ada", phoneNumber=NUMBER),
        contact("@other:beeper.local", "Ada", PICTURE, phoneNumber=NUMBER),
    )
    synced.sync()
    assert shown_picture(synced) == ("contact", "pending")


FAMILY = (
    contact("@child:s", "Child", phoneNumber=NUMBER),
    contact("@mother:s", "Mother", PICTURE, phoneNumber=NUMBER),
)


@pytest.mark.parametrize(
    ("network", "child", "title"),
    [
        (WHATSAPP, Person("@child:s", NUMBER, phone_number=NUMBER), "Child"),
        (SIGNAL, Person("@other:s", NUMBER, phone_number=NUMBER), NUMBER),
    ],
    ids=["same account", "other network"],
)
def test_a_number_that_two_of_an_accounts_contacts_share_gives_nobody_the_name_or_picture_of_another(
    synced: Synced, network: Network, child: Person, title: str
) -> None:
    fill(synced.beeper.demo, [replace(alone(network, child), quirks={"title": None})])
    of_whatsapp(synced, *FAMILY)
    synced.sync()
    assert shown(synced)["title"] == title
    assert shown_picture(synced) == (None, "none")


def test_the_contact_with_a_members_own_id_wins_against_one_of_another_account_and_name(
    synced: Synced,
) -> None:
    child, mother = FAMILY
    synced.beeper.accounts = [ACCOUNT, {**ACCOUNT, "accountID": SIGNAL.account_id, "network": SIGNAL.name}]
    synced.beeper.contacts = {WHATSAPP.account_id: [child], SIGNAL.account_id: [mother]}
    unnamed = Person("@child:s", NUMBER, phone_number=NUMBER)
    fill(synced.beeper.demo, [replace(alone(WHATSAPP, unnamed), quirks={"title": None})])
    synced.sync()
    assert shown(synced)["title"] == "Child"
    assert shown_picture(synced) == (None, "none")


def test_a_person_with_a_picture_and_a_name_is_not_linked_and_nothing_is_downloaded(synced: Synced) -> None:
    alex = person(1)
    fill(synced.beeper.demo, [alone(WHATSAPP, alex)])
    of_whatsapp(synced, contact(alex.id, "Alex", PICTURE))
    synced.sync()
    assert [each.contact_id for each in roster(synced.stack)] == [None, None]
    assert queued_keys(synced.stack) == ["local.beeper.com/alex_1"]
    synced.beeper.demo.account.set_avatar(alex.id, None)
    synced.sync()
    assert shown_picture(synced) == ("contact", "pending"), "a picture that vanishes is replaced at once"


def test_the_picture_of_a_person_without_a_chat_is_not_downloaded_before_they_have_one(
    synced: Synced,
) -> None:
    of_whatsapp(synced, contact("@zoe:beeper.local", "Zoe", PICTURE))
    synced.sync()
    assert queued_keys(synced.stack) == []
    synced.beeper.demo.account.add_chat(alone(WHATSAPP, Person("@zoe:beeper.local", "Zoe"), 0))
    synced.sync(complete=False)
    assert queued_keys(synced.stack) == [image_key(PICTURE)]


def test_only_contacts_with_something_to_offer_are_stored(synced: Synced) -> None:
    of_whatsapp(
        synced,
        contact("@picture:x", None, PICTURE),
        contact("@name:x", "Name"),
        contact("@nothing:x"),
        contact("@raw:x", "+44 20 7946 0958", phoneNumber=NUMBER),
        contact("@rejected:x", None, "gopher://pictures.example/ada.jpg"),
        contact("@me:x", "Me", PICTURE, isSelf=True),
        contact("@bot:x", "Bot", PICTURE, isNetworkBot=True),
    )
    assert synced.sync().contacts.saved == 2
    assert names(synced) == {None, "Name"}


def test_contacts_that_do_not_change_are_read_and_nothing_is_written(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE, phoneNumber=NUMBER), *people(3))
    synced.sync()
    synced.beeper.asked.clear()
    synced.stack.calls.clear()
    assert not synced.sync().contacts.changed
    assert synced.beeper.asked == [(WHATSAPP.account_id, None)]
    assert synced.stack.writes() == OWN_STATE
    assert synced.stack.calls.count("Scan") == 3, "missing chats, former pictures, and contacts"


def test_only_a_complete_run_reads_contacts(synced: Synced) -> None:
    of_whatsapp(synced, *people(1))
    synced.sync()
    synced.beeper.asked.clear()
    synced.sync(complete=False)
    assert synced.beeper.asked == []


def test_all_pages_of_every_account_are_read(synced: Synced) -> None:
    synced.beeper.accounts = [ACCOUNT, {**ACCOUNT, "accountID": "odd/?account"}]
    synced.beeper.contacts = {"whatsapp": [*people(5)], "odd/?account": [*people(2, start=10)]}
    synced.beeper.per_page = 2
    assert synced.sync().contacts.saved == 7
    assert synced.beeper.asked == [
        ("odd/?account", None),
        ("whatsapp", None),
        ("whatsapp", "2"),
        ("whatsapp", "4"),
    ]


def test_the_same_person_on_two_accounts_is_two_contacts(synced: Synced) -> None:
    synced.beeper.accounts = [ACCOUNT, {**ACCOUNT, "accountID": "second"}]
    synced.beeper.contacts = {"whatsapp": [*people(1)], "second": [*people(2)]}
    assert synced.sync().contacts.saved == 3
    synced.beeper.contacts = {"whatsapp": [*people(1)], "second": [*people(1, start=1)]}
    assert synced.sync().contacts.removed == 1


def test_an_old_server_without_the_list_is_asked_once_a_day(synced: Synced) -> None:
    assert synced.sync().outcome == "ok"
    assert synced.beeper.asked == [("whatsapp", None)]
    synced.sync(complete=False)
    assert len(synced.beeper.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        BROKEN,
        json_reply(200, []),
        json_reply(200, {"items": "none"}),
        json_reply(200, {"items": people(2), "hasMore": True}),
        json_reply(200, {"items": people(2), "hasMore": True, "oldestCursor": "same"}),
        json_reply(200, {"items": [], "hasMore": True, "oldestCursor": "same"}),
        Reply(200, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}),
        json_reply(429, {"message": "slow down"}),
    ],
    ids=["500", "array", "no list", "no cursor", "same page", "empty page", "page", "429"],
)
def test_a_list_that_cannot_be_read_or_does_not_end_changes_nothing(synced: Synced, answer: Reply) -> None:
    of_whatsapp(synced, *people(3))
    synced.sync()
    synced.beeper.contacts = {"whatsapp": answer}
    synced.beeper.asked.clear()
    report = synced.sync()
    assert (report.outcome, report.contacts.changed, len(names(synced))) == ("ok", False, 3)
    assert len(synced.beeper.asked) <= 2


def test_a_list_that_cannot_be_read_is_tried_in_two_more_runs(synced: Synced) -> None:
    synced.beeper.contacts = {"whatsapp": BROKEN}
    synced.sync()
    for _ in range(4):
        synced.stack.now += HOUR
        synced.sync(complete=False)
    assert len(synced.beeper.asked) == 3


def test_a_list_that_can_be_read_again_is_read_by_the_next_run(synced: Synced) -> None:
    synced.beeper.contacts = {"whatsapp": BROKEN}
    synced.sync()
    of_whatsapp(synced, *people(3))
    assert synced.sync(complete=False).contacts.saved == 3
    synced.beeper.asked.clear()
    synced.sync(complete=False)
    assert synced.beeper.asked == []


def test_one_accounts_broken_list_does_not_keep_the_others_from_being_read(synced: Synced) -> None:
    synced.beeper.accounts = [{**ACCOUNT, "accountID": "broken"}, ACCOUNT]
    synced.beeper.contacts = {"broken": BROKEN, "whatsapp": [*people(3)]}
    assert synced.sync().contacts.saved == 3


def test_a_contact_that_beeper_no_longer_has_is_removed(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE), *people(2))
    synced.sync()
    of_whatsapp(synced, *people(2))
    assert synced.sync().contacts.removed == 1
    assert shown_picture(synced) == (None, "none")


@pytest.mark.parametrize(
    ("left", "unreadable", "force", "removed"),
    [(2, 0, False, 10), (1, 0, False, 0), (1, 0, True, 11), (9, 1, True, 0)],
    ids=["ten", "eleven", "eleven with force", "an entry without an id"],
)
def test_nothing_is_removed_if_it_would_be_very_much_or_an_entry_has_no_id(
    synced: Synced, left: int, unreadable: int, force: bool, removed: int
) -> None:
    of_whatsapp(synced, *people(12))
    synced.sync()
    nobody: Json = {"fullName": "Nobody"}
    of_whatsapp(synced, *people(left), *([nobody] * unreadable))
    report = synced.sync(force=force)
    assert report.contacts.removed == removed
    assert report.contacts.refused == (0 if removed else 12 - left)


def moved(count: int) -> list[Json]:
    """Returns people with the ids that WhatsApp has moved them to, and with new names."""
    return [contact(f"@whatsapp_lid-{number}:beeper.local", f"New {number}") for number in range(count)]


def phone(number: int) -> str:
    return f"+4420794609{number:02}"


def test_contacts_that_a_network_has_moved_to_other_ids_are_replaced_and_do_not_count_for_the_brake(
    synced: Synced,
) -> None:
    """Some are recognised by the phone number in their old id, the others by the one that Beeper sends."""
    old = [f"@whatsapp_{phone(number)[1:]}:beeper.local" for number in range(6)]
    of_whatsapp(
        synced,
        *(contact(each, f"Old {number}") for number, each in enumerate(old)),
        *(contact(f"@old-{number}:x", f"Old {number}", phoneNumber=phone(number)) for number in range(6, 12)),
    )
    synced.sync()
    of_whatsapp(
        synced, *({**person, "phoneNumber": phone(number)} for number, person in enumerate(moved(12)))
    )
    report = synced.sync()
    assert (report.contacts.saved, report.contacts.removed, report.contacts.refused) == (12, 12, 0)
    assert names(synced) == {f"New {number}" for number in range(12)}


def test_a_contact_that_a_network_has_moved_keeps_its_picture_until_the_new_one_has_a_picture(
    synced: Synced,
) -> None:
    new_id = "@whatsapp_lid-1:beeper.local"
    moved_ada = contact(new_id, "Ada", phoneNumber=NUMBER)
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE, phoneNumber=NUMBER))
    synced.sync()
    fill(synced.beeper.demo, [alone(WHATSAPP, replace(ADA, id=new_id, phone_number=None))])
    of_whatsapp(synced, moved_ada)
    for changes in (1, 0):
        report = synced.sync()
        assert (report.contacts.saved, report.contacts.removed) == (changes, 0)
        assert shown_picture(synced) == ("contact", "pending")
    of_whatsapp(synced, {**moved_ada, "imgURL": OTHER_PICTURE})
    report = synced.sync()
    assert (report.contacts.saved, report.contacts.removed) == (1, 1)
    assert image_key(OTHER_PICTURE) in queued_keys(synced.stack)
    of_whatsapp(synced, *people(1))
    assert synced.sync().contacts.removed == 1


@pytest.mark.parametrize(
    ("name", "number"), [("Ada Lovelace", NUMBER), ("Ada", None)], ids=["name", "number"]
)
def test_a_contact_that_was_moved_keeps_its_picture_when_its_name_or_number_changes_later(
    synced: Synced, name: str, number: list[str] | None
) -> None:
    new_id = "@whatsapp_lid-1:beeper.local"
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE, phoneNumber=NUMBER))
    synced.sync()
    fill(synced.beeper.demo, [alone(WHATSAPP, replace(ADA, id=new_id, phone_number=None))])
    of_whatsapp(synced, contact(new_id, "Ada", phoneNumber=NUMBER))
    synced.sync()
    mother = contact("@mother:s", "Mother", phoneNumber=NUMBER)
    of_whatsapp(synced, contact(new_id, name, phoneNumber=number), mother)
    for changes in (2, 0):
        report = synced.sync()
        assert (report.contacts.saved, report.contacts.removed) == (changes, 0)
        assert (shown_picture(synced), names(synced)) == (("contact", "pending"), {name, "Mother"})


def test_a_contact_does_not_get_the_picture_of_another_one_that_had_the_same_number(synced: Synced) -> None:
    child, mother = FAMILY
    fill(synced.beeper.demo, [alone(WHATSAPP, Person("@child:s", "Child", phone_number=NUMBER))])
    of_whatsapp(synced, child, mother)
    synced.sync()
    of_whatsapp(synced, child)
    for _ in range(2):
        synced.sync()
        assert shown_picture(synced) == (None, "none")


def test_contacts_that_a_network_has_moved_are_recognised_by_their_user_names(synced: Synced) -> None:
    of_whatsapp(
        synced,
        *({**person, "username": f"Person.{number}"} for number, person in enumerate(people(12))),
    )
    synced.sync()
    of_whatsapp(
        synced, *({**person, "username": f"@person.{number}"} for number, person in enumerate(moved(12)))
    )
    report = synced.sync()
    assert (report.contacts.removed, report.contacts.refused) == (12, 0)
    assert names(synced) == {f"New {number}" for number in range(12)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({}, {}, id="nothing in common"),
        pytest.param({"phoneNumber": phone(1)}, {"phoneNumber": phone(2)}, id="another number"),
        pytest.param(
            {"username": "ada", "phoneNumber": phone(1)},
            {"username": "ada", "phoneNumber": phone(2)},
            id="a user name that now belongs to another number",
        ),
    ],
)
def test_contacts_of_other_people_do_not_replace_those_that_are_gone(
    synced: Synced, old: Json, new: Json
) -> None:
    of_whatsapp(synced, *({**person, **old} for person in people(12)))
    synced.sync()
    [other] = moved(1)
    of_whatsapp(synced, {**other, **new})
    report = synced.sync()
    assert (report.contacts.removed, report.contacts.refused) == (0, 12)


def test_a_contact_that_was_moved_is_replaced_also_if_too_many_others_are_gone(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada", phoneNumber=NUMBER), *people(11))
    synced.sync()
    [ada] = moved(1)
    of_whatsapp(synced, {**ada, "phoneNumber": NUMBER})
    report = synced.sync()
    assert (report.contacts.removed, report.contacts.refused) == (1, 11)
    assert names(synced) == {"New 0", *(f"Person {number}" for number in range(11))}


def test_contacts_of_an_account_that_is_logged_out_or_no_longer_listed_are_kept(synced: Synced) -> None:
    of_whatsapp(synced, *people(2))
    synced.sync()
    of_whatsapp(synced)
    synced.beeper.accounts = [{**ACCOUNT, "status": "reconnect_required"}]
    synced.sync()
    synced.beeper.accounts = []
    synced.sync()
    assert len(names(synced)) == 2


@pytest.mark.parametrize(
    ("status", "left", "force", "removed"),
    [
        ("connecting", 1, False, 0),
        ("backfilling", 1, False, 0),
        ("disabled", 1, False, 0),
        ("connected", 0, False, 0),
        (None, 0, False, 0),
        ("connected", 1, False, 2),
        (None, 1, False, 2),
        ("disabled", 0, True, 3),
    ],
)
def test_few_contacts_are_removed_only_if_the_account_is_connected_and_lists_others_or_with_force(
    synced: Synced, status: str | None, left: int, force: bool, removed: int
) -> None:
    of_whatsapp(synced, *people(3))
    synced.sync()
    of_whatsapp(synced, *people(left))
    synced.beeper.accounts = [{**ACCOUNT, "status": status}]
    report = synced.sync(force=force)
    assert (report.contacts.removed, len(names(synced))) == (removed, 3 - removed)


def test_a_contact_that_the_owner_has_changed_is_neither_changed_nor_removed(synced: Synced) -> None:
    of_whatsapp(synced, *people(1))
    synced.sync()
    [imported] = synced.stack.contacts_table.all_contacts()
    path = {"contactId": imported.contact_id}
    assert Api(synced.stack).ask(f"PUT {CONTACT}", {"fullName": "Mine"}, path=path)[0] == 200
    for contacts in (people(1), []):
        of_whatsapp(synced, *contacts)
        synced.sync()
        assert names(synced) == {"Mine"}


def test_a_reading_that_is_out_of_time_removes_nothing_and_is_completed_by_the_next_run(
    synced: Synced,
) -> None:
    of_whatsapp(synced, *people(3))
    synced.sync()
    of_whatsapp(synced, *people(2))
    assert synced.sync(remaining_ms=59_000).outcome == "ok"
    assert len(names(synced)) == 3
    assert synced.sync(complete=False).contacts.removed == 1


def test_a_run_that_is_killed_while_it_writes_contacts_is_completed_by_the_next(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_whatsapp(synced, *people(3))
    table = synced.stack.contacts_table
    save = table.save

    def save_once(contact: Contact, *, before: Contact | None) -> Contact:
        monkeypatch.setattr(table, "save", killed)
        return save(contact, before=before)

    def killed(*_: object, **__: object) -> Contact:
        raise KilledError

    monkeypatch.setattr(table, "save", save_once)
    with pytest.raises(KilledError):
        synced.sync()
    assert len(names(synced)) == 1
    monkeypatch.undo()
    assert synced.sync(complete=False).contacts.saved == 2


def test_pictures_with_endless_urls_end_the_reading(synced: Synced) -> None:
    urls = [f"https://pictures.example/{number}?{'x' * 90_000}" for number in range(200)]
    of_whatsapp(synced, *(contact(f"@{number}:x", None, url) for number, url in enumerate(urls)))
    assert (synced.sync().outcome, names(synced)) == ("ok", set())


def test_contacts_may_be_listed_by_their_source(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada", PICTURE))
    by_hand(synced)
    synced.sync()
    api = Api(synced.stack)

    def listed(**query: str) -> set[str]:
        contacts = api.ask("GET /api/contacts", query=query)[1]["contacts"]
        return {each["source"] for each in contacts}

    assert listed() == {"manual", "beeper"}
    assert listed(source="beeper") == {"beeper"}
    assert listed(source="manual") == {"manual"}
    assert api.ask("GET /api/contacts", query={"source": "icloud"})[0] == 400


def test_no_name_and_no_number_of_a_contact_is_in_the_report(synced: Synced) -> None:
    of_whatsapp(synced, contact(ADA.id, "Ada Lovelace", PICTURE, phoneNumber=NUMBER))
    logged = str(synced.sync().for_log())
    assert "'saved': 1" in logged
    assert "Ada" not in logged
    assert NUMBER not in logged
